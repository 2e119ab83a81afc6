"""On every process: a run shared in a way equals one process's, for all models: same_run.py WAY."""

import sys

import numpy as np
from small_runs import make

from minitransformer.parallel import ending_together, world
from minitransformer.parallel.command import WAYS
from minitransformer.training import SGD, Trainer
from minitransformer.tree import freeze, tree_add, tree_items, tree_map, tree_norm

comm, way = world(), sys.argv[1]
PARTS = 4       # batches in a step
BAR = 1e-10
SETTINGS = {"accumulate": PARTS, "seed": 3, "label_smoothing": 0.1, "clip_norm": 0.5,
            "evaluate_every": 2, "print_every": 0}


def distance(a, b):
    """The norm of the difference of two trees, relative to that of one."""
    return tree_norm(tree_add(a, tree_map(np.negative, b))) / tree_norm(b)


def trainers(kind, frozen=False, momentum=False):
    """(the processes', one process's) over equal models and batches."""
    for own in (False, True):
        # The weights of process 0 are taken, whatever the others begin with.
        model, optimizer, batches = make(kind, seed=0 if own else comm.rank)
        if frozen:
            model, optimizer, batches = make(kind)
            model.params["blocks"][0] = freeze(model.params["blocks"][0])
            optimizer = type(optimizer)(model.params, lr=1e-2)
        if momentum:
            optimizer = SGD(model.params, lr=0.1, momentum=0.9)
        settings = {**SETTINGS, "validation": [batches.batch(100 + i) for i in range(3)]}
        yield (Trainer(model, optimizer, batches, **settings) if own else
               WAYS[way](model, optimizer, batches, comm=comm, **settings))


def same_step_and_same_run(kind, **options):
    together, alone = trainers(kind, **options)
    given, optimizer = getattr(together, "given", (together.model, together.optimizer))
    loss, grads, tokens = together._loss_and_grads()
    own_loss, own_grads, own_tokens = alone._loss_and_grads()
    gap = distance(together._whole(grads), own_grads)
    assert tokens == own_tokens and abs(loss - own_loss) < BAR and gap < BAR, (kind, gap)
    for mine, expected in zip(together.train(5), alone.train(5), strict=True):
        assert mine.tokens == expected.tokens
        assert np.allclose([mine.loss, mine.grad_norm, mine.val_loss or 0],
                           [expected.loss, expected.grad_norm, expected.val_loss or 0],
                           rtol=BAR, atol=0), kind
    learned = distance(given.params, alone.model.params)
    assert learned < BAR, (kind, learned)
    assert distance(optimizer.state(), alone.optimizer.state()) < BAR, kind
    for tree in (given.params, optimizer.state()):
        for name, x in tree_items(tree):
            assert len(set(comm.allgather(x.tobytes()))) == 1, (kind, name)  # to the bit
    if comm.rank == 0:
        print(f"{kind}: gradients {gap:.1e}, parameters after 5 steps {learned:.1e}", flush=True)


with ending_together(comm):
    same_step_and_same_run("encoder_decoder")
    same_step_and_same_run("decoder_only")
    same_step_and_same_run("encoder_only")
    same_step_and_same_run("features")
    same_step_and_same_run("masked words")
    same_step_and_same_run("decoder_only", momentum=True)
    if way != "tensor":  # which refuses them
        same_step_and_same_run("decoder_only", frozen=True)
    counts = comm.allgather(sum(int((make("decoder_only")[2].batch(i).targets != 0).sum())
                                for i in range(comm.rank, PARTS, comm.size)))
    assert len(set(counts)) > 1  # the processes' shares are uneven, or this would prove less
    comm.Barrier()  # all have come so far
    if comm.rank == 0:
        print("ok", flush=True)
