"""What a training step of a decoder costs on N processes, before anyone has such a machine.

    seconds = operations / rate + messages * latency + bytes * per_byte

Operations, messages and bytes follow from the configuration, by the formulas below; tests hold them
to counts, to the last byte. The three constants are a machine's, and are measured (fit_network).

What the model leaves out: work that every process repeats, such as the optimizer's or the norms';
work that is no matrix product, which counts only through the rate; computing while sending; waiting
for a slower process; one link that several messages share; and that smaller matrix products run at
a lower rate.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minitransformer.layers.options import ACTIVATIONS, attention_sizes
from minitransformer.parallel.shards import expect_divisible


class Machine(NamedTuple):
    """Where a process runs. Its rate is that of a whole training step on one process."""

    rate: float             # operations of matrix products a second, with a core to itself
    latency: float          # seconds of a message, however short
    per_byte: float         # further seconds, for each byte
    cores: float = math.inf  # that all processes share; infinite where each has its own


class Traffic(NamedTuple):
    """What a process hands to the communicator in a step."""

    sums: int                # sums (or maxima) over all: Allreduce
    sum_bytes: int           # of all of them together
    exchanges: int = 0       # with the neighbours in the ring: Sendrecv
    exchange_bytes: int = 0
    gathers: int = 0         # of what all are to know of each: allgather
    gather_bytes: int = 0    # of the arrays in it


class Cost(NamedTuple):
    """Seconds of a step."""

    computing: float
    sending: float

    @property
    def total(self):
        return self.computing + self.sending


def parameters(config):
    """How many numbers a decoder learns.

    A block has q and out (D, D), k and v (D, G K), the feed-forward's two matrices, of which the
    first is twice as wide for SwiGLU, a bias for each column, and two norms.
    """
    D, F, V = config.d_model, config.d_ff, config.vocab_size
    d_kv, width = attention_sizes(config)["d_kv"], ACTIVATIONS[config.activation].width
    norm = {"layer": 2 * D, "rms": D, "none": 0}[config.norm]
    biases = 2 * D + 2 * d_kv + width * F + D if config.bias else 0
    block = 2 * D * D + 2 * D * d_kv + (width + 1) * D * F + biases + 2 * norm
    final = norm if config.norm_placement == "pre" else 0
    table = V * D + (config.max_seq_len * D if config.positions == "learned" else 0)
    output = D * V + V if config.tied_embeddings == "none" else 0
    return table + config.n_layers * block + final + output


# A product (n, D) (D, E) is n D E multiplications and as many additions. Its backward is two such
# products, one for each gradient; with recompute the blocks go forward twice. Attention's scores
# and its mixing of values are two products n T D forward and four backward.
def step_operations(config, *, B, T, scores_again=False):
    """Operations of the matrix products of a step over B sequences of T tokens: ids (B, T).

    Scores that causality masks are counted, as plain attention computes them. scores_again: as
    attention by tiles, whose backward computes the scores once more.
    """
    D, F, n = config.d_model, config.d_ff, B * T
    d_kv, width = attention_sizes(config)["d_kv"], ACTIVATIONS[config.activation].width
    forwards = 2 if config.recompute else 1
    linear = 2 * D * D + 2 * D * d_kv + (width + 1) * D * F   # q and out, k and v, up and down
    attention = (2 * forwards + 4 + scores_again) * T * D
    block = (forwards + 2) * linear + attention
    return 2 * n * (config.n_layers * block + 3 * D * config.vocab_size)


# Two sums: the counts of targets and of interrupts, two whole numbers of 8 bytes, and in one
# message all gradients and the loss. Neither depends on N, nor on the tokens.
def data_parallel_traffic(config, *, N, B, T, itemsize=4):
    """Of DataParallelTrainer's step, B / N sequences each. ValueError where that is no number."""
    if B % N:
        raise ValueError(f"the step has {B} sequences, which {N} processes cannot share evenly")
    return Traffic(2, 16 + itemsize * (parameters(config) + 1))


# Forward a sum of (B, T, D) ends the table's lookup and each of a block's two branches; the loss
# sends its maximum (B, T, 1), then three numbers a token. Backward the output's projection and
# each branch end in a sum of (B, T, D). With recompute the blocks' forward sums come twice:
#     sums    = (1 + 2 L) + 2 + (1 + 2 L)       = 4 L + 4        [+ 2 L]
#     numbers = B T ((4 L + 2) D + 1 + 3)       = B T ((4 L + 2) D + 4)
# What each sum holds does not depend on N: the branches' inner width is split, not D.
def tensor_parallel_traffic(config, *, N, B, T, itemsize=4):
    """Of TensorParallel's loss_and_grads. ValueError where N cannot share the model."""
    expect_divisible(config, N)
    of_tokens = (6 if config.recompute else 4) * config.n_layers + 2
    return Traffic(of_tokens + 2, itemsize * B * T * (of_tokens * config.d_model + 4))


# In each block the N pieces of keys and values, (2, B, G, T / N, K), go round the ring: N - 1
# exchanges forward; backward as many for the way home, and as many for dk and dv beside them. With
# recompute they go round once more. Before they set out, all hear of everyone's padding mask,
# (B, T / N). At the end all gradients and the loss are summed, as in data parallel:
#     exchanges = 3 L (N - 1)   [+ L (N - 1)],   of 2 B (T / N) G K numbers each
def sequence_parallel_traffic(config, *, N, B, T, itemsize=4):
    """Of SequenceParallel's loss_and_grads. ValueError where N does not divide T."""
    if T % N:
        raise ValueError(f"a sequence has {T} tokens, which {N} processes cannot share evenly")
    forwards, tokens = (2 if config.recompute else 1), B * T // N
    exchanges = (forwards + 2) * config.n_layers * (N - 1)
    gathers = forwards * config.n_layers
    return Traffic(
        1, itemsize * (parameters(config) + 1),
        exchanges, exchanges * itemsize * 2 * tokens * attention_sizes(config)["d_kv"],
        gathers, gathers * tokens)


WAYS: dict[str, Callable] = {"data": data_parallel_traffic, "tensor": tensor_parallel_traffic,
                             "sequence": sequence_parallel_traffic}


# A sum over all by halving and doubling: in log2 N rounds everyone exchanges with a partner half
# of what it still works on, n/2, n/4, ... n/N bytes, and adds; then each has a part of the sum
# alone, and the same rounds backwards bring the parts together. One process sends
#     2 log2 N messages,    2 (n/2 + n/4 + ... + n/N) = 2 (N - 1)/N n bytes
# No way needs fewer bytes (Thakur et al. 2005); the additions are in per_byte.
def sum_factors(N):
    """(messages, bytes for each byte) that a process sends for one sum over all N."""
    return 2 * math.ceil(math.log2(N)), 2 * (N - 1) / N


def sending_seconds(traffic, machine, *, N):
    """messages * latency + bytes * per_byte.

    A gather doubles what a process knows in each of log2 N rounds, until it has N parts; of Python
    objects it takes two, of lengths before contents.
    """
    rounds, share = sum_factors(N)
    messages = (traffic.sums + traffic.gathers) * rounds + traffic.exchanges
    nbytes = (traffic.sum_bytes * share + traffic.exchange_bytes
              + traffic.gather_bytes * (N - 1))
    return messages * machine.latency + nbytes * machine.per_byte


def step_cost(way, config, machine, *, N, B, T, itemsize=4):
    """The Cost of one step over ids (B, T) in all, by N processes; way is one of WAYS.

    Every way shares the operations evenly; in the ring, where later pieces see more keys, the last
    process is meant, for which the others wait. Where processes outnumber the cores, each gets a
    part of one. itemsize: bytes of a number. Raises ValueError where N processes cannot share the
    work.
    """
    operations = step_operations(config, B=B, T=T, scores_again=way == "sequence") / N
    rate = machine.rate * min(1, machine.cores / N)
    traffic = WAYS[way](config, N=N, B=B, T=T, itemsize=itemsize)
    return Cost(operations / rate, sending_seconds(traffic, machine, N=N))


# Both constants enter linearly: t = a latency + b per_byte. Small messages take microseconds and
# large ones milliseconds, so what should be small is the relative error, and each equation is
# divided by its t before the least squares.
def fit_network(nbytes, seconds, *, N):
    """(latency, per_byte) from measured seconds of sums over N processes of so many bytes."""
    rounds, share = sum_factors(N)
    nbytes, seconds = np.asarray(nbytes, float), np.asarray(seconds, float)       # (n,) each
    rows = np.stack([np.full(len(nbytes), rounds), share * nbytes], axis=1)       # (n, 2)
    found, *_ = np.linalg.lstsq(rows / seconds[:, None], np.ones(len(seconds)))   # (2,)
    return tuple(map(float, found))
