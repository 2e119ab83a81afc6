"""The lessons' notebooks: executed, committed with their outputs, and checked.

    python -m minitransformer lessons                 open the lessons in JupyterLab
    python -m minitransformer lessons --copy DIR      a working copy of your own, without outputs
    python -m minitransformer lessons --check [04]    run them and compare with what is committed
    python -m minitransformer lessons --build [04]    run them and write them, outputs included
    python -m minitransformer lessons --remeasure 04  the same, cells tagged "varies" renewed too

A cell tagged `varies` prints what depends on the machine (time, training). Its output is not
compared, but it must assert what it claims, and a build keeps it while the code cells up to it
are unchanged. A lesson with a cell tagged `training` may take 180 s, others 60 s.
"""

import copy
import platform
import subprocess
import sys
import time
from pathlib import Path

from minitransformer.arguments import a_name
from minitransformer.teaching.compare import outputs_differ
from minitransformer.teaching.tidy import (
    code_up_to, has_tag, measured_outputs, tidy, unsupported_claim)

LESSONS = Path(__file__).resolve().parents[2] / "lessons"
SECONDS, TRAINING_SECONDS, HANG_SECONDS = 60, 180, 900


def build(lessons=(), *, folder=LESSONS, remeasure=False):
    """Execute lessons ("04", ...; none: all) and write their notebooks. Returns the problems."""
    problems = []
    for path in _paths(lessons, folder):
        notebook = _read(path)
        kept = {} if remeasure else measured_outputs([*_committed(path), notebook])
        failed, slow = _execute(notebook, path)
        problems += failed + slow
        if failed:
            continue  # the file is left as it was
        tidy(notebook, _environment())
        for cell, code in code_up_to(notebook):
            if has_tag(cell, "varies"):
                cell.outputs = kept.get(code, cell.outputs)
                cell.metadata["measured"] = code
        problems += _claims(notebook, path)
        _write(notebook, path)
    return problems


def check(lessons=(), *, folder=LESSONS):
    """Execute lessons and compare with their files, which stay as they are. Returns the problems.

    Outputs, and the time taken, count only in the environment that the notebook was built in.
    """
    problems = []
    for path in _paths(lessons, folder):
        old = _read(path)
        new = copy.deepcopy(old)
        failed, slow = _execute(new, path)
        problems += failed + _claims(old, path)
        built_in = old.metadata.get("environment")
        if built_in is None:
            problems.append(f"{path.stem}: has never been built")
        elif built_in != _environment():
            print(f"  built with {built_in}, this is {_environment()}: run, but not compared")
        elif not failed:
            tidy(new, _environment())
            problems += slow + _differences(old, new, path)
    return problems


def copy_lessons(folder, *, lessons=LESSONS):
    """Copy the notebooks to a new folder, and say how many. FileExistsError: never replaces.

    Without outputs, because a prediction is worth making only while its answer is unseen.
    """
    folder, paths = Path(folder), _paths((), lessons)
    if folder.exists() and not folder.is_dir():
        raise FileExistsError(f"{folder} is a file: give the name of a new folder")
    if taken := [path.name for path in paths if (folder / path.name).exists()]:
        raise FileExistsError(f"{folder / taken[0]} exists already: give a new folder, so that "
                              "your work is never overwritten")
    folder.mkdir(parents=True, exist_ok=True)
    for path in paths:
        notebook = _read(path)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
        _write(notebook, folder / path.name)
    return counted(paths)


def counted(paths):
    """ "25 lessons (1 of them in two languages)": a translation, NN_name_zh.ipynb, is no other."""
    twice = sum(path.stem.endswith("_zh") for path in paths)
    return f"{len(paths) - twice} lessons" + f" ({twice} of them in two languages)" * bool(twice)


def _paths(lessons, folder):
    """The notebooks of these lessons. Raises FileNotFoundError for one that does not exist."""
    if not lessons:
        return sorted(Path(folder).glob("[0-9][0-9]_*.ipynb"))
    paths = []
    for lesson in lessons:
        found = lesson.isdecimal() and sorted(Path(folder).glob(f"{lesson.zfill(2)}_*.ipynb"))
        if not found:
            raise FileNotFoundError(f"there is no lesson {lesson!r} in {folder}")
        paths += found
    return paths


def _jupyter(name):
    try:
        return __import__(name)
    except ImportError:
        raise ImportError(f"{name} is missing; it comes with Jupyter: "
                          "python -m pip install jupyter") from None


def _read(path):
    return _jupyter("nbformat").read(path, as_version=4)


def _write(notebook, path):
    text = _jupyter("nbformat").writes(notebook).rstrip("\n") + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")


def _committed(path):
    """The notebook as last committed, in a list; an empty list where there is no such thing."""
    command = ["git", "show", f"HEAD:./{path.name}"]
    try:
        run = subprocess.run(command, cwd=path.parent, capture_output=True, check=True)
        return [_jupyter("nbformat").reads(run.stdout.decode("utf-8"), as_version=4)]
    except (OSError, subprocess.CalledProcessError):
        return []


def _environment():
    """What outputs depend on: they are compared only where all of this is the same."""
    import matplotlib
    import numpy
    python = platform.python_version()
    versions = {"python": python, "numpy": numpy.__version__, "matplotlib": matplotlib.__version__}
    return {"system": f"{platform.system()} {platform.machine()}",
            **{name: ".".join(version.split(".")[:2]) for name, version in versions.items()}}


def _execute(notebook, path):
    """Run the cells in a fresh kernel, in the notebook's folder, and put the outputs in place.

    Returns two lists of at most one problem: the error that stopped it, and too long a time.
    """
    nbclient = _jupyter("nbclient")
    client = nbclient.NotebookClient(
        notebook, timeout=HANG_SECONDS, kernel_name="python3", record_timing=False,
        coalesce_streams=True, extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}})
    cells, failed = notebook.cells, []
    with client.setup_kernel():
        start = time.monotonic()
        for index, cell in enumerate(cells):
            _live(f"{path.stem}: cell {index + 1} of {len(cells)}")
            try:
                client.execute_cell(cell, index)
            except (nbclient.exceptions.CellExecutionError,
                    nbclient.exceptions.CellTimeoutError) as error:
                failed = [f"{_place(path, index, cell)}: {_last_line(error)}"]
                break
        seconds = time.monotonic() - start
    limit = TRAINING_SECONDS if any(has_tag(c, "training") for c in cells) else SECONDS
    _live("")
    print(f"{path.stem}: {'failed after' if failed else 'ran in'} {seconds:.0f} s "
          f"(limit {limit} s)", flush=True)
    slow = seconds > limit
    return failed, [f"{path.stem}: took {seconds:.0f} s, more than its {limit} s"] * slow


def _live(text):
    """A line that the next one replaces, where somebody is watching."""
    if sys.stdout.isatty():
        print(f"\r{text:<60}\r", end="", flush=True)


def _last_line(error):
    name = getattr(error, "ename", type(error).__name__)
    return f"{name}: {getattr(error, 'evalue', '') or str(error).splitlines()[0]}"


def _place(path, index, cell):
    first = cell.source.strip().partition("\n")[0]
    return f"{path.stem}, cell {index + 1} (`{first}`)"


def _claims(notebook, path):
    return [f"{_place(path, index, cell)}: {words}" for index, cell in enumerate(notebook.cells)
            if (words := unsupported_claim(cell))]


def _differences(old, new, path):
    """One line for each cell whose committed output is not what it gives now."""
    problems = []
    for index, ((a, code), (b, _)) in enumerate(zip(code_up_to(old), code_up_to(new))):
        words = None
        if has_tag(a, "varies"):
            if a.metadata.get("measured") != code:
                words = "was measured with other code than it follows now: build it again"
        elif a.cell_type == "code":
            words = outputs_differ(a.outputs, b.outputs)
        if words:
            problems.append(f"{_place(path, index, a)}: {words}")
    return problems


def add_arguments(parser):
    """Give an argparse parser the options of `lessons`."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--check", nargs="*", metavar="NN", help="run and compare lessons")
    group.add_argument("--build", nargs="*", metavar="NN", help="run lessons and write them")
    group.add_argument("--remeasure", nargs="*", metavar="NN", help="build, and measure anew")
    group.add_argument("--copy", type=a_name, metavar="DIR", help="make a copy without outputs")
    group.add_argument("--html", type=a_name, nargs="?", const="site", metavar="DIR",
                       help="write all lessons as pages that need no network (default DIR: site)")
    parser.add_argument("--mathjax", type=a_name, metavar="FILE", help="--html with this MathJax 3")


def run(options):
    """Do what the parsed options ask; returns the exit code: 0, or 1 when there were problems."""
    chosen = [options.check, options.build, options.remeasure, options.copy, options.html,
              options.mathjax]
    if options.rest and any(choice is not None for choice in chosen):
        raise ValueError(f"{' '.join(options.rest)} would be JupyterLab's, which is not opened")
    if options.copy is not None:
        print(f"{copy_lessons(options.copy)} copied to {options.copy}")
        return 0
    if options.html is not None or options.mathjax:
        from minitransformer.teaching.pages import export_pages
        problems = export_pages(options.html or "site", mathjax=options.mathjax)
    elif options.check is not None:
        problems = check(options.check)
    elif options.build is not None:
        problems = build(options.build)
    elif options.remeasure is not None:
        problems = build(options.remeasure, remeasure=True)
    else:
        command = [sys.executable, "-m", "jupyter", "lab", str(LESSONS), *options.rest]
        return subprocess.run(command).returncode
    for problem in problems:
        print(problem)
    return 1 if problems else 0
