"""The loss ladder: bits per character of the Python manual, one bar for each idea.

    python -m minitransformer.teaching.ladder              measure every bar again
    python -m minitransformer.teaching.ladder "one head"   measure one, keep the others

The bars are defined in rungs.py, and stand in lessons/results/ladder.json with the command, the
versions, and each bar's configuration and seed. The manual's text depends on Python's version, so
bars are comparable only within one file.
"""

import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minitransformer.data.manual import python_manual
from minitransformer.teaching.run_command import run_command

LADDER = Path(__file__).resolve().parents[2] / "lessons" / "results" / "ladder.json"


class Rung(NamedTuple):
    """One bar. measure(split, seed=..., **config) trains on split.train and returns the bits per
    character of split.test; whatever it has to choose, it chooses on split.validation.
    """
    name: str
    lesson: str
    measure: Callable
    config: dict
    seed: int = 0


def read_ladder(path=LADDER):
    """What the ladder's file holds. Raises FileNotFoundError with the command that makes it."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.ladder")
    return json.loads(path.read_text(encoding="utf-8"))


def measure_ladder(rungs, names=(), *, path=LADDER):
    """Measure the rungs of these names (none: all) and write the file, in the order of rungs.

    Raises ValueError for a name that no rung has, or when the kept bars are another Python's.
    """
    if unknown := set(names) - {rung.name for rung in rungs}:
        raise ValueError(f"there is no rung {min(unknown)!r}; there are "
                         f"{', '.join(rung.name for rung in rungs)}")
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    if names:
        _kept_bars(path, versions)  # an unfit file is refused before anything is measured
    bars = {}
    split = python_manual()
    for rung in rungs:
        if names and rung.name not in names:
            continue
        start = time.monotonic()
        bits = float(rung.measure(split, seed=rung.seed, **rung.config))
        print(f"{rung.name:<24} {bits:.4f} bits per character, {time.monotonic() - start:.0f} s")
        bars[rung.name] = {"name": rung.name, "lesson": rung.lesson, "bits": round(bits, 4),
                           "config": rung.config, "seed": rung.seed}
    if names:  # read only now: a run takes minutes, and another may have added its bar meanwhile
        bars = _kept_bars(path, versions) | bars
    content = {"command": "python -m minitransformer.teaching.ladder", "versions": versions,
               "rungs": [bars[rung.name] for rung in rungs if rung.name in bars]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


def _kept_bars(path, versions):
    """{name: bar} of the file, if there is one. Raises ValueError when it is another Python's."""
    if not path.exists():
        return {}
    old = read_ladder(path)
    if old["versions"]["python"] != versions["python"]:
        raise ValueError(f"the bars in {path.name} were measured on the manual of Python "
                         f"{old['versions']['python']}, this is {versions['python']}: "
                         "measure all of them, without naming any")
    return {bar["name"]: bar for bar in old["rungs"]}


if __name__ == "__main__":
    from minitransformer.teaching.rungs import RUNGS
    run_command(__doc__, lambda names: measure_ladder(RUNGS, names),
                {"names": {"nargs": "*", "metavar": "BAR", "help": "only these (default: all)"}})
