"""Voices and digits: lesson 15's measurements.

    python -m minitransformer.teaching.tasks            measure, and write the file (15 minutes)
    python -m minitransformer.teaching.tasks digits     these alone; what the file has stays

The data come with two packages: python -m pip install --no-deps aeon==1.6.0 scikit-learn. The
settings of minitransformer.classifier are trained on all that may be learned from, with five seeds,
and tested once with each. What the parts of a setting are worth is judged by the validation part,
after shorter trainings on the rest.
"""

import importlib.metadata
import json
import platform

import numpy as np

from minitransformer.classifier import TASKS, Classifier, make_trainer
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.run_command import run_command
from minitransformer.tree import tree_size

RESULTS = LADDER.with_name("tasks.json")
SEEDS = (0, 1, 2, 3, 4)
FEWER_SEEDS = SEEDS[:3]  # of a setting that is only compared,
COMPARED_STEPS = {"vowels": 300, "digits": 600}  # and its training is shorter
ORDER = np.random.default_rng(5).permutation(16)  # of the patches, the same for all images

PACKAGES = ("aeon", "scikit-learn")


def package_version(name):
    """The version of an installed package; None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def same(features, rng):
    """An example as it is."""
    return features


def without_positions(task):
    """The task with a model that sees a bag of tokens."""
    return task._replace(sizes={**task.sizes, "positions": "none"})


SETTINGS = {  # what becomes of a task
    "as chosen": lambda task: task,
    "examples as they are": lambda task: task._replace(noise=0.0, change=same),
    "without positions": without_positions,
}


def in_another_order(data):
    """The data with the tokens of every example in ORDER."""
    return data._replace(**{part: [(features[ORDER], label) for features, label in examples]
                            for part, examples in data._asdict().items() if part != "classes"})


def trained(task, examples, classes, *, seed, steps=None):
    """A Classifier that has learned from the examples, silently."""
    classifier = Classifier.untrained(examples, classes, seed=seed, **task.sizes)
    trainer = make_trainer(classifier, task, examples, steps=steps, seed=seed, print_every=0)
    trainer.train(task.steps if steps is None else steps)
    return classifier


def right(classifier, examples):
    """The share of the examples whose class is found."""
    return float(np.mean(classifier.predict(examples) == [label for _, label in examples]))


def validation_shares(name, task, data, *, seeds, steps=None):
    """{setting: a share for each seed} on the validation part, after a training on data.train."""
    steps = COMPARED_STEPS[name] if steps is None else steps
    tried = {what: (change(task), data) for what, change in SETTINGS.items()}
    if name == "digits":  # their model moves images, which it must do before they are shuffled
        tried["patches in another order"] = task._replace(
            change=lambda patches, rng: task.change(patches[np.argsort(ORDER)], rng)[ORDER],
        ), in_another_order(data)
    shares = {}
    for what, (changed, of) in tried.items():
        shares[what] = [right(trained(changed, of.train, of.classes, seed=seed, steps=steps),
                              of.validation) for seed in seeds]
        print(f"{name}, {what}: {np.round(shares[what], 4).tolist()}", flush=True)
    return shares


def tested(name, task, data, *, seeds, steps=None):
    """What training on everything but the test part, with each seed, makes of the test part."""
    examples, K = data.train + data.validation, len(data.classes)
    labels = np.array([label for _, label in data.test])
    shares, confusion, wrong = [], np.zeros((K, K), int), {}
    for seed in seeds:
        classifier = trained(task, examples, data.classes, seed=seed, steps=steps)
        found = classifier.predict(data.test)
        shares.append(float(np.mean(found == labels)))
        np.add.at(confusion, (labels, found), 1)
        for i in np.flatnonzero(found != labels):
            wrong.setdefault(str(i), []).append(int(found[i]))
        print(f"{name}, test, seed {seed}: {shares[-1]:.4f}", flush=True)
    return {"parameters": tree_size(classifier.model.params), "learned_from": len(examples),
            "test": shares, "confusion": confusion.tolist(), "wrong": wrong}


def measure_tasks(*, tasks=TASKS, seeds=SEEDS, fewer_seeds=FEWER_SEEDS, steps=None, path=RESULTS):
    """Measure tasks and write the file; of others, what it has is kept."""
    measured = {}
    for name, task in tasks.items():
        data = task.load()
        measured[name] = {
            "classes": list(data.classes),
            "config": {**task.sizes, "steps": task.steps if steps is None else steps,
                       "batch_size": task.batch_size, "peak": task.peak, "noise": task.noise},
            **tested(name, task, data, seeds=seeds, steps=steps),
            "validation": validation_shares(name, task, data, seeds=fewer_seeds, steps=steps)}
    kept = read_tasks(path)["tasks"] if path.exists() else {}
    content = {"command": "python -m minitransformer.teaching.tasks",
               "versions": {"python": platform.python_version(), "numpy": np.__version__,
                            **{name: package_version(name) for name in PACKAGES}},
               "seeds": list(seeds), "fewer_seeds": list(fewer_seeds),
               "compared_steps": COMPARED_STEPS, "tasks": {**kept, **measured}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


def read_tasks(path=RESULTS):
    """{"seeds", "tasks": {"vowels", "digits"}, ...}, as the file has it.

    tasks[name]: "validation" {setting: shares}, "test" shares, "confusion" (label, found) counted
    over all seeds, "wrong" {place in the test part: what it was taken for}. Raises
    FileNotFoundError with the command that makes the file.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.tasks")
    return json.loads(path.read_text(encoding="utf-8"))


def main(names):
    """Measure the tasks of these names; none: all."""
    if unknown := set(names) - TASKS.keys():
        raise ValueError(f"there is no task {min(unknown)!r}; there are {', '.join(TASKS)}")
    measure_tasks(tasks={name: TASKS[name] for name in names or TASKS})


if __name__ == "__main__":
    run_command(__doc__, main, {"names": {"nargs": "*", "metavar": "TASK",
                                         "help": "only these (default: all)"}})
