"""A run that was stopped, interrupted or killed, and resumed, equals one that never was."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from functools import partial

import pytest
from small_run import assert_same_run, assert_same_tree

from minitransformer.models import EncoderDecoder
from minitransformer.training import (
    SGD,
    AdamW,
    load_arrays,
    read_log,
)
from minitransformer.training.interrupt import interrupts_held


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
