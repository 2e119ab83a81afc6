"""Exhibits of lesson 18: an adapter's scale, forgotten in one place of two."""

from minitransformer.functional import linear_backward, linear_forward
from minitransformer.teaching.exercise import call
from minitransformer.teaching.museum import Exhibit
from minitransformer.variants import low_rank_backward, low_rank_forward


def adapted_forward(x, w, down, up, *, scale):
    y, linear = linear_forward(x, w)                                # (N, E)
    added, low_rank = low_rank_forward(x, down, up, scale=scale)    # (N, E)
    return y + added, (linear, low_rank)


def adapted_backward(dout, caches):
    linear, low_rank = caches
    dx, dw, _ = linear_backward(dout, linear)                       # (N, D), (D, E)
    dx_low_rank, ddown, dup = low_rank_backward(dout, low_rank)     # (N, D), (D, R), (R, E)
    return dx + dx_low_rank, dw, ddown, dup


def merged_without_scale(x, w, down, up, *, scale):
    merged = w + down @ up                                          # and the scale is lost
    return x @ merged


def scale_on_one_side(dout, cache):
    x, narrow, down, up, scale, _ = cache
    dup = narrow.T @ dout * scale
    dnarrow = dout @ up.T                                           # and here it is forgotten
    return dnarrow @ down.T, x.T @ dnarrow, dup


def adapter(rng, size=1.0):
    """A draw first: x would be the check's own probe otherwise, drawn with the same seed."""
    rng.normal(size=5)
    x, down, up = (rng.normal(0, size, shape) for shape in ((6, 5), (5, 2), (2, 4)))
    return call(x, down, up, scale=2.0)


def projection(rng, size=1.0):
    (x, down, up), options = adapter(rng, size)
    return call(x, rng.normal(0, size, (5, 4)), down, up, **options)


EXHIBITS = (
    Exhibit(
        "merged_without_scale", "18", "merging without the scale",
        forward=adapted_forward, backward=adapted_backward, fault=merged_without_scale,
        inputs=projection, training_inputs=lambda rng: projection(rng, 0.5),
        decode=merged_without_scale,
        breaks="training is right to the last bit, and the adapters learn what they should. The "
               "file that is handed on holds w + down up in the place of w + scale down up, which "
               "is another model. With a scale of 1, nothing is wrong at all.",
        caught_by=("the full forward beside it",),
        missed_by=("the gradient check", "a check with dout = ones", "a look at the shapes",
                   "a falling loss"),
    ),
    Exhibit(
        "scale_on_one_side", "18", "the scale on one side of the adapter",
        forward=low_rank_forward, backward=scale_on_one_side, fault=scale_on_one_side,
        inputs=adapter,
        breaks="down's gradient and dx are scale times too small, up's is right. For down, Adam, "
               "which divides a gradient by its own size, hides it. But dx is added to dy wᵀ, so "
               "whatever learns below learns from a wrong sum.",
        caught_by=("the gradient check", "a check with dout = ones"),
        missed_by=("a look at the shapes", "a falling loss"),
    ),
)
