"""Batches of a step on several threads: the same run, whatever their number."""

import sys
import threading
import time

import numpy as np
import pytest
from small_run import Batches, assert_same_tree, make_pairs

from minitransformer.data.batching import BatchStream, make_batch
from minitransformer.training import AdamW, NonFiniteError
from minitransformer.training.threads import thread_map
from minitransformer.tree import tree_items


def test_one_thread_is_pythons_own_map():
    with thread_map(1) as run:
        assert run is map


def test_results_come_in_order_and_few_are_ahead():
    pytest.importorskip("threadpoolctl")
    begun = []

    def slower_first(i):
        begun.append(i)
        time.sleep(0.02 * (3 - i % 3))
        return i

    with thread_map(3) as run:
        for i, result in enumerate(run(slower_first, range(8))):
            assert result == i and len(begun) <= i + 3


def test_as_many_run_at_a_time():
    pytest.importorskip("threadpoolctl")
    both = threading.Barrier(2)
    with thread_map(2) as run:
        assert sorted(run(lambda i: both.wait(timeout=30), range(4))) == [0, 0, 1, 1]


def test_blas_has_one_thread_meanwhile_and_its_own_afterwards():
    threadpoolctl = pytest.importorskip("threadpoolctl")

    def blas_threads():
        return [library["num_threads"] for library in threadpoolctl.threadpool_info()
                if library["user_api"] == "blas"]

    before = blas_threads()
    with pytest.raises(KeyboardInterrupt), thread_map(2) as run:
        assert all(n == [1] * len(before) for n in run(lambda i: blas_threads(), range(2)))
        raise KeyboardInterrupt
    assert blas_threads() == before


def test_an_error_in_a_thread_is_the_callers():
    pytest.importorskip("threadpoolctl")
    with pytest.raises(ZeroDivisionError), thread_map(2) as run:
        list(run(lambda i: 1 / i, range(2)))


def test_a_run_is_the_same_with_any_number(make_model, make_trainer):
    threadpoolctl = pytest.importorskip("threadpoolctl")
    models = []
    for threads in (1, 2, 3):
        with threadpoolctl.threadpool_limits(1):
            models.append(make_model(dropout=0.2))
            make_trainer(models[-1], batches=BatchStream(make_pairs(), batch_size=5, seed=0),
                         accumulate=3, threads=threads).train(4)
    assert_same_tree(models[1].params, models[0].params)
    assert_same_tree(models[2].params, models[0].params)


def test_each_batch_has_its_own_dropout_and_all_their_counts(make_model, make_trainer):
    pytest.importorskip("threadpoolctl")
    batches = [make_batch(make_pairs(n)) for n in (3, 9)]
    model = make_model(dropout=0.3)
    trainer = make_trainer(model, batches=Batches(*batches), accumulate=2, threads=2, seed=5,
                           label_smoothing=0.0)
    loss, grads, tokens = trainer._loss_and_grads()
    assert tokens == sum(np.count_nonzero(batch.targets) for batch in batches)
    apart = [model.loss_and_grads(batch, normalizer=tokens, dropout_seed=(5, i))
             for i, batch in enumerate(batches)]
    assert loss == pytest.approx(apart[0][0] + apart[1][0])
    for (name, g), (_, a), (_, b) in zip(*map(tree_items, (grads, apart[0][1], apart[1][1]))):
        np.testing.assert_allclose(g, a + b, rtol=1e-6, atol=1e-9, err_msg=name)


def test_the_operation_behind_a_nan_is_found_though_threads_met_it(make_model, make_trainer):
    pytest.importorskip("threadpoolctl")
    model = make_model()
    model.params["encoder"]["blocks"][0]["feed_forward"]["up"]["w"][:] = np.nan
    trainer = make_trainer(model, AdamW(model.params), Batches(make_batch(make_pairs(4))),
                           accumulate=2, threads=2, watch=True)
    with pytest.raises(NonFiniteError, match="first result that is not finite is that of"):
        trainer.train(1)


@pytest.mark.parametrize("options, words", [
    ({"threads": 0}, "threads is 0, expected 1 or more"),
    ({"threads": 3, "accumulate": 2}, "more than a step has batches: accumulate is 2")])
def test_a_number_that_cannot_be_is_refused(make_model, make_trainer, options, words):
    with pytest.raises(ValueError, match=words):
        make_trainer(make_model(), **options)


def test_batch_norm_depends_on_the_order(make_model, make_trainer):
    with pytest.raises(ValueError, match="running statistics"):
        make_trainer(make_model(norm="batch"), accumulate=2, threads=2)


def test_what_is_missing_is_said_with_its_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(ImportError, match="pip install threadpoolctl"), thread_map(2):
        pass
