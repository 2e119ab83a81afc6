"""The bug museum: faulty gradients that look right, and the checks that catch or miss them.

An exhibit stands in exhibits/lesson_NN.py, in the tuple EXHIBITS. What it says about checks is
tested: each check named in caught_by does catch it, and each named in missed_by does not.
"""

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minitransformer.gradient_check import check_gradients
from minitransformer.teaching import exhibits
from minitransformer.teaching.decoding_checks import DECODING_CHECKS
from minitransformer.teaching.loading_checks import LOADING_CHECKS
from minitransformer.teaching.parallel_checks import PARALLEL_CHECKS
from minitransformer.teaching.price_checks import PRICE_CHECKS
from minitransformer.teaching.reading_checks import READING_CHECKS
from minitransformer.teaching.source import code_of
from minitransformer.teaching.text_checks import TEXT_CHECKS
from minitransformer.teaching.tile_checks import TILE_CHECKS

STEP_SIZES = (1.0, 0.3, 0.1, 0.03, 0.01)
STEPS = 200


@dataclass(frozen=True)
class Exhibit:
    """A faulty pair: forward, backward, or what both of them use is wrong, the rest is right.

    inputs: rng -> call(...) for forward, all sizes different. training_inputs: the same for the
    checks that look at one training run (default: inputs), where sizes may coincide.
    fault: the function to show. caught_by, missed_by: keys of CHECKS. decode: where decoding is
    what is wrong, a function with forward's arguments that should give forward's values.
    """
    name: str
    lesson: str
    title: str
    forward: Callable
    backward: Callable
    fault: Callable
    inputs: Callable
    breaks: str
    caught_by: tuple
    missed_by: tuple
    training_inputs: Callable | None = None
    decode: Callable | None = None

    def __repr__(self):
        return "\n".join([f"Bug museum, lesson {self.lesson}: {self.title}", *self._facts(), "",
                          code_of(self.fault)])

    def _repr_markdown_(self):
        facts = "\n".join(f"- {fact}" for fact in self._facts())
        return (f"**Bug museum, lesson {self.lesson}: {self.title}**\n\n{facts}\n\n"
                f"```python\n{code_of(self.fault)}\n```")

    def _facts(self):
        shown = "no" if "a falling loss" in self.missed_by else "yes"
        return [f"What it breaks: {self.breaks}", f"Would a loss curve show it? {shown}.",
                f"Caught by {', '.join(self.caught_by)}.",
                f"Missed by {', '.join(self.missed_by)}."]


def exhibit(name):
    """The exhibit of this name, as the last expression of a cell. Raises ValueError if unknown."""
    found = {e.name: e for e in all_exhibits()}
    if name not in found:
        raise ValueError(f"there is no exhibit {name!r}; there are {', '.join(found)}")
    return found[name]


def all_exhibits():
    """Every exhibit, in the order of the lessons."""
    names = sorted(module.name for module in pkgutil.iter_modules(exhibits.__path__))
    modules = [importlib.import_module(f"{exhibits.__name__}.{name}") for name in names]
    return [e for module in modules for e in module.EXHIBITS]


def gradient_check_catches(exhibit):
    """The complex step with a random cotangent, on inputs whose sizes all differ."""
    args, options = exhibit.inputs(np.random.default_rng(0))
    try:
        report = check_gradients(exhibit.forward, exhibit.backward, *args, options=options)
    except (TypeError, ValueError):  # a shape that does not fit, or a changed argument
        return True
    return not report.passed(1e-12)


def gradient_check_at_gain_one_catches(exhibit):
    """The gradient check of x, gain and bias on a new layer, where every gain is 1."""
    (x, gain, bias), options = exhibit.inputs(np.random.default_rng(0))
    report = check_gradients(exhibit.forward, exhibit.backward, x, np.ones_like(gain), bias,
                             options=options)
    return not report.passed(1e-12)


def probe_of_ones_catches(exhibit):
    """The gradient of out.sum(), compared in absolute terms: a check with dout = ones."""
    args, options = exhibit.inputs(np.random.default_rng(0))
    out, cache = exhibit.forward(*args, **options)
    gradients = _as_tuple(exhibit.backward(np.ones_like(out), cache))
    for position, gradient in enumerate(gradients):
        measured = np.empty_like(gradient)
        for index in np.ndindex(gradient.shape):
            moved = [x.astype(complex) for x in args]
            moved[position][index] += 1e-30j
            measured[index] = exhibit.forward(*moved, **options)[0].sum().imag / 1e-30
        if np.max(np.abs(gradient - measured)) > 1e-9:
            return True
    return False


def shapes_catch(exhibit):
    """Whether a gradient has another shape than its input, on the training inputs."""
    args, options = _training_inputs(exhibit)
    out, cache = exhibit.forward(*args, **options)
    gradients = _as_tuple(exhibit.backward(np.ones_like(out), cache))
    return any(np.shape(g) != x.shape for g, x in zip(gradients, args, strict=True))


def falling_loss_catches(exhibit):
    """Whether training fails: gradient descent cannot halve a mean squared error that it can reach.

    The target is what the same forward gives for other inputs; the best of a few step sizes counts,
    as in a training run that somebody has tuned.
    """
    args, options = _training_inputs(exhibit)
    other, _ = _training_inputs(exhibit, seed=1)
    target, _ = exhibit.forward(*other, **options)

    def final_loss(step_size):
        moved = args
        for _ in range(STEPS):
            out, cache = exhibit.forward(*moved, **options)
            gradients = _as_tuple(exhibit.backward(out - target, cache))
            moved = [x - step_size * g for x, g in zip(moved, gradients, strict=True)]
        out, _ = exhibit.forward(*moved, **options)
        return np.mean((out - target) ** 2)

    start = np.mean((exhibit.forward(*args, **options)[0] - target) ** 2)
    with np.errstate(all="ignore"):  # too long a step may overflow
        best = min((loss for loss in map(final_loss, STEP_SIZES) if np.isfinite(loss)),
                   default=np.inf)
    return not best < start / 2


def _future_catches(size):
    """A check that no future token changes an earlier output, on q, k and v times size."""
    def catches(exhibit):
        args, options = exhibit.inputs(np.random.default_rng(0))
        q, k, v = (x * size for x in args)
        before, _ = exhibit.forward(q, k, v, **options)
        v[..., -1, :] += 1.0
        after, _ = exhibit.forward(q, k, v, **options)
        return not np.array_equal(before[..., :-1, :], after[..., :-1, :])
    return catches


def shuffled_tokens_catch(exhibit):
    """Whether attention knows an order: tokens that change places must take their outputs along."""
    args, options = exhibit.inputs(np.random.default_rng(0))
    options = options | {"causal": False}  # looking back is an order
    order = np.random.default_rng(1).permutation(args[0].shape[-2])
    before, _ = exhibit.forward(*args, **options)
    after, _ = exhibit.forward(*(x[..., order, :] for x in args), **options)
    return not np.allclose(before[..., order, :], after, rtol=1e-9, atol=1e-12)


def changed_target_catches(exhibit):
    """Whether a token that is still to be guessed changes the logits that guess it."""
    args, options = exhibit.inputs(np.random.default_rng(0))
    changed = options["targets"].copy()
    changed[:, -1] = (changed[:, -1] + 1) % (changed.max() + 1)
    before, _ = exhibit.forward(*args, **options)
    after, _ = exhibit.forward(*args, **options | {"targets": changed})
    return not np.array_equal(before, after)


def more_padding_catches(exhibit):
    """Whether one more column of padding, in logits and targets, changes a loss that ignores it."""
    (logits,), options = exhibit.inputs(np.random.default_rng(0))
    before, _ = exhibit.forward(logits, **options)
    wider = np.concatenate([logits, logits[:, :1]], axis=1)                # (B, T + 1, V)
    targets = np.pad(options["targets"], ((0, 0), (0, 1)))                 # (B, T + 1), PAD is 0
    after, _ = exhibit.forward(wider, **options | {"targets": targets})
    return not np.allclose(before, after, rtol=1e-12)


def shifted_places_catch(exhibit):
    """Whether a text that begins seven places later is read otherwise, with positions turned."""
    args, options = exhibit.inputs(np.random.default_rng(0))
    before, _ = exhibit.forward(*args, **options)
    after, _ = exhibit.forward(*args, **options | {"positions": options["positions"] + 7})
    return not np.allclose(before, after, rtol=1e-9, atol=1e-12)


def changed_padding_catches(exhibit):
    """Whether other numbers in the padded rows of x, those outside mask, change a real row.

    Where the output has a row for each sequence, these are the real ones.
    """
    (x, *others), options = exhibit.inputs(np.random.default_rng(0))
    real = options["mask"]                                                 # (B, T)
    before, _ = exhibit.forward(x, *others, **options)
    after, _ = exhibit.forward(np.where(real[..., None], x, x + 1), *others, **options)
    rows = real if np.ndim(before) == np.ndim(x) else np.any(real, axis=1)
    return not np.array_equal(before[rows], after[rows])


def another_text_catches(exhibit):
    """Whether a text's output, in evaluation, depends on the text beside it in the batch."""
    (x, *others), options = exhibit.inputs(np.random.default_rng(0))
    before, _ = exhibit.forward(x, *others, **options)
    after, _ = exhibit.forward(np.concatenate([x[:-1], x[-1:] + 1]), *others, **options)
    return not np.array_equal(before[:-1], after[:-1])


CHECKS = {
    "the gradient check": gradient_check_catches,
    "the gradient check with a gain of ones": gradient_check_at_gain_one_catches,
    "a check with dout = ones": probe_of_ones_catches,
    "a look at the shapes": shapes_catch,
    "a falling loss": falling_loss_catches,
    "shuffled tokens": shuffled_tokens_catch,
    "a changed target": changed_target_catches,
    "more padding": more_padding_catches,
    "changed padding": changed_padding_catches,
    "another text beside it": another_text_catches,
    "shifted places": shifted_places_catch,
    "a changed future token with small scores": _future_catches(1.0),
    "a changed future token with scores of any size": _future_catches(1000.0),
    **DECODING_CHECKS,
    **TEXT_CHECKS,
    **TILE_CHECKS,
    **PRICE_CHECKS,
    **READING_CHECKS,
    **LOADING_CHECKS,
    **PARALLEL_CHECKS,
}


def _training_inputs(exhibit, seed=0):
    return (exhibit.training_inputs or exhibit.inputs)(np.random.default_rng(seed))


def _as_tuple(gradients):
    return gradients if isinstance(gradients, tuple) else (gradients,)
