"""What lesson 08 adds to the machinery: a tree that holds too much, and the check of the shift."""

import dataclasses

import numpy as np

from minitransformer.teaching.exercise import Exercise, call, find
from minitransformer.teaching.exhibits.lesson_08 import two_readers_backward
from minitransformer.teaching.judge import judge
from minitransformer.teaching.museum import CHECKS, exhibit


def test_what_a_tree_holds_too_much_is_named():
    item = Exercise("0.9", "a tree", 1, lambda x: {"norm": {"gain": x}}, mistakes=(), hints=(),
                    results=("dparams",), cases=lambda rng: [call(rng.normal(size=3))])
    verdict = judge(item, lambda x: {"norm": {"gain": x}, "output": {"w": x}})
    assert "Drop dparams.output.w." in verdict


def test_a_tied_part_that_is_left_in_its_place_is_named():
    verdict = judge(find("8.6", Exercise), lambda dfull, cache: dfull)
    assert "Drop dparams.encoder.embedding.table." in verdict


def shifted_forward(table, w, *, targets):
    """unshifted_forward with the shift: row 0 of the table stands for START."""
    started = np.concatenate([np.zeros_like(targets[:, :1]), targets[:, :-1]], axis=1)
    return exhibit("unshifted_targets").forward(table, w, targets=started)


def test_a_changed_target_does_not_catch_a_shifted_forward():
    right = dataclasses.replace(exhibit("unshifted_targets"), forward=shifted_forward)
    assert not CHECKS["a changed target"](right)
    assert CHECKS["a changed target"](exhibit("unshifted_targets"))


def test_two_readers_add_their_gradients():
    right = dataclasses.replace(exhibit("overwritten_memory"), backward=two_readers_backward)
    for name in ("the gradient check", "a check with dout = ones", "a falling loss"):
        assert not CHECKS[name](right)
