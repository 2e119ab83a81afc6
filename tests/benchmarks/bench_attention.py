"""One layer of causal self-attention at length 5120, forward and backward, against PyTorch.

    python tests/benchmarks/bench_attention.py
    python tests/benchmarks/bench_attention.py --sizes 1024 --threads 1 --json

Width 512, 8 heads, batch 1, float32, both with the same weights; PyTorch uses its fused attention,
which keeps no array of scores either. Output and gradient of x must agree before anything is timed.
See rounds.py for what the ratio is. peak_mib, in the JSON, is what tracemalloc saw beyond x, dout
and the parameters. Without PyTorch, NumPy is timed alone.
"""

import importlib.util
import sys
import tracemalloc

import rounds as benchmark

D, H = 512, 8
LENGTHS = {"5120": 5120, "1024": 1024}
TOLERANCE = 1e-4  # relative, in float32


def measure(size, threads, rounds):
    """One row of the table, as a dict."""
    import numpy as np

    from minitransformer.layers import multi_head_attention_init

    rng = np.random.default_rng(0)
    params = multi_head_attention_init(rng, d_model=D)
    x, dout = rng.normal(size=(2, 1, LENGTHS[size], D)).astype(np.float32)    # (1, T, D) each

    def numpy_layer(i):
        return run_layer(params, x, dout)

    sides, others = {"numpy": numpy_layer}, {"peak_mib": peak_mib(numpy_layer)}
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(threads)
        layer, given = torch_layer(params), torch.tensor(x, requires_grad=True)

        def torch_step(i):
            for tensor in (given, *layer.parameters()):
                tensor.grad = None
            out = layer(given)
            out.backward(torch.tensor(dout))
            return out

        out, dx = numpy_layer(0)
        theirs = torch_step(0).detach().numpy()
        error = max(distance(out, theirs), distance(dx, given.grad.numpy()))
        others |= {"torch": torch.__version__, "error": error}
        benchmark.expect_agreement(size, error, TOLERANCE)
        sides["torch"] = torch_step
    return benchmark.row_of(size, threads, sides, rounds, **others)


def run_layer(params, x, dout):
    """Forward and backward of the package's layer: out, dx (1, T, D)."""
    from minitransformer.layers import multi_head_attention_backward, multi_head_attention_forward

    out, cache = multi_head_attention_forward(params, x, n_heads=H, causal=True, attention="auto")
    _, dx, _ = multi_head_attention_backward(dout, cache)
    return out, dx


def peak_mib(step):
    """What tracemalloc sees at most during one step, in MiB, beyond what was there before."""
    tracemalloc.start()
    step(0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return round(peak / 2 ** 20, 1)


def torch_layer(params):
    """The same layer in PyTorch, with its weights."""
    import torch
    from torch_decoder import Attention
    from torch_twin import transposed

    class Config:
        d_model, n_heads = D, H

    layer = Attention(Config)
    with torch.no_grad():
        for name in ("q", "k", "v", "out"):
            part = getattr(layer, name)
            part.weight.copy_(torch.tensor(transposed(f"{name}.w", params[name]["w"])))
            part.bias.copy_(torch.tensor(params[name]["b"]))
    return layer


def distance(ours, theirs):
    """||ours - theirs|| / ||theirs||."""
    import numpy as np

    return float(np.linalg.norm(ours - theirs) / np.linalg.norm(theirs))


def main(argv=None):
    """Measure and print."""
    return benchmark.run(__file__, __doc__, LENGTHS, measure, rounds=7, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
