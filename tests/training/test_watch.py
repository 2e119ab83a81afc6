"""--watch: the first number that is not finite is traced to its operation, by name."""

import sys
import types

import numpy as np
import pytest
from small_run import make_pairs

from minitransformer.data.batching import make_batch
from minitransformer.functional import attention_forward, linear_backward, linear_forward
from minitransformer.models import EncoderDecoder
from minitransformer.training import NonFiniteError
from minitransformer.training.watch import find_first_bad


def watched(model, **options):
    batch = make_batch(make_pairs())
    return find_first_bad(lambda: model.loss_and_grads(batch, dropout_seed=(0, 1), **options),
                          model.params)


CHANGES = [{}, {"norm": "batch"}, {"recompute": True}, {"norm_placement": "post"},
           {"positions": "rotary", "norm": "rms", "tied_embeddings": "all"},
           {"positions": "alibi", "activation": "swiglu", "attention": "blockwise"}]


@pytest.mark.parametrize("changes", CHANGES)
def test_a_sound_step_gives_nothing_and_leaves_no_profiler(make_model, changes):
    before = sys.getprofile()
    assert watched(make_model(n_layers=2, **changes)) is None
    assert sys.getprofile() is before


@pytest.mark.parametrize("changes", CHANGES)
def test_an_overflow_planted_in_a_parameter_of_one_block_is_named(make_model, changes):
    """Both matrices are finite; their product with the block's input is not."""
    model = make_model(n_layers=3, **changes)
    model.params["decoder"]["blocks"][1]["cross_attention"]["v"]["w"][...] = 3e38
    found = watched(model)
    assert found.startswith("The first result that is not finite is that of linear, forward, in "
                            "params.decoder.blocks.1.cross_attention.v: ")
    assert "called in projection_forward (projection.py, line" in found
    assert "all that went in was finite: x (40, " in found
    assert ("w (16, 16), which is params.decoder.blocks.1.cross_attention.v.w, finite, up to 3e+38"
            in found)


def test_an_operation_without_parameters_is_placed_by_the_layer_around_it(make_model):
    model = make_model(n_layers=2, activation="swiglu")
    model.params["encoder"]["blocks"][1]["feed_forward"]["up"]["b"][...] = 1e30
    found = watched(model)
    assert "that of swiglu, forward, in params.encoder.blocks.1.feed_forward: " in found
    assert "gate (40, 6, 32), finite, up to 1e+30; up (40, 6, 32), finite" in found


@pytest.mark.parametrize("recompute", [False, True])
def test_an_overflow_in_the_backward_alone(make_model, recompute):
    """A norm's tiny gain undoes the matrix behind it on the way forward only."""
    model = make_model(n_layers=2, recompute=recompute)
    block = model.params["encoder"]["blocks"][1]
    block["before_feed_forward"]["gain"] *= np.float32(1e-36)
    block["feed_forward"]["up"]["w"] *= np.float32(1e36)
    found = watched(model, normalizer=1e-6)
    assert "that of linear, backward, in params.encoder.blocks.1.feed_forward.up: " in found
    assert "dout (40, 6, 32), finite" in found and "all that went in was finite" in found


def test_a_nan_in_a_parameter_is_told_from_one_that_arises(make_model):
    model = make_model()
    model.params["encoder"]["blocks"][0]["attention"]["k"]["w"][2, 3] = np.nan
    found = watched(model)
    assert "that of linear, forward, in params.encoder.blocks.0.attention.k: " in found
    assert ("in what went in already" in found and "w (16, 16), which is "
            "params.encoder.blocks.0.attention.k.w, not finite in 1 of 256 places" in found)
    assert "x (40" not in found  # what is finite is not to blame


def test_what_arises_between_two_pairs(make_model):
    """Rows times sqrt(D): no pair's own line. The next pair meets it, and says who called it."""
    model = make_model()
    model.params["encoder"]["embedding"]["table"][...] = 3e38
    found = watched(model)
    assert "that of dropout, forward" in found and "in the caller's own lines" in found
    assert "called in token_embedding_forward (token_embedding.py, line" in found


def test_what_a_mask_strikes_out_is_no_fault_of_softmax_input(make_model, monkeypatch):
    """A fault in softmax itself: all scores that a query may see are finite."""
    module = sys.modules["minitransformer.functional.softmax"]
    broken = {**vars(np), "exp": lambda x: np.exp(x) + np.where(x == 0, np.nan, 0)}
    monkeypatch.setattr(module, "np", types.SimpleNamespace(**broken))
    model = make_model()
    for blocks, mask in (("encoder", "padding"), ("decoder", "causality")):
        found = watched(model) if blocks == "encoder" else find_first_bad(
            lambda: attention_forward(*np.ones((3, 1, 1, 3, 2)), causal=True), {})
        assert "that of softmax, forward, in " in found, mask
        assert "all that went in was finite: x (" in found, mask
        assert " of -inf, as a mask makes them, up to " in found, mask
    assert "x (1, 1, 3, 3), finite beside 3 of -inf" in found


def test_infinite_scores_are_told_from_masked_ones():
    q = k = v = np.ones((1, 1, 3, 2))
    q = q * np.array([1, 1, 1e300])[:, None]  # the last query's scores are infinite
    found = find_first_bad(lambda: attention_forward(q, 1e300 * k, v, causal=True), {})
    assert "in what went in already" in found and "own lines: x (1, 1, 3, 3), not" in found
    assert found.endswith("not finite in 3 of 9 places beside 3 of -inf, as a mask makes them")

    # No mask has to do with what goes into another operation.
    x = np.array([[-np.inf, 1.0]])
    found = find_first_bad(lambda: linear_forward(x, np.ones((2, 2)), np.zeros(2)), {})
    assert "in what went in already" in found and "x (1, 2), not finite in 1 of 2 places" in found

    # A row of -inf alone gives NaN: the first query's one score, and what the mask struck out.
    q = np.ones((1, 1, 3, 2)) * np.array([-1e300, 1, 1])[:, None]
    found = find_first_bad(lambda: attention_forward(q, 1e300 * k, v, causal=True), {})
    assert found.endswith("not finite in 3 of 9 places beside 1 of -inf, as a mask makes them")


def test_an_error_on_the_way_does_not_hide_what_was_found():
    def run():
        linear_backward(np.full((1, 2), np.inf), (np.ones((1, 3)), np.ones((3, 2)), None, True))
        raise ValueError("stop")

    assert "that of linear, backward, in no layer of the model" in find_first_bad(run, {})
    assert find_first_bad(lambda: [][1:], {}) is None


def test_a_profiler_at_work_is_put_back(make_model):
    def mine(*frame_event_and_argument):
        pass

    sys.setprofile(mine)
    try:
        watched(make_model())
        assert sys.getprofile() is mine
    finally:
        sys.setprofile(None)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the step itself
def test_the_trainer_says_it(tmp_path, start):
    trainer = start(tmp_path, watch=True)
    trainer.train(2)
    trainer.model.params["decoder"]["blocks"][0]["cross_attention"]["v"]["w"][...] = 3e38
    with pytest.raises(NonFiniteError, match=(
            r"step 3: the loss is nan; the first array .* 'grads.* The first result that is not "
            r"finite is that of linear, forward, in params.decoder.blocks.0.cross_attention.v: "
            r".*Try a lower")):
        trainer.train(9)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of the step itself
def test_a_validation_loss_is_watched_too(make_model, make_trainer):
    class Bad(EncoderDecoder):
        def loss(self, batch):
            self.params["decoder"]["output"]["w"][0, 0] = np.inf
            return super().loss(batch)

    trainer = make_trainer(Bad(make_model().config), evaluate_every=1, watch=True,
                           validation=[make_batch(make_pairs(2))])
    with pytest.raises(NonFiniteError, match=(
            "validation loss is nan.*linear, forward, in params.decoder.output: ")):
        trainer.train(1)


def test_what_no_operation_made(make_model, make_trainer):
    class Overflows(EncoderDecoder):
        def loss_and_grads(self, batch, **options):
            return np.inf, super().loss_and_grads(batch, **options)[1]

    with pytest.raises(NonFiniteError, match="every operation of the step gave finite numbers"):
        make_trainer(Overflows(make_model().config), watch=True).train(1)


def test_without_it_nothing_is_made_again(make_model, make_trainer):
    class Counts(EncoderDecoder):
        calls = 0

        def loss_and_grads(self, batch, **options):
            type(self).calls += 1
            return np.inf, super().loss_and_grads(batch, **options)[1]

    with pytest.raises(NonFiniteError, match=r"With watch=True \(--watch\)"):
        make_trainer(Counts(make_model().config)).train(1)
    assert Counts.calls == 1
