"""On every process: a model over sequences in pieces equals one process's, for the three models."""

import tracemalloc

import numpy as np
from small_runs import make, measured, written

from minitransformer.checks.case import randomize
from minitransformer.functional import dropout_forward, dropout_rng
from minitransformer.gradient_check import assert_gradients
from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.parallel import SequenceParallel, ending_together, world
from minitransformer.parallel.mean_over_all import mean_over_all_backward, mean_over_all_forward
from minitransformer.parallel.places import Places
from minitransformer.training import AdamW, Trainer
from minitransformer.tree import freeze, tree_items
from minitransformer.variants import mean_pooling_forward

comm = world()
rank, size = comm.rank, comm.size
BAR = 1e-10
LLAMA = {"norm": "rms", "activation": "swiglu", "positions": "rotary", "n_kv_heads": 1,
         "bias": False}
CASES = [  # a kind of model, what is not its default
    ("decoder_only", {"positions": "learned"}),
    ("decoder_only", {**LLAMA, "tied_embeddings": "none", "recompute": True}),
    ("decoder_only", {"positions": "alibi", "norm_placement": "post", "pad_id": -1}),
    ("encoder_decoder", {}),
    ("encoder_decoder", {**LLAMA, "tgt_vocab_size": 11, "tied_embeddings": "all"}),
    ("encoder_decoder", {"positions": "alibi", "norm_placement": "post", "recompute": True}),
    ("encoder_only", {"embedding_norm": True}),
    ("features", {"positions": "learned", "norm_placement": "post"}),
    ("masked words", {"positions": "rotary", "tied_embeddings": "output"}),
]


def models(kind, changes, frozen=False):
    """(the model in pieces, the model, batches), of random weights, biases and gains too."""
    alone, _, batches = make(kind, **changes)
    rng = np.random.default_rng(4)
    alone.params = randomize(rng, alone.params)
    if frozen:
        alone.params["embedding"] = freeze(alone.params["embedding"])
        alone.params["blocks"][0] = freeze(alone.params["blocks"][0])
    return SequenceParallel(alone, comm=comm), alone, batches


def compare(what, split, alone, batch, **options):
    """The largest distance of a gradient, relative to its norm; of a key's bias, which is 0."""
    loss, grads = split.loss_and_grads(batch, **options)
    own_loss, own_grads = alone.loss_and_grads(batch, **options)
    assert isinstance(loss, float) and abs(loss - own_loss) < BAR * own_loss, (what, loss, own_loss)
    assert abs(split.loss(batch) - alone.loss(batch)) < BAR, what
    worst = 0.0
    for (name, x), (own_name, expected) in zip(tree_items(grads), tree_items(own_grads),
                                               strict=True):
        assert name == own_name and x.shape == expected.shape and x.dtype == expected.dtype
        gap, norm = np.linalg.norm(x - expected), np.linalg.norm(expected)
        gap = gap if name.endswith("k.b") else gap / norm if norm else gap
        assert gap < BAR, (what, name, gap)
        assert len(set(comm.allgather(x.tobytes()))) == 1, (what, name)  # to the bit
        worst = max(worst, gap)
    return worst


def equal_to_one_process(kind, changes, **others):
    split, alone, batches = models(kind, changes, **others)
    worst = max(compare((kind, changes, step), split, alone, batches.batch(step + 1),
                        dropout_seed=(6, step), label_smoothing=0.1 * step,
                        normalizer=7 if step == 2 else None) for step in range(3))
    if rank == 0:
        print(f"{kind} {changes}: worst gradient {worst:.1e}", flush=True)


def fewer_tokens_than_processes():
    ids = np.array([[4], [7]])
    split, alone, _ = models("decoder_only", {})
    compare("T = 1", split, alone, written(ids, None)._replace(targets=ids + 1),
            dropout_seed=(1, 1))
    split, alone, _ = models("features", {})
    batch = measured(ids, np.random.default_rng(0))._replace(mask=None)
    compare("one feature vector", split, alone, batch, dropout_seed=(1, 1))


def a_plain_trainer_drives_it():
    """Five steps of two batches each, clipped, evaluated: the parameters of one process."""
    runs = []
    for split in (True, False):
        model, _, batches = make("encoder_decoder")
        driven = SequenceParallel(model, comm=comm) if split else model
        trainer = Trainer(driven, AdamW(driven.params, lr=1e-2), batches, accumulate=2,
                          clip_norm=0.5, label_smoothing=0.1, evaluate_every=2, print_every=0,
                          validation=[batches.batch(100)])
        runs.append((trainer.train(5), model.params))
    (rows, params), (own_rows, own_params) = runs
    for row, own in zip(rows, own_rows, strict=True):
        assert row.tokens == own.tokens and abs(row.loss - own.loss) < BAR
        assert abs((row.val_loss or 0) - (own.val_loss or 0)) < BAR
    for (name, x), (_, expected) in zip(tree_items(params), tree_items(own_params), strict=True):
        assert np.allclose(x, expected, rtol=1e-8, atol=1e-9), name
        assert len(set(comm.allgather(x.tobytes()))) == 1, name


def masks_are_one_process_s():
    x = np.random.default_rng(1).normal(size=(3, 4 * size + 1, 5))
    places = Places.of(x, comm)
    (seed, step) = places.options(DecoderOnlyConfig(5), (8, 2))["dropout_seed"]
    assert step == 2 and places.options(DecoderOnlyConfig(5), None)["dropout_seed"] is None
    for layer, site in ((0, 0), (3, 1)):
        whole, _ = dropout_forward(x, rate=0.4, rng=dropout_rng((8, 2, layer), site))
        mine, _ = dropout_forward(places.cut(x), rate=0.4, rng=dropout_rng((seed, 2, layer), site))
        assert np.array_equal(mine, places.cut(whole)) and 0 < np.mean(mine == 0) < 1


def means():
    """Complex step, with a sequence that ends on process 0 and one without a token."""
    T = 3 * size + 1
    x = np.random.default_rng(2).normal(size=(3, T, 4))
    mask = np.arange(T) < np.array([[T - 1], [1], [0]])
    places = Places.of(x, comm)

    def forward(x):
        y, cache = mean_over_all_forward(places.cut(x), mask=places.cut(mask), comm=comm)
        return y * [1.0, 10.0, 100.0, 1000.0][rank], cache  # each makes something else of y

    def forward_of_all(x):
        y, cache = forward(x)
        return sum(comm.allgather(y)), cache

    def backward(dout, cache):
        dx = mean_over_all_backward(dout * [1.0, 10.0, 100.0, 1000.0][rank], cache)
        return np.concatenate(comm.allgather(dx), axis=1)

    assert_gradients(forward_of_all, backward, x)
    y, _ = mean_over_all_forward(places.cut(x), mask=places.cut(mask), comm=comm)
    assert np.allclose(y, mean_pooling_forward(x, mask=mask)[0], rtol=1e-14)


def activations_are_shared():
    """The peak of a step, without the parameters, is little more than a part of one process's."""
    ids = np.random.default_rng(0).integers(3, 11, (1, 1024))
    config = DecoderOnlyConfig(11, d_model=64, n_heads=2, n_layers=2, d_ff=128, max_seq_len=1024,
                               attention="blockwise")
    alone = DecoderOnly(config, seed=0)
    peaks = []
    for model in (SequenceParallel(alone, comm=comm), alone):
        model.loss_and_grads(written(ids, None))
        tracemalloc.start()
        model.loss_and_grads(written(ids, None), dropout_seed=(0, 0))
        peaks.append(max(comm.allgather(tracemalloc.get_traced_memory()[1])))
        tracemalloc.stop()
    assert peaks[0] < peaks[1] / size + 2 * 2**20, peaks  # the tiles are not shared
    return peaks


def refusals():
    def refuse(words, build):
        try:
            build()
        except ValueError as error:
            assert words in str(error), error
        else:
            raise AssertionError(f"accepted: {words}")

    refuse('norm is "batch"', lambda: models("encoder_decoder", {"norm": "batch"}))
    split, _, _ = models("decoder_only", {})
    long = np.full((1, 13), 5)
    refuse("the sequence has 13 tokens, but max_seq_len is 12",
           lambda: split.loss(written(long, None)))
    if rank:
        refuse("differs from that of process 0",
               lambda: SequenceParallel(make("decoder_only", seed=rank)[0], comm=comm))
    else:
        SequenceParallel(make("decoder_only", seed=rank)[0], comm=comm)


with ending_together(comm):
    for case in CASES:
        equal_to_one_process(*case)
    equal_to_one_process("decoder_only", {}, frozen=True)
    fewer_tokens_than_processes()
    a_plain_trainer_drives_it()
    masks_are_one_process_s()
    means()
    peaks = activations_are_shared()
    refusals()
    comm.Barrier()  # all have come so far
    if rank == 0:
        print("peak of a step at T = 1024, in pieces and whole: "
              + ", ".join(f"{peak / 2**20:.2f} MiB" for peak in peaks))
        print("ok", flush=True)
