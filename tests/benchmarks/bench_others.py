"""The training step, against the NumPy packages glassllm and pydynet, which have an autograd.

    python -m pip install --no-deps glassllm==0.1.0 pydynet==1.1
    python tests/benchmarks/bench_others.py

A step is forward, loss, backward and Adam, in float32, of a decoder of size S (4 layers of width
128, 16 texts of 128 tokens), without dropout. glassllm trains its own model; pydynet's package
holds no Transformer, so other_packages.py makes one of its modules. Both have our weights, and in
float64 the losses must agree before anything is timed. Their gradients are compared with central
differences, on a small model, and what was found stands under the table. See rounds.py for what the
ratio is. A package that is missing is left out, and NumPy is timed alone.
"""

import importlib.metadata
import importlib.util
import sys

import bench_training_step
import rounds as benchmark

PACKAGES = {"glassllm": "GlassTwin", "pydynet": "PydynetTwin"}
SIZE = bench_training_step.SIZES["S"]
SMALL = {"vocab_size": 7, "d_model": 12, "n_heads": 2, "n_layers": 2, "d_ff": 32, "max_seq_len": 9}
ADAM = {"lr": 1e-3, "betas": (0.9, 0.999)}
TOLERANCE = 1e-11  # of the loss, in float64
BAR = 1e-6         # a gradient this close to central differences is right


def measure(package, threads, rounds):
    """One row of the table, as a dict; "note" is a sentence on the package's gradients."""
    import numpy as np
    import other_packages

    from minitransformer.training import AdamW

    twin_of = getattr(other_packages, PACKAGES[package])
    shape = {**SIZE["config"], "d_ff": int(8 * SIZE["config"]["d_model"] / 3)}  # glassllm's own
    config = make_config(shape, twin_of)
    model = bench_training_step.make_model(config)
    batch = bench_training_step.random_batch(config, **SIZE["batch"])
    sides, others = {"numpy": numpy_step(model, AdamW(model.params, **ADAM), batch)}, {}
    if importlib.util.find_spec(package):
        exact = bench_training_step.make_model(config, dtype=np.float64)
        ours, theirs = exact.loss(batch), twin_of(exact, np.float64).loss(batch.tgt, batch.targets)
        error = abs(float(theirs.data) - ours) / ours
        benchmark.expect_agreement(package, error, TOLERANCE, other=package)
        version = importlib.metadata.version(package)
        others = {"error": error, package: version,
                  "note": note(f"{package} {version}", gradient_errors(twin_of))}
        twin = twin_of(model, np.float32)
        sides[package] = their_step(twin, twin.optimizer(**ADAM), batch)
    return benchmark.row_of(package, threads, sides, rounds, **others)


def make_config(shape, twin_of):
    """The configuration of ours that computes what the package's twin does."""
    return bench_training_step.make_config({
        **shape, "activation": "swiglu", "norm": "rms", "norm_eps": 1e-6, "bias": False,
        "scale_embeddings": False, "pad_id": -1, "dropout": 0.0, **twin_of.OURS})


def numpy_step(model, optimizer, batch):
    """A function of the step's number that trains our model once."""
    def step(i):
        _, grads = model.loss_and_grads(batch)
        optimizer.step(grads)
    return step


def their_step(twin, optimizer, batch):
    """The same for a package."""
    def step(i):
        optimizer.zero_grad()
        twin.loss(batch.tgt, batch.targets).backward()
        optimizer.step()
    return step


def gradient_errors(twin_of, coordinates=5, h=1e-5):
    """{their parameter: ||a - n|| / (||a|| + ||n||)}: their gradient a, central differences n.

    Both at a few random coordinates of each array of a small model, in float64.
    """
    import numpy as np

    config = make_config(SMALL, twin_of)
    model = bench_training_step.make_model(config, dtype=np.float64)
    batch = bench_training_step.random_batch(config, B=3, T=8)  # most ids come more than once
    twin, rng, errors = twin_of(model, np.float64), np.random.default_rng(1), {}
    twin.loss(batch.tgt, batch.targets).backward()
    for name, tensor in twin.parameters.items():
        claimed, measured = [], []
        for _ in range(coordinates):
            place = tuple(rng.integers(tensor.data.shape))
            kept, around = tensor.data[place], []
            for moved in (kept + h, kept - h):
                tensor.data[place] = moved
                around.append(float(twin.loss(batch.tgt, batch.targets).data))
            tensor.data[place] = kept
            claimed.append(tensor.grad[place])
            measured.append((around[0] - around[1]) / (2 * h))
        a, n = np.array(claimed), np.array(measured)
        errors[name] = float(np.linalg.norm(a - n) / (np.linalg.norm(a) + np.linalg.norm(n)))
    return errors


def note(package, errors):
    """What central differences say of a package's gradients, as a sentence."""
    wrong = {name: error for name, error in errors.items() if not error <= BAR}
    worst = max((error for name, error in errors.items() if name not in wrong), default=0.0)
    text = (f"{package}: of {len(errors)} arrays, the gradients of {len(errors) - len(wrong)} are "
            f"within {worst:.0e} of central differences")
    if wrong:
        text += "; wrong are " + ", ".join(f"{name} ({error:.0e})" for name, error in wrong.items())
    return text


def main(argv=None):
    """Measure and print."""
    return benchmark.run(__file__, __doc__, PACKAGES, measure, rounds=7, argv=argv,
                         other="the package", install="python -m pip install --no-deps "
                         "glassllm==0.1.0 pydynet==1.1")


if __name__ == "__main__":
    sys.exit(main())
