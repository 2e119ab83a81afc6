"""AdamW with clipping, on the parameters of the decoders S, M and L, against PyTorch's fused one.

    python tests/benchmarks/bench_optimizer.py

A round clips the gradients to norm 1 and makes one update, with weight decay. PyTorch clips in
place, so its gradients have norm 1 from the first round on, and it multiplies them all the same.
Both sides must agree after one update before anything is timed. See rounds.py for the ratio.
"""

import importlib.util
import sys

import bench_training_step
import rounds as benchmark

SIZES = ("S", "M", "L")
TOLERANCE = 1e-5  # relative, of the parameters' change, in float32
SETTINGS = {"lr": 1e-3, "betas": (0.9, 0.999), "eps": 1e-8, "weight_decay": 0.1}


def measure(size, threads, rounds):
    """One row of the table, as a dict."""
    import numpy as np

    from minitransformer.training import AdamW, clip_by_global_norm
    from minitransformer.tree import tree_items, tree_map

    config = bench_training_step.make_config(bench_training_step.SIZES[size]["config"])
    params = bench_training_step.make_model(config).params
    rng = np.random.default_rng(0)
    grads = tree_map(lambda w: rng.standard_normal(w.shape, np.float32), params)
    optimizer = AdamW(params, **SETTINGS)

    def numpy_update(i):
        clipped, _ = clip_by_global_norm(grads, 1.0)
        optimizer.step(clipped)

    sides, others = {"numpy": numpy_update}, {}
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(threads)
        start = [w.copy() for _, w in tree_items(params)]
        tensors = [torch.nn.Parameter(torch.tensor(w)) for w in start]
        for w, (_, g) in zip(tensors, tree_items(grads)):
            w.grad = torch.tensor(g)
        groups = [{"params": [w for w in tensors if (w.ndim >= 2) == decays],
                   "weight_decay": SETTINGS["weight_decay"] * decays} for decays in (True, False)]
        theirs = torch.optim.AdamW(groups, lr=SETTINGS["lr"], betas=SETTINGS["betas"],
                                   eps=SETTINGS["eps"], fused=True)

        def torch_update(i):
            torch.nn.utils.clip_grad_norm_(tensors, 1.0)
            theirs.step()

        numpy_update(0)
        torch_update(0)
        moved = np.concatenate([np.ravel(w - s) for (_, w), s in zip(tree_items(params), start)])
        other = np.concatenate([np.ravel(w.detach().numpy() - s) for w, s in zip(tensors, start)])
        error = float(np.linalg.norm(moved - other) / np.linalg.norm(other))
        others = {"torch": torch.__version__, "error": error}
        benchmark.expect_agreement(size, error, TOLERANCE)
        sides["torch"] = torch_update
    return benchmark.row_of(size, threads, sides, rounds, **others)


def main(argv=None):
    """Measure and print."""
    return benchmark.run(__file__, __doc__, SIZES, measure, rounds=15, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
