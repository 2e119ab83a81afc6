"""The trainer: what it computes, what it keeps, and what it does when something goes wrong."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial

import numpy as np
import pytest
from small_run import make_pairs

from minitransformer.data.batching import BatchStream, make_batch
from minitransformer.models import EncoderDecoder
from minitransformer.training import (
    SGD,
    AdamW,
    CheckpointError,
    NonFiniteError,
    Trainer,
    inverse_square_root,
    load_arrays,
    read_log,
    save_arrays,
)
from minitransformer.training.interrupt import interrupts_held
from minitransformer.tree import tree_items, tree_map

SCHEDULE = partial(inverse_square_root, peak=1e-2, warmup=5)


class Batches:
    """The i-th of a list of batches, round and round."""

    def __init__(self, *batches):
        self.batches = batches

    def batch(self, step):
        return self.batches[step % len(self.batches)]


def assert_same_tree(a, b):
    for (name, x), (_, y) in zip(tree_items(a), tree_items(b)):
        assert x.dtype == y.dtype
        np.testing.assert_array_equal(x, y, err_msg=name)


def difference(a, b):
    """The greatest distance of two trees' entries, relative to the greatest entry of the array.

    A key's bias has no gradient but rounding: it is measured by the whole tree's greatest entry.
    """
    greatest = max(np.max(np.abs(y)) for _, y in tree_items(b))
    return max(np.max(np.abs(x - y)) / (greatest if name.endswith("k.b") else np.max(np.abs(y)))
               for (name, x), (_, y) in zip(tree_items(a), tree_items(b)))


def test_five_lines_train(capsys, make_model):
    model = make_model()
    optimizer = AdamW(model.params, lr=1e-2)
    trainer = Trainer(model, optimizer, BatchStream(make_pairs(), batch_size=8, seed=0))
    rows = trainer.train(100)
    assert [row.step for row in rows] == list(range(1, 101))
    assert rows[-1].loss < rows[0].loss / 2
    assert capsys.readouterr().out.startswith("step  50/100  loss ")


def test_one_batch_is_learned_by_heart(make_model, make_trainer):
    model = make_model(dropout=0.0, d_model=32, n_heads=4, d_ff=64)
    batch = make_batch(make_pairs(8))
    trainer = make_trainer(model, AdamW(model.params, lr=1e-2), Batches(batch), clip_norm=1.0,
                           schedule=partial(inverse_square_root, peak=1e-2, warmup=20))
    trainer.train(150)
    assert model.loss(batch) < 1e-3


def test_a_step_is_the_gradients_clipped_and_the_schedules_rate(make_model, make_trainer):
    model, twin = make_model(), make_model()
    batch = make_batch(make_pairs(5))
    trainer = make_trainer(model, SGD(model.params, lr=99.0), Batches(batch), clip_norm=0.5,
                           label_smoothing=0.1, schedule=lambda step: 0.25 * step, seed=4)
    row = trainer.train(1)[0]
    loss, grads = twin.loss_and_grads(batch, label_smoothing=0.1, dropout_seed=(4, 0))
    norm = np.sqrt(sum(np.sum(g.astype(float) ** 2) for _, g in tree_items(grads)))
    assert norm > 0.5
    assert (row.step, row.val_loss, row.lr) == (1, None, 0.25)
    assert row.tokens == np.sum(batch.targets != 0)
    assert (row.loss, row.grad_norm) == pytest.approx((loss, norm), rel=1e-6)
    expected = tree_map(lambda w, g: w - 0.25 * (0.5 / norm) * g, twin.params, grads)
    for (_, x), (_, y) in zip(tree_items(model.params), tree_items(expected)):
        np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-7)


def uneven_parts():
    """Three batches with 2, 21 and 10 target tokens, and the large batch that they make up."""
    parts = [[([3, 4, 5, 6, 7], [8])],
             [([3 + i], [4 + i] * 6) for i in range(3)],
             [([5] * 8, [3, 4, 5, 6]), ([6, 7], [9] * 4)]]
    return [make_batch(part) for part in parts], make_batch(sum(parts, []))


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
def test_accumulation_equals_the_large_batch(make_model, make_trainer, label_smoothing):
    parts, large = uneven_parts()
    assert [int(np.sum(part.targets != 0)) for part in parts] == [2, 21, 10]
    results = []
    for batches, accumulate in ((parts, 3), ([large], 1)):
        model = make_model(dtype="float64", dropout=0.0)
        trainer = make_trainer(model, SGD(model.params, lr=0.5), Batches(*batches),
                               accumulate=accumulate, label_smoothing=label_smoothing)
        results.append((trainer.train(3), model.params))
    (rows, params), (large_rows, large_params) = results
    assert [row.tokens for row in rows] == [33, 33, 33]
    for row, large_row in zip(rows, large_rows):
        assert row[1] == pytest.approx(large_row[1], rel=1e-12)
        assert row[4] == pytest.approx(large_row[4], rel=1e-12)
    assert difference(params, large_params) < 1e-12


def test_each_micro_batch_has_its_own_batch_and_dropout(make_model, make_trainer):
    seen = []

    class Spy(EncoderDecoder):
        def loss_and_grads(self, batch, **options):
            seen.append((int(batch.src[0, 0]), options["dropout_seed"]))
            return super().loss_and_grads(batch, **options)

    model = Spy(make_model().config)
    batches = Batches(*[make_batch([([3 + i], [4])]) for i in range(9)])
    make_trainer(model, batches=batches, accumulate=2, seed=5).train(3)
    assert seen == [(3 + i, (5, i)) for i in range(6)]


def test_the_validation_loss_is_the_mean_over_tokens_before_the_update(make_model, make_trainer):
    parts, large = uneven_parts()
    model = make_model(dtype="float64")
    trainer = make_trainer(model, validation=parts, evaluate_every=2)
    trainer.train(1)
    expected = model.loss(large)
    rows = trainer.train(3)
    assert [row.val_loss is not None for row in rows] == [False, True, False]
    assert rows[1].val_loss == pytest.approx(expected, rel=1e-12)
    assert trainer.evaluate() == pytest.approx(model.loss(large), rel=1e-12)


def test_a_run_leaves_checkpoint_log_and_plot(tmp_path, make_model, make_trainer):
    pytest.importorskip("matplotlib")
    model = make_model()
    rows = make_trainer(model, run_dir=tmp_path / "run").train(3)
    assert sorted(os.listdir(tmp_path / "run")) == ["checkpoint.npz", "log.csv", "loss.png"]
    assert read_log(tmp_path / "run" / "log.csv") == rows
    loaded = EncoderDecoder.load(tmp_path / "run" / "checkpoint.npz")
    assert loaded.config == model.config
    assert_same_tree(loaded.params, model.params)


def test_without_matplotlib_a_run_ends_well(tmp_path, make_model, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    model = make_model()
    Trainer(model, AdamW(model.params), BatchStream(make_pairs(), batch_size=8, seed=0),
            run_dir=tmp_path).train(2)
    assert capsys.readouterr().out.splitlines()[-1] == (
        "No loss plot: matplotlib is missing (pip install matplotlib)")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_is_saved_and_loaded_exactly(tmp_path, make_model, dtype):
    model = make_model(dtype=dtype, tied_embeddings="all", norm_placement="post")
    model.save(tmp_path / "model.npz")
    loaded = EncoderDecoder.load(tmp_path / "model.npz")
    assert loaded.config == model.config
    assert_same_tree(loaded.params, model.params)


# --- resuming ---------------------------------------------------------------------------------

def resumable(make_model, make_trainer, run_dir, *, model=None, make_optimizer=None, **options):
    """A trainer with everything on that could differ after resuming."""
    model = make_model() if model is None else model
    make_optimizer = make_optimizer or partial(AdamW, weight_decay=0.01)
    settings = {"schedule": SCHEDULE, "clip_norm": 1.0, "label_smoothing": 0.1, "accumulate": 2,
                "validation": [make_batch(make_pairs(6))], "evaluate_every": 3, "seed": 7,
                "checkpoint_every": 4}
    return make_trainer(model, make_optimizer(model.params, lr=1e-2), run_dir=run_dir,
                        **{**settings, **options})


@pytest.fixture
def start(make_model, make_trainer):
    return partial(resumable, make_model, make_trainer)


def assert_same_run(a, b):
    """Two runs that ended in the same state, to the bit, with the same record."""
    for name in ("checkpoint.npz", "log.csv"):
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


@pytest.mark.parametrize("make_optimizer", [None, SGD, partial(SGD, momentum=0.9)],
                         ids=["adamw", "sgd", "momentum"])
def test_resuming_repeats_the_uninterrupted_run_bit_for_bit(tmp_path, start, make_model,
                                                            make_optimizer):
    whole = start(tmp_path / "whole", make_optimizer=make_optimizer)
    whole.train(11)
    start(tmp_path / "parts", make_optimizer=make_optimizer).train(6)
    resumed = start(tmp_path / "parts", model=make_model(seed=99), resume=True,
                    make_optimizer=make_optimizer)
    assert resumed.step == 6
    rows = resumed.train(11)
    assert rows == whole.log.rows
    assert_same_tree(resumed.model.params, whole.model.params)
    assert_same_tree(resumed.optimizer.state(), whole.optimizer.state())
    assert_same_run(tmp_path / "whole", tmp_path / "parts")


class StopsAt(EncoderDecoder):
    """Raises an error in the middle of the given call of loss_and_grads."""

    calls, stop_at, error = 0, None, None

    def loss_and_grads(self, batch, **options):
        self.calls += 1
        if self.calls == self.stop_at:
            raise self.error
        return super().loss_and_grads(batch, **options)


def test_ctrl_c_keeps_the_last_whole_step(tmp_path, start, make_model):
    start(tmp_path / "whole").train(9)
    model = StopsAt(make_model().config)
    model.stop_at, model.error = 12, KeyboardInterrupt()  # step 6, its second micro-batch
    with pytest.raises(KeyboardInterrupt):
        start(tmp_path / "stopped", model=model).train(9)
    assert load_arrays(tmp_path / "stopped" / "checkpoint.npz")[1]["step"] == 5
    start(tmp_path / "stopped", resume=True).train(9)
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


def test_after_a_crash_the_last_checkpoint_is_resumed(tmp_path, start, make_model):
    start(tmp_path / "whole").train(9)
    model = StopsAt(make_model().config)
    model.stop_at, model.error = 14, RuntimeError("power cut")  # step 7; the checkpoint is of 4
    with pytest.raises(RuntimeError):
        start(tmp_path / "crashed", model=model).train(9)
    assert len(read_log(tmp_path / "crashed" / "log.csv")) == 6
    resumed = start(tmp_path / "crashed", resume=True)
    assert resumed.step == 4
    resumed.train(9)
    assert_same_run(tmp_path / "whole", tmp_path / "crashed")


def test_ctrl_c_waits_until_the_update_is_whole():
    done = []
    with pytest.raises(KeyboardInterrupt):
        with interrupts_held():
            signal.raise_signal(signal.SIGINT)
            done.append("the rest of the block")
    assert done == ["the rest of the block"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


class InterruptedAdamW(AdamW):
    """Ctrl-C arrives while the third step is changing the arrays."""

    __repr__ = AdamW.__repr__

    def step(self, grads, lr=None):
        if self.steps == 2:
            signal.raise_signal(signal.SIGINT)
        super().step(grads, lr=lr)


def test_ctrl_c_during_an_update_leaves_a_whole_step(tmp_path, start):
    whole = start(tmp_path / "whole")
    whole.train(5)
    stopped = start(tmp_path / "stopped", make_optimizer=partial(InterruptedAdamW,
                                                                 weight_decay=0.01))
    with pytest.raises(KeyboardInterrupt):
        stopped.train(5)
    assert stopped.step == len(stopped.log.rows) == 3
    start(tmp_path / "stopped", resume=True).train(5)
    assert_same_run(tmp_path / "whole", tmp_path / "stopped")


ENDLESS = textwrap.dedent("""
    import sys
    sys.path.insert(0, sys.argv[1])
    from small_run import SIZES, make_pairs
    from minitransformer.data.batching import BatchStream
    from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
    from minitransformer.training import AdamW, Trainer
    model = EncoderDecoder(EncoderDecoderConfig(12, 12, **SIZES))
    stream = BatchStream(make_pairs(), batch_size=8, seed=1)
    trainer = Trainer(model, AdamW(model.params, lr=1e-2), stream, run_dir=sys.argv[2],
                      checkpoint_every=1, resume=sys.argv[3] == "resume", print_every=1)
    trainer.train(int(sys.argv[4]))
""")


def run_endless(run_dir, how, steps):
    return subprocess.Popen(
        [sys.executable, "-c", ENDLESS, os.path.dirname(__file__), str(run_dir), how, str(steps)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_killed_run_resumes_bit_for_bit(tmp_path):
    """SIGKILL while every step saves, again and again; the end is that of the unbroken run."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    steps = 0
    for i in range(3):
        process = run_endless(killed, "resume" if i else "fresh", 10**6)
        for _ in range(3):
            assert process.stdout.readline().startswith("step")
        time.sleep(0.003 * i)
        process.kill()
        process.communicate()
        now = load_arrays(killed / "checkpoint.npz")[1]["step"]
        assert now > steps
        steps = now
    for run_dir, how in ((killed, "resume"), (whole, "fresh")):
        output, errors = run_endless(run_dir, how, steps + 2).communicate()
        assert errors == ""
    assert_same_run(killed, whole)


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no SIGINT to a child alone")
def test_a_real_ctrl_c_keeps_the_run(tmp_path):
    process = run_endless(tmp_path, "fresh", 10**6)
    for _ in range(3):
        assert process.stdout.readline().startswith("step")
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate(timeout=30)
    assert process.returncode != 0 and errors.rstrip().endswith("KeyboardInterrupt")
    step = load_arrays(tmp_path / "checkpoint.npz")[1]["step"]
    assert f"Interrupted: step {step} is kept in" in output
    assert [row.step for row in read_log(tmp_path / "log.csv")] == list(range(1, step + 1))


# --- refusals ---------------------------------------------------------------------------------

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


# --- numbers that are not finite --------------------------------------------------------------

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
