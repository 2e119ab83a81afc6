"""From an error to a sentence and an exit code, for all that is started from a terminal."""

import os
import re
import shlex
import sys

EXPECTED = (ValueError, TypeError, LookupError, ArithmeticError, OSError, ImportError, MemoryError)


def exit_code(name, run, *, debug=False):
    """Call run, and return the exit code: what it returns, None being 0.

    It is 1 for an error, which stands on stderr in one sentence behind the name, and 130 for
    Ctrl-C. A reader of the output who has seen enough (`| head`) gets no sentence. debug: let the
    error pass.
    """
    try:
        code = run() or 0
        sys.stdout.flush()  # so that a closed pipe is noticed here, not by Python when it ends
        return code
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        return 130
    except EXPECTED as error:
        if debug:
            raise
        if isinstance(error, BrokenPipeError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is unwritten
        else:
            print(f"{name}: {sentence(error)}", file=sys.stderr)
        return 1


def sentence(error):
    """What an error says, in words that hold here.

    Of an error that the system reported, the file and what is wrong with it. A command that
    installs something is given this Python, which need not be the one that `python` starts.
    """
    if isinstance(error, MemoryError):  # NumPy says what for, Python nothing
        return f"there is not enough memory. {error}".rstrip()
    if isinstance(error, OSError) and error.strerror and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    return re.sub(r"\bpython -m pip", lambda _: shlex.join([sys.executable, "-m", "pip"]),
                  str(error))
