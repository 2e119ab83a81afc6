"""Every check on every planted fault, measured by one command and kept in one file."""

import functools
import json
import math
import platform

import numpy as np

from minitransformer.models import EncoderDecoder
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.planted_faults import FAULTS, checks, training

RESULTS = LADDER.with_name("planted_faults.json")
COMMAND = "python -m minitransformer.teaching.planted_faults"
SEEDS = (0, 1, 2, 3, 4)
BARS = {"complex": 1e-11, "ones": 1e-11, "fresh": 1e-11, "central": 1e-7, "float32": 1e-2,
        "directional": 1e-11}
FALLS_TO = 0.1       # overfitting looks right when the loss falls to this part of its beginning


def read_results(path=RESULTS):
    """The file's contents. Raises FileNotFoundError with the command that makes it."""
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with {COMMAND}")
    return json.loads(path.read_text(encoding="utf-8"))


def findings(row, right):
    """{check: True where it finds the fault} of one row of the file, beside the right one's row.

    An error of None is one beyond all bounds: shapes that do not fit, or a run that stops.
    """
    found = {check: row["errors"][check] is None or row["errors"][check] > bar
             for check, bar in BARS.items()}
    found["shapes"] = row["shapes_differ"]
    found["overfit"] = row["overfit"] is None or row["overfit"][1] > FALLS_TO * row["overfit"][0]
    ends = row["ends"]
    found["curve"] = ends is None or not min(right["ends"]) <= np.mean(ends) <= max(right["ends"])
    return found


def measure_fault(fault, seeds=SEEDS, steps=training.STEPS):
    """The file's row of one fault, or of the right gradient (None)."""
    errors = {check: checks.worst_error(check, fault)
              for check in ("complex", "ones", "fresh", "central", "float32")}
    errors["directional"] = checks.directional_error(fault)
    row = {"errors": {check: _number(error) for check, error in errors.items()},
           "shapes_differ": checks.shapes_differ(fault), "overfit": None, "ends": None,
           "curve": None, "how_wrong": None}
    if row["shapes_differ"]:
        return row  # the optimizer's step stops
    losses = training.overfit(fault)
    row["overfit"] = [_number(losses[0]), _number(losses[-1])]
    runs = np.array([training.train(fault, seed, steps)[0] for seed in seeds])
    row["ends"] = [_number(end) for end in runs[:, -training.LAST:].mean(axis=1)]
    row["curve"] = [_number(x) for x in runs.mean(axis=0).reshape(-1, 10).mean(axis=1)]
    row["how_wrong"] = {}
    for when, model in models_on_the_way(steps).items():
        right, wrong = training.gradients_at(model, fault)
        row["how_wrong"][when] = {"error": _number(checks.whole_error(wrong, right)),
                                  "angle": round(training.angle(wrong, right), 2)}
    return row


@functools.cache
def models_on_the_way(steps):
    """{"first": a new model, "last": the same after a run with the right gradient}."""
    return {"first": EncoderDecoder(training.number_task().config, seed=0),
            "last": training.train(seed=0, steps=steps)[1]}


def measure(faults=FAULTS, *, seeds=SEEDS, steps=training.STEPS, path=RESULTS):
    """Measure the right gradient and every fault, and write the file."""
    rows = {}
    for fault in (None, *faults):
        name = fault.name if fault else "right"
        rows[name] = measure_fault(fault, seeds, steps)
        caught = [check for check, yes in findings(rows[name], rows["right"]).items() if yes]
        print(f"{name}: found by {', '.join(caught) or 'nothing'}", flush=True)
    elsewhere = {check: [_number(checks.worst_error(check, seed=seed)) for seed in seeds]
                 for check in ("complex", "central", "float32")}
    content = {"command": COMMAND,
               "versions": {"python": platform.python_version(), "numpy": np.__version__},
               "seeds": list(seeds), "steps": steps, "bars": BARS, "falls_to": FALLS_TO,
               "right_at_other_points": elsewhere, "rows": rows}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


def _number(x):
    return float(f"{x:.4g}") if math.isfinite(x) else None
