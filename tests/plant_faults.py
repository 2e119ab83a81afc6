"""Plant faults in the package, one at a time, and see whether the tests notice.

    python tests/plant_faults.py                          every fault of all four folders
    python tests/plant_faults.py functional/softmax.py    those of one file
    python tests/plant_faults.py --sample 100 --seed 3    some of them, by their names' digests
    python tests/plant_faults.py --equivalent             those said to change nothing

Each fault is judged by the tests of its own folder alone, such as tests/functional, with numpy and
pytest and nothing else. A fault that no test notices is a missing test, unless it
changes nothing: those are argued in equivalent_faults.txt. The exit code is 1 when a test is
missing, or when one notices what is said to change nothing.
"""

import argparse
import hashlib
import importlib.abc
import importlib.util
import multiprocessing
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from fault_operators import faults_in
from fault_shapes import watch

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # the package of this tree, whichever is installed
FOLDERS = ("functional", "variants", "layers", "models")
KINDS = {"functional": "pair", "variants": "variant", "layers": "layer", "models": "model"}
QUICKLY = ("-x", "-q", "--tb=no", "--assert=plain", "-p", "no:cacheprovider",
           "-p", "no:unraisableexception")
SECONDS = 120  # of processor time, whatever else runs: a fault may make a loop endless


def find_faults(folder):
    """Every fault of one folder of the package."""
    from minitransformer.checks import all_cases

    def run():
        for (kind, _), cases in all_cases().items():
            for case in cases if kind == KINDS[folder] else ():
                options = dict(case.options)
                if "rng" in options:
                    options["rng"] = np.random.default_rng(options["rng"])
                out, cache = case.forward(*case.inputs, **options)
                case.backward(out, cache)

    package = ROOT / "minitransformer" / folder
    seen = watch(package, run)
    return [fault for path in sorted(package.glob("*.py")) if path.stem != "__init__"
            for fault in faults_in(path, seen.get(path, {}))]


def judge(fault):
    """Whether the tests notice the fault. Runs in a process of its own."""
    def too_slow(number, frame):
        raise TimeoutError(f"still running after {SECONDS} s of processor time")

    signal.signal(signal.SIGPROF, too_slow)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    sys.modules["torch"] = None  # an oracle is not always there: pytest and numpy must do
    sys.meta_path.insert(0, Planted(fault))
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    folder = fault.file.parent.name
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    arguments = [*QUICKLY, "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT),
                 str(ROOT / "tests" / folder)]
    try:
        return pytest.main(arguments, plugins=[NearestFirst(fault.file.stem)]) != pytest.ExitCode.OK
    except Exception:  # pytest itself fails when the package cannot even make its check cases
        return True


class Planted(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the faulty module in place of the one on disk."""

    def __init__(self, fault):
        self.fault = fault
        self.module = f"minitransformer.{fault.file.parent.name}.{fault.file.stem}"

    def find_spec(self, name, path, target=None):
        if name != self.module:
            return None
        return importlib.util.spec_from_file_location(name, self.fault.file, loader=self)

    def exec_module(self, module):
        vars(module).update(write_after=write_after, per_example=per_example)
        exec(compile(self.fault.module, self.fault.file, "exec"), vars(module))


class NearestFirst:
    """Runs the tests that name the fault's file first: most faults are noticed there."""

    def __init__(self, stem):
        self.stem = stem

    def pytest_collection_modifyitems(self, items):
        items.sort(key=lambda item: self.stem not in item.nodeid)


def write_after(result, tree, number):
    """What a planted fault calls: write the number, None for the same again, and return result."""
    from minitransformer.tree import tree_items

    for _, x in tree_items(tree):
        if isinstance(x, np.ndarray):
            x[...] = x if number is None else number
    return result


def per_example(gradient, dout):
    """What a planted fault calls: a gradient divided by the size of the batch."""
    from minitransformer.tree import tree_map

    return tree_map(lambda x: x / (np.shape(dout) or (3,))[0], gradient)


def plant(faults, jobs, report=lambda done, survivors: None):
    """The faults that no test notices."""
    survivors, sys.dont_write_bytecode = [], False
    # Each fault gets a fresh fork of this process, which has not imported the package. What one
    # of them compiles, the next ones read.
    with (tempfile.TemporaryDirectory() as sys.pycache_prefix,
          multiprocessing.get_context("fork").Pool(jobs, maxtasksperchild=1) as pool):
        for done, (fault, noticed) in enumerate(zip(faults, pool.imap(judge, faults)), 1):
            if not noticed:
                survivors.append(fault)
            report(done, survivors)
    return survivors


def equivalent_faults():
    """The names of the faults that change nothing, each argued in equivalent_faults.txt."""
    text = (ROOT / "tests" / "equivalent_faults.txt").read_text(encoding="utf-8")
    return {line for line in text.splitlines() if line and not line.startswith("#")}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help="such as functional/softmax.py (default: all)")
    parser.add_argument("--sample", type=int, help="plant only this many, chosen by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--equivalent", action="store_true",
                        help="plant those that are said to change nothing")
    parser.add_argument("--list", action="store_true", help="name the faults, plant none")
    arguments = parser.parse_args()

    start, listed = time.perf_counter(), equivalent_faults()
    faults = choose(arguments.files, arguments.sample, arguments.seed)
    to_plant = [fault for fault in faults if (fault.name in listed) == arguments.equivalent]
    if arguments.list:
        print("\n".join(f"{fault.file.name}:{fault.line} {fault.name}" for fault in to_plant))
        return 0

    def report(done, survivors):
        if sys.stderr.isatty():
            print(f"\r{done} of {len(to_plant)} planted, {len(survivors)} not noticed, "
                  f"{time.perf_counter() - start:.0f} s ", end="", file=sys.stderr, flush=True)

    survivors = plant(to_plant, arguments.jobs, report)
    wrong = [fault for fault in to_plant if (fault in survivors) != arguments.equivalent]
    for fault in wrong:
        print(f"\n{fault.file.relative_to(ROOT)}:{fault.line} in {fault.function}\n"
              f"  - {fault.before}\n  + {fault.after}")
    if not (arguments.files or arguments.sample):
        for name in sorted(listed - {fault.name for fault in faults}):
            print(f"\nno longer a fault, take it out of the list: {name}")
    found, planted, missed = (Counter(fault.file.parent.name for fault in some)
                              for some in (faults, to_plant, survivors))
    for folder in sorted(found):
        print(f"{folder}: {found[folder]} faults, {planted[folder]} planted, "
              f"{planted[folder] - missed[folder]} noticed, {missed[folder]} not noticed")
    return 1 if wrong else 0


def choose(files=(), sample=None, seed=0):
    """The faults of the files given, of all files when there are none; a sample when asked for."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        faults = [fault for found in pool.map(find_faults, FOLDERS) for fault in found]
    if files:
        wanted = {Path(file).parts[-2:] for file in files}
        faults = [fault for fault in faults if fault.file.parts[-2:] in wanted]
    if sample is not None and sample < len(faults):
        # By a digest of each name: a line that changes anywhere does not choose all others anew.
        faults = sorted(faults, key=lambda fault: _digest(seed, fault.name))[:sample]
        faults.sort(key=lambda fault: (str(fault.file), fault.line, fault.name))
    return faults


def _digest(seed, name):
    return hashlib.sha256(f"{seed} {name}".encode()).digest()


if __name__ == "__main__":
    raise SystemExit(main())
