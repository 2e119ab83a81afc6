"""Make .venv beside this file if need be, then run `python -m minitransformer` in it.

    python3 run.py            the tour
    python3 run.py test       the tests
    python3 run.py lessons    the lessons, in JupyterLab
    python3 run.py --help     all commands

Standard library only, and nothing newer than Python 2.7's grammar: a Python that is too old
must still be able to read this file, in order to say so.
"""

import hashlib
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "installed-by-run.txt")  # what was installed; goes away with .venv
UNFINISHED = "unfinished"
OLDEST = (3, 10)


class SetupError(Exception):
    """What stands in the way, in one sentence for the person at the keyboard."""


def refusal(version, has_venv):
    """Why this Python cannot be used, in one sentence; None when it can.

    version is a tuple such as (3, 8, 18); has_venv says whether it can make environments.
    """
    if tuple(version[:2]) < OLDEST:
        return ("minitransformer needs Python {}.{} or newer and this is Python {}: install a "
                "newer one (https://www.python.org/downloads/) and start run.py with that.").format(
                    OLDEST[0], OLDEST[1], ".".join(str(n) for n in version[:3]))
    if not has_venv:
        return ("This Python cannot make virtual environments: install its venv module (on Debian "
                "and Ubuntu: sudo apt install python3-venv) and start run.py again.")
    return None


def can_make_environments():
    """Whether venv and ensurepip are there: Debian leaves ensurepip to the package python3-venv."""
    try:
        import ensurepip  # noqa: F401
        import venv  # noqa: F401
    except ImportError:
        return False
    return True


def environment_python(venv, windows):
    """The path of an environment's Python."""
    place = ("Scripts", "python.exe") if windows else ("bin", "python")
    return os.path.join(venv, *place)


def fingerprint(root):
    """A hash of what decides the installation: two files, and where the project lies."""
    digest = hashlib.sha256(root.encode("utf-8"))  # moved: "-e ." must be installed again
    for name in ("requirements.txt", "pyproject.toml"):
        with open(os.path.join(root, name), "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()


def read_stamp():
    """What the stamp says: a fingerprint, UNFINISHED, or "" when there is none."""
    if not os.path.exists(STAMP):
        return ""
    with open(STAMP) as file:
        return file.read().strip()


def write_stamp(text):
    """Write the stamp."""
    with open(STAMP, "w") as file:
        file.write(text + "\n")


def prepare():
    """Make .venv and install into it, unless that is done already. Returns its Python's path.

    A .venv that somebody made by hand is installed into, never cleared; one that this file began
    and did not finish is made anew.
    """
    python = environment_python(VENV, os.name == "nt")
    wanted = fingerprint(ROOT)
    stamp = read_stamp()
    if stamp == wanted and os.path.exists(python):
        return python
    if stamp == UNFINISHED or not os.path.exists(python):
        if os.path.realpath(sys.prefix) == os.path.realpath(VENV):
            raise SetupError(".venv is unfinished and has to be made anew, but run.py was started "
                             "with its Python: leave it (deactivate) and start run.py again.")
        say("Making .venv")
        shutil.rmtree(VENV, ignore_errors=True)
        if not os.path.isdir(VENV):
            os.mkdir(VENV)
        write_stamp(UNFINISHED)
        call("making .venv", [sys.executable, "-m", "venv", VENV])
    say("Installing what requirements.txt names; the first time this takes a minute or two")
    # The line "-e ." in requirements.txt means the current directory: it has to be ROOT here.
    call("installing", [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                        "-r", os.path.join(ROOT, "requirements.txt")], cwd=ROOT)
    write_stamp(wanted)
    return python


def say(text):
    """Tell how the set-up goes, on stderr: stdout belongs to the command."""
    sys.stderr.write(text + " ...\n")
    sys.stderr.flush()


def call(purpose, command, cwd=None):
    """Run one step of the set-up. Raises SetupError when it fails."""
    code = subprocess.call(command, cwd=cwd)
    if code != 0:
        raise SetupError("run.py stopped while {} (exit code {}; the lines above say why): mend "
                         "that, or check the network connection, and start it again.".format(
                             purpose, code))


def hand_over(command):
    """Run command to its end and return its exit code. Ctrl-C is the command's to answer."""
    process = subprocess.Popen(command)
    while True:
        try:
            code = process.wait()
            return code if code >= 0 else 128 - code  # killed by a signal: as a shell says it
        except KeyboardInterrupt:
            pass  # it has reached the command as well, which ends in its own time


def main(arguments):
    """Do what the module's first line says. Returns the exit code."""
    reason = refusal(sys.version_info, can_make_environments())
    if reason:
        sys.stderr.write(reason + "\n")
        return 1
    try:
        python = prepare()
    except SetupError as error:
        sys.stderr.write("{}\n".format(error))
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted: the next start of run.py does this step again.\n")
        return 130
    # UTF-8 also where it is not the system's habit (Windows): German letters go in and out.
    return hand_over([python, "-X", "utf8", "-m", "minitransformer"] + arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
