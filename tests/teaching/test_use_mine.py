"""One pair of the reader's in the package's place: checked first, used everywhere, put back."""

import numpy as np
import pytest
from small_translator import STEPS, apart, package_losses, solutions, trained_losses
from test_swap import snapshot

from minitransformer import functional
from minitransformer.teaching.exercise import Exercise, lesson_items
from minitransformer.teaching.mine import PAIRS, halves_of, use_mine


@pytest.mark.slow
@pytest.mark.parametrize("name", PAIRS)
def test_one_pair_is_checked_used_and_put_back(name):
    calls = []

    def counted(function):
        def call(*args, **kwargs):
            calls.append(1)
            return function(*args, **kwargs)
        call.__wrapped__ = function  # the signature is the function's
        return call

    mine = solutions(name)  # its module may import others, so it comes before the snapshot
    before, package = snapshot(), package_losses()
    with use_mine(name, *map(counted, mine)):
        calls.clear()
        assert apart(trained_losses(np.float64), package) < 1e-12 * STEPS
        assert len(calls) >= STEPS
    assert snapshot() == before


@pytest.mark.slow
@pytest.mark.parametrize("item, mistake", [
    (item, mistake) for lesson in range(1, 8) for item in lesson_items(f"{lesson:02d}").values()
    if isinstance(item, Exercise) and item.builds and item.id != "4.2"
    for mistake in item.mistakes], ids=lambda x: getattr(x, "id", "") or x.says[:40])
def test_a_wrong_half_is_refused_or_right_where_a_model_uses_it(item, mistake):
    """Every mistake of an exercise that the check of a pair lets through trains alike."""
    name = next(name for name in PAIRS if item.builds in halves_of(name))
    place = halves_of(name).index(item.builds)
    pair = solutions(name)
    pair[place] = mistake.function
    try:
        with use_mine(name, *pair):
            pass
    except ValueError as error:
        assert str(error).startswith("your ") and "is not right: " in str(error)
        return
    # What was let through computes the same: in another form, or it lifts float32 to float64.
    with use_mine(name, *pair):
        assert apart(trained_losses(np.float64), package_losses()) < 1e-12 * STEPS


def test_the_words_name_the_half_and_what_is_wrong():
    forward, backward = solutions("layer_norm")
    with pytest.raises(ValueError, match="your layer_norm_backward is not right: the gradient of x "
                                         "differs from the complex step by .* expected"):
        with use_mine("layer_norm", forward, lambda dout, cache: (
                dout, *backward(dout, cache)[1:])):
            pass
    with pytest.raises(ValueError, match="your layer_norm_forward is not right: out is exactly 2 "):
        with use_mine("layer_norm", lambda x, gain, bias, *, eps=1e-5: (
                2 * forward(x, gain, bias, eps=eps)[0], None), backward):
            pass


def test_a_forward_that_forgets_the_mask_or_changes_its_argument_is_refused():
    forward, backward = solutions("attention")
    with pytest.raises(ValueError, match="attention_forward is not right: it stops with TypeError"):
        with use_mine("attention", lambda q, k, v, *, causal=False: forward(q, k, v, causal=causal),
                      backward):
            pass
    with pytest.raises(ValueError, match="attention_forward is not right: out"):
        with use_mine("attention", lambda q, k, v, *, mask=None, causal=False:
                      forward(q, k, v, mask=mask), backward):
            pass

    def relu_in_place(x):
        positive = x > 0
        x *= positive
        return x, (positive,)
    with pytest.raises(ValueError, match="relu_forward is not right: it changes its argument"):
        with use_mine("relu", relu_in_place, solutions("relu")[1]):
            pass


def test_a_forward_need_not_be_complex_safe():
    def forward(x):
        assert not np.iscomplexobj(x)
        return np.maximum(x, 0), (x > 0,)
    with use_mine("relu", forward, solutions("relu")[1]):
        assert functional.relu_forward(np.array([-1.0, 2.0]))[0].tolist() == [0, 2]


def test_float32_that_was_lifted_is_taken_back():
    forward, backward = solutions("softmax")

    def lifted(x):
        probs, _ = forward(x.astype(np.float64))
        return probs, (probs,)
    with use_mine("softmax", lifted, backward):
        probs, cache = functional.softmax_forward(np.ones((2, 3), np.float32))
        assert probs.dtype == np.float32 and cache.probs.dtype == np.float64


def test_an_unknown_pair_is_refused():
    with pytest.raises(ValueError, match="there is no pair 'heads'"):
        with use_mine("heads", None, None):
            pass
