"""The cost model: its formulas are counts, to the last byte; its constants come back from a fit."""

import math

import numpy as np
import pytest
from launch import needs_mpi, passes

from minitransformer.data.batching import Batch
from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.parallel import DataParallelTrainer, TensorParallel
from minitransformer.parallel.collectives import largest, total
from minitransformer.parallel.cost_model import (
    WAYS, Machine, Traffic, data_parallel_traffic, fit_network, parameters, sending_seconds,
    sequence_parallel_traffic, step_cost, step_operations, sum_factors, tensor_parallel_traffic)
from minitransformer.parallel.counted import CountedComm
from minitransformer.parallel.sequence_parallel import SequenceParallel
from minitransformer.parallel.shards import shard
from minitransformer.teaching.operation_count import (
    Watched, operations, watch, watch_step)
from minitransformer.teaching.thread_processes import together
from minitransformer.training import AdamW
from minitransformer.tree import tree_items

B, T, V = 8, 9, 12
SIZES = {"d_model": 24, "n_heads": 8, "n_layers": 3, "d_ff": 20, "max_seq_len": 13}
CONFIGS = {
    "gpt": {"activation": "gelu_tanh", "positions": "learned"},
    "llama, recomputed": {"norm": "rms", "activation": "swiglu", "n_kv_heads": 4, "bias": False,
                          "tied_embeddings": "none", "recompute": True},
    "post-norm, swiglu with biases": {"norm_placement": "post", "activation": "swiglu"},
    "no norm": {"norm": "none", "positions": "alibi", "n_layers": 1, "tied_embeddings": "none"},
}
MACHINE = Machine(rate=1e9, latency=1e-3, per_byte=1e-6, cores=2)


class Stream:
    """Batches of B / N sequences."""

    def __init__(self, n):
        self.n = n

    def batch(self, i):
        ids = np.random.default_rng(i).integers(3, V, (self.n, T + 1))          # (n, T + 1)
        return Batch(None, ids[:, :-1], ids[:, 1:])


@pytest.fixture(params=CONFIGS)
def config(request):
    return DecoderOnlyConfig(V, **{**SIZES, **CONFIGS[request.param]})


def counted(comm):
    """The Traffic of a CountedComm's calls, of which there are only these kinds."""
    kinds = {"Allreduce": [], "Sendrecv": [], "allgather": []}
    for call in comm.sent:
        kinds[call.call].append(call.nbytes)
        assert call.seconds >= 0
    return Traffic(*(number for found in kinds.values() for number in (len(found), sum(found))))


def test_parameters(config):
    assert parameters(config) == sum(x.size for _, x in tree_items(DecoderOnly(config).params))


def test_operations_of_one_process(config):
    seen = watch_step(DecoderOnly(config), Stream(B).batch(0), dropout_seed=(0, 0))
    assert step_operations(config, B=B, T=T) == operations(seen)


@pytest.mark.parametrize("N", [1, 2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_data_parallel_traffic(config, N, dtype):
    def work(comm):
        comm = CountedComm(comm)
        model = DecoderOnly(config, dtype=dtype)
        trainer = DataParallelTrainer(model, AdamW(model.params), Stream(B // N), comm=comm,
                                      print_every=0)
        comm.sent.clear()  # all begin as process 0, once in a run
        trainer.train(1)
        return counted(comm)

    expected = data_parallel_traffic(config, N=N, B=B, T=T, itemsize=np.dtype(dtype).itemsize)
    assert together(N, work) == N * [expected]


@pytest.mark.parametrize("N", [1, 2, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_tensor_parallel_traffic(config, N, dtype):
    def work(comm):
        comm = CountedComm(comm)
        model = TensorParallel(DecoderOnly(config, dtype=dtype), comm=comm)
        comm.sent.clear()
        model.loss_and_grads(Stream(B).batch(0), dropout_seed=(0, 0))
        return counted(comm)

    expected = tensor_parallel_traffic(config, N=N, B=B, T=T, itemsize=np.dtype(dtype).itemsize)
    assert together(N, work) == N * [expected]


@pytest.mark.parametrize("N", [1, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sequence_parallel_traffic(config, N, dtype):
    def work(comm):
        comm = CountedComm(comm)
        model = SequenceParallel(DecoderOnly(config, dtype=dtype), comm=comm)
        comm.sent.clear()  # all have the same parameters, once in a run
        model.loss_and_grads(Stream(B).batch(0), dropout_seed=(0, 0))
        return counted(comm)

    expected = sequence_parallel_traffic(config, N=N, B=B, T=T, itemsize=np.dtype(dtype).itemsize)
    assert together(N, work) == N * [expected]


def test_operations_of_the_last_process_of_a_ring(config, monkeypatch):
    """Its tiles use einsum once, for a dot product in each row, which is no matrix product."""
    monkeypatch.setattr(Watched, "__array_function__", np.ndarray.__array_function__)
    model, batch = DecoderOnly(config), Stream(B).batch(0)

    def step(params):
        def work(comm):
            split = SequenceParallel(model, comm=comm)
            split.model = DecoderOnly.of(config, params if comm.rank == 2 else model.params)
            split.loss_and_grads(batch, dropout_seed=(0, 0))

        together(3, work)

    expected = step_operations(config, B=B, T=T, scores_again=True) / 3
    assert operations(watch(step, model.params)) == expected


@pytest.mark.parametrize("N", [2, 4])
def test_tensor_parallel_shares_the_operations(config, N):
    model, batch = DecoderOnly(config), Stream(B).batch(0)
    shards = [shard(model.params, rank, N, config=config) for rank in range(N)]

    def step(shards):
        def work(comm):
            split = TensorParallel(model, comm=comm)
            split.params = shards[comm.rank]
            split.loss_and_grads(batch, dropout_seed=(0, 0))

        together(N, work)

    assert operations(watch(step, shards)) == step_operations(config, B=B, T=T)


def test_what_cannot_be_shared_is_refused():
    config = DecoderOnlyConfig(V, **SIZES)
    with pytest.raises(ValueError, match="8 sequences, which 3 processes"):
        step_cost("data", config, MACHINE, N=3, B=8, T=T)
    with pytest.raises(ValueError, match="9 tokens, which 2 processes"):
        step_cost("sequence", config, MACHINE, N=2, B=8, T=T)
    with pytest.raises(ValueError, match="n_heads is 8, which 16 processes"):
        step_cost("tensor", config, MACHINE, N=16, B=8, T=T)


@pytest.mark.parametrize("N, rounds", [(1, 0), (2, 1), (3, 2), (4, 2), (8, 3), (1024, 10)])
def test_halving_and_doubling(N, rounds):
    halves = [1 / 2 ** i for i in range(1, rounds + 1)]
    messages, share = sum_factors(N)
    assert messages == 2 * rounds
    if N != 3:
        assert share == pytest.approx(2 * sum(halves), abs=1e-15)
    else:
        assert share == pytest.approx(4 / 3)


def test_seconds_of_sending():
    traffic = Traffic(sums=3, sum_bytes=800, exchanges=5, exchange_bytes=70, gathers=2,
                      gather_bytes=11)
    # 3 sums in 2 rounds there and 2 back, 5 messages, 2 gathers of 2 rounds, twice;
    # 3/4 of 800 bytes there and back, 70, and to 3 others 11
    expected = 25e-3 + 1303e-6
    assert sending_seconds(traffic, MACHINE, N=4) == pytest.approx(expected, rel=1e-12)
    assert sending_seconds(Traffic(3, 800), MACHINE, N=1) == 0


@pytest.mark.parametrize("way", WAYS)
def test_cost_of_a_step(way):
    config = DecoderOnlyConfig(V, **SIZES)
    alone, *several = [step_cost(way, config, MACHINE, N=N, B=8, T=8) for N in (1, 2, 4)]
    again = way == "sequence"
    assert alone.computing == step_operations(config, B=8, T=8, scores_again=again) / 1e9
    assert alone.sending == 0
    for cost in several:  # four processes share two cores
        assert cost.computing == pytest.approx(alone.computing / 2, rel=1e-12)
        assert cost.total == cost.computing + cost.sending
    assert 0 < several[0].sending < several[1].sending
    own_cores = step_cost(way, config, MACHINE._replace(cores=math.inf), N=4, B=8, T=8)
    assert own_cores.computing == pytest.approx(alone.computing / 4, rel=1e-12)
    twice = step_cost(way, config, MACHINE._replace(latency=0.0), N=2, B=8, T=8, itemsize=8)
    once = step_cost(way, config, MACHINE._replace(latency=0.0), N=2, B=8, T=8, itemsize=4)
    assert 1.9 < twice.sending / once.sending <= 2


@pytest.mark.parametrize("N", [2, 3, 4])
def test_the_fit_finds_the_constants(N):
    nbytes = np.array([4, 400, 40_000, 4_000_000])
    seconds = [sending_seconds(Traffic(1, n), MACHINE, N=N) for n in nbytes]
    assert fit_network(nbytes, seconds, N=N) == pytest.approx((1e-3, 1e-6), rel=1e-9)


def test_the_fit_weighs_relative_errors():
    """Some per cent of a long message's seconds are many times a short one's."""
    nbytes = np.array([4, 4, 1_000_000, 40_000_000])
    seconds = np.array([2e-3, 2e-3, 1.05, 38.0])
    latency, per_byte = fit_network(nbytes, seconds, N=2)
    assert latency == pytest.approx(1e-3, rel=1e-2)
    assert per_byte == pytest.approx(1e-6, rel=5e-2)


def test_a_call_is_written_down_and_passed_on():
    def work(comm):
        counting = CountedComm(comm)
        mine, found = np.full(3, 1.0 + comm.rank), np.empty(3)
        counting.Sendrecv(mine, 1 - comm.rank, recvbuf=found, source=1 - comm.rank)
        told = counting.bcast(["told", {"mine": (mine, 1)}])[0]
        top = largest(mine, counting)
        return found[0], told, top[0], total(mine, counting)[0], [c[:2] for c in counting.sent]

    calls = [("Sendrecv", 24), ("bcast", 24), ("Allreduce", 24), ("Allreduce", 24)]
    assert together(2, work) == [(2.0, "told", 2.0, 3.0, calls), (1.0, "told", 2.0, 3.0, calls)]


@needs_mpi
@pytest.mark.slow
@pytest.mark.parametrize("n", [2, 4])
def test_what_passes_through_mpi(n):
    passes(n, "traffic_run.py")
