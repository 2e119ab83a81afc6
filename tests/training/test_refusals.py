"""What the trainer refuses: checkpoints of something else, and numbers that are not finite."""

import numpy as np
import pytest
from small_run import assert_same_tree, make_pairs

from minitransformer.data.batching import make_batch
from minitransformer.models import EncoderDecoder
from minitransformer.training import (
    SGD,
    AdamW,
    CheckpointError,
    NonFiniteError,
    read_log,
    save_arrays,
)
from minitransformer.tree import tree_items, tree_map


@pytest.mark.parametrize("changes, message", [
    ({"d_model": 32}, "another config: d_model = 16 there, 32 here"),
    ({"dropout": 0.2}, "dropout = 0.1 there, 0.2 here")])
def test_another_configuration_is_refused(tmp_path, start, make_model, changes, message):
    start(tmp_path).train(1)
    model = make_model(**changes)
    before = tree_map(np.copy, model.params)
    with pytest.raises(CheckpointError, match=message):
        start(tmp_path, model=model, resume=True)
    assert_same_tree(model.params, before)


@pytest.mark.parametrize("options, message", [
    ({"seed": 8}, "seed = 7 there, 8 here"), ({"accumulate": 1}, "accumulate = 2 there, 1 here"),
    ({"clip_norm": None}, "clip_norm = 1.0 there, None here"),
    ({"make_optimizer": SGD}, r"AdamW\(.*there.*SGD\(.* here")])
def test_other_training_settings_are_refused(tmp_path, start, options, message):
    start(tmp_path).train(1)
    with pytest.raises(CheckpointError, match=message):
        start(tmp_path, resume=True, **options)


def test_another_dtype_is_refused(tmp_path, start, make_model):
    start(tmp_path).train(1)
    with pytest.raises(CheckpointError, match="float32.*float64.*dtype=float32"):
        start(tmp_path, model=make_model(dtype="float64"), resume=True)


def test_a_model_of_another_kind_is_refused(tmp_path, make_model):
    save_arrays(tmp_path / "other.npz", {}, {"model": "decoder_only", "config": {}})
    with pytest.raises(CheckpointError, match="'decoder_only' there, 'encoder_decoder' here"):
        EncoderDecoder.load(tmp_path / "other.npz")
    save_arrays(tmp_path / "newer.npz", {}, {"model": "encoder_decoder", "config": {"shiny": 1}})
    with pytest.raises(CheckpointError, match="shiny.*another version"):
        EncoderDecoder.load(tmp_path / "newer.npz")


def test_a_model_without_training_cannot_be_resumed(tmp_path, start, make_model):
    make_model().save(tmp_path / "checkpoint.npz")
    with pytest.raises(CheckpointError, match="without the state of its training"):
        start(tmp_path, resume=True)


def test_a_truncated_checkpoint_is_refused(tmp_path, start):
    start(tmp_path).train(1)
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(CheckpointError, match="cut off"):
        start(tmp_path, resume=True)
    with pytest.raises(CheckpointError, match="cut off"):
        EncoderDecoder.load(path)


def test_a_run_is_not_overwritten(tmp_path, start):
    start(tmp_path).train(1)
    with pytest.raises(CheckpointError, match="already holds a run: resume=True"):
        start(tmp_path)
    assert len(read_log(tmp_path / "log.csv")) == 1


def test_resuming_where_nothing_is(tmp_path, start, make_trainer):
    with pytest.raises(FileNotFoundError, match="checkpoint.npz.*train first"):
        start(tmp_path, resume=True)
    with pytest.raises(ValueError, match="run_dir"):
        make_trainer(resume=True)


def test_settings_out_of_range_are_refused(make_model, make_trainer):
    for options in ({"accumulate": 0}, {"evaluate_every": 0}, {"checkpoint_every": 0}):
        with pytest.raises(ValueError, match="expected 1 or more"):
            make_trainer(**options)
    with pytest.raises(ValueError, match="optimizer holds other parameters"):
        make_trainer(make_model(), AdamW(make_model().params))


def test_a_nan_in_a_parameter_is_named_and_the_checkpoint_kept(tmp_path, start):
    trainer = start(tmp_path)
    trainer.train(4)
    kept = (tmp_path / "checkpoint.npz").read_bytes()
    trainer.model.params["decoder"]["blocks"][0]["feed_forward"]["up"]["w"][3, 5] = np.nan
    with pytest.raises(NonFiniteError, match=(
            r"step 5: the loss is nan; .*'params.decoder.blocks.0.feed_forward.up.w' \(1 do\).*"
            r"last good checkpoint is kept.*checkpoint.npz")):
        trainer.train(9)
    assert trainer.step == 4 and (tmp_path / "checkpoint.npz").read_bytes() == kept


class BadGradient(EncoderDecoder):
    """From the third call on one gradient entry is infinite; the loss stays finite."""

    calls = 0

    def loss_and_grads(self, batch, **options):
        loss, grads = super().loss_and_grads(batch, **options)
        self.calls += 1
        if self.calls >= 3:
            grads["decoder"]["output"]["w"][0, 0] = np.inf
        return loss, grads


@pytest.mark.parametrize("clip_norm", [None, 1.0])
def test_an_infinite_gradient_is_named_and_not_applied(make_model, make_trainer, clip_norm):
    model = BadGradient(make_model().config)
    trainer = make_trainer(model, clip_norm=clip_norm)
    with pytest.raises(NonFiniteError, match=(
            r"step 3: the gradient norm is inf; .*'grads.decoder.output.w' \(1 do\).*"
            r"No checkpoint")):
        trainer.train(9)
    assert trainer.step == 2
    assert all(np.isfinite(w).all() for _, w in tree_items(model.params))


def test_an_overflow_without_a_bad_array_says_so(make_model, make_trainer):
    class Overflows(EncoderDecoder):
        def loss_and_grads(self, batch, **options):
            return np.inf, super().loss_and_grads(batch, **options)[1]

    with pytest.raises(NonFiniteError, match="every array is finite"):
        make_trainer(Overflows(make_model().config)).train(1)


def test_a_bad_validation_loss_stops_the_run(make_model, make_trainer):
    class Bad(EncoderDecoder):
        def loss(self, batch):
            return float("nan")

    trainer = make_trainer(Bad(make_model().config), evaluate_every=2,
                           validation=[make_batch(make_pairs(2))])
    with pytest.raises(NonFiniteError, match="step 2: the validation loss is nan"):
        trainer.train(9)


@pytest.mark.filterwarnings("ignore:invalid value")  # infinity minus infinity, in the decay
def test_a_bad_state_is_not_saved(tmp_path, start):
    """A row of the table that no batch reads: no loss would ever show it."""
    trainer = start(tmp_path)
    trainer.train(4)
    kept = (tmp_path / "checkpoint.npz").read_bytes()
    trainer.model.params["encoder"]["embedding"]["table"][1] = np.inf  # no source has START
    with pytest.raises(NonFiniteError, match=(
            "the state after step 8 is not finite; .*'params.encoder.embedding.table'")):
        trainer.train(9)
    assert (tmp_path / "checkpoint.npz").read_bytes() == kept
