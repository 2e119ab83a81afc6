"""Writing with a KV cache, against PyTorch: the likeliest next token, one text, after a prompt.

    python tests/benchmarks/bench_generation.py                    S, M and L, one and two threads
    python tests/benchmarks/bench_generation.py --sizes S --json

A round is the whole of it, prompt and new tokens. Both sides have the same weights and must write
the same ids before anything is timed. PyTorch is at its best: inference mode, keys and values in
room made beforehand, fused attention, logits of the prompt's last token alone. See rounds.py for
what the ratio is: time(NumPy) / time(PyTorch), so the tokens per second stand as its inverse.
Without PyTorch, NumPy is timed alone.
"""

import importlib.util
import sys

import bench_training_step
import rounds as benchmark

PROMPT, NEW = 32, {"S": 96, "M": 96, "L": 32}  # tokens


def measure(size, threads, rounds):
    """One row of the table, as a dict; numpy_ms and torch_ms are those of a whole text."""
    import numpy as np

    model = bench_training_step.make_model(
        bench_training_step.make_config(bench_training_step.SIZES[size]["config"]))
    prompt = np.random.default_rng(0).integers(3, model.config.vocab_size, PROMPT)  # (T,)

    def numpy_text(i):
        return model.generate([prompt], max_new_tokens=NEW[size], temperature=0)[0]

    sides, others = {"numpy": numpy_text}, {"tokens": NEW[size]}
    if importlib.util.find_spec("torch"):
        import torch
        from torch_decoder import TorchDecoder

        torch.set_num_threads(threads)
        twin, ids = TorchDecoder(model).eval(), torch.tensor(prompt[None])
        ours, theirs = numpy_text(0), twin.generate(ids, NEW[size])[0].tolist()
        different = sum(a != b for a, b in zip(ours, theirs, strict=True))
        others |= {"torch": torch.__version__, "error": different}
        benchmark.expect_agreement(size, different, 0)
        sides["torch"] = lambda i: twin.generate(ids, NEW[size])
    return benchmark.row_of(size, threads, sides, rounds, **others)


def main(argv=None):
    """Measure and print."""
    return benchmark.run(__file__, __doc__, NEW, measure, rounds=9, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
