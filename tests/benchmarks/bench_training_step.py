"""The training step, against PyTorch eager: S, M and L are decoders, the others translate.

    python tests/benchmarks/bench_training_step.py                 one and two threads, a table
    python tests/benchmarks/bench_training_step.py --sizes S M --threads 1 --rounds 20 --json

A step is forward, loss, backward and AdamW, with dropout 0.1, in float32. Both sides start from
the same weights and see the same batch. Before anything is timed, loss and gradients must agree;
without dropout, and in float64: in float32 a rounding error that carries a value across ReLU's
corner is enough for 1e-4. PyTorch is at its best: fused attention, fused AdamW, gradients set to
None. See rounds.py for what the ratio is. Without PyTorch, NumPy is timed alone.

The sizes in "halves" are the same steps from two halves of the batch, by the trainer's accumulate=2
and as many threads=, each with one thread of BLAS.
"""

import importlib.util
import sys

import rounds as benchmark

TOLERANCE = 1e-11  # of loss and gradients, in float64
DECODER = {"activation": "gelu_tanh", "positions": "learned"}  # as GPT-2
SIZES = {
    "S": {"batch": {"B": 16, "T": 128},
          "config": {"vocab_size": 65, "d_model": 128, "n_heads": 4, "n_layers": 4, "d_ff": 512,
                     "max_seq_len": 128, **DECODER}},
    "M": {"batch": {"B": 8, "T": 256},
          "config": {"vocab_size": 65, "d_model": 384, "n_heads": 6, "n_layers": 6, "d_ff": 1536,
                     "max_seq_len": 256, **DECODER}},
    "L": {"batch": {"B": 2, "T": 256},
          "config": {"vocab_size": 50257, "d_model": 768, "n_heads": 12, "n_layers": 12,
                     "d_ff": 3072, "max_seq_len": 256, **DECODER}},
    "translator": {
        "batch": {"B": 64, "S": 10, "T": 48},
        "config": {"src_vocab_size": 36, "tgt_vocab_size": 30, "d_model": 128, "n_heads": 4,
                   "n_layers": 2, "d_ff": 512, "max_seq_len": 64}},
    "medium": {
        "batch": {"B": 32, "S": 64, "T": 64},
        "config": {"src_vocab_size": 8000, "tgt_vocab_size": 8000, "d_model": 256, "n_heads": 8,
                   "n_layers": 3, "d_ff": 1024, "max_seq_len": 64}},
}
SIZES |= {f"{size} halves": {**SIZES[size], "halves": True} for size in ("S", "M", "medium")}


def measure(size, threads, rounds):
    """One row of the table, as a dict."""
    from minitransformer.training import AdamW

    config = make_config(SIZES[size]["config"])
    model, batch = make_model(config), random_batch(config, **SIZES[size]["batch"])
    ours = (step_of_halves(model, batch, threads) if SIZES[size].get("halves") else
            numpy_step(model, AdamW(model.params), batch))
    sides, others = {"numpy": ours}, {}
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(threads)
        others = {"torch": torch.__version__, "error": disagreement(config, batch)}
        benchmark.expect_agreement(size, others["error"], TOLERANCE)
        twin = make_twin(model)
        sides["torch"] = torch_step(twin, torch.optim.AdamW(
            twin.parameters(), lr=1e-3, weight_decay=0.0, fused=True), batch)
    return benchmark.row_of(size, threads, sides, rounds, **others)


def make_config(fields):
    """The configuration of an encoder-decoder, or of a decoder where there is one vocabulary."""
    from minitransformer.models import DecoderOnlyConfig, EncoderDecoderConfig

    return (DecoderOnlyConfig if "vocab_size" in fields else EncoderDecoderConfig)(**fields)


def make_model(config, **options):
    """The model of a configuration, seed 0."""
    from minitransformer.models import DecoderOnly, DecoderOnlyConfig, EncoderDecoder

    kind = DecoderOnly if isinstance(config, DecoderOnlyConfig) else EncoderDecoder
    return kind(config, seed=0, **options)


def make_twin(model):
    """The same model in PyTorch."""
    from torch_decoder import TorchDecoder
    from torch_twin import TorchTwin

    return (TorchDecoder if model.kind == "decoder_only" else TorchTwin)(model)


def random_batch(config, *, B, T, S=None):
    """A Batch of full length: nothing is padding, but translators make their masks from it."""
    import numpy as np

    from minitransformer.data.batching import Batch, make_batch

    rng = np.random.default_rng(0)
    if S is None:
        ids = rng.integers(3, config.vocab_size, (B, T + 1))                # (B, T + 1)
        return Batch(None, ids[:, :-1], ids[:, 1:])
    src = rng.integers(3, config.src_vocab_size, (B, S)).tolist()
    tgt = rng.integers(3, config.tgt_vocab_size, (B, T - 1)).tolist()
    return make_batch(list(zip(src, tgt)))


def numpy_step(model, optimizer, batch):
    """A function of the step's number that trains the model once."""
    def step(i):
        _, grads = model.loss_and_grads(batch, dropout_seed=(0, i))
        optimizer.step(grads)
    return step


def step_of_halves(model, batch, threads):
    """The same by a Trainer that takes each step's batches from two halves of one."""
    from minitransformer.data.batching import Batch
    from minitransformer.training import AdamW, Trainer

    middle = len(batch.tgt) // 2
    halves = [Batch(*(None if ids is None else ids[rows] for ids in batch))
              for rows in (slice(middle), slice(middle, None))]

    class Halves:
        def batch(self, i):
            return halves[i % 2]

    trainer = Trainer(model, AdamW(model.params), Halves(), accumulate=2, threads=threads,
                      print_every=0)
    return lambda i: trainer.train(trainer.step + 1)


def torch_step(twin, optimizer, batch):
    """The same for PyTorch."""
    tensors = as_tensors(batch)

    def step(i):
        optimizer.zero_grad()
        twin.loss(*tensors).backward()
        optimizer.step()
    return step


def as_tensors(batch):
    """The ids of a batch that are there."""
    import torch

    return [torch.tensor(ids) for ids in batch if ids is not None]


def disagreement(config, batch):
    """In float64 without dropout, the greater of the relative errors of loss and gradients.

    |loss - loss'| / |loss'| and, over all parameters as one vector, ||g - g'|| / ||g'||.
    """
    import numpy as np

    from minitransformer.tree import tree_items

    model = make_model(config, dtype=np.float64)
    twin = make_twin(model).eval()
    their_loss = twin.loss(*as_tensors(batch))
    their_loss.backward()
    loss, grads = model.loss_and_grads(batch)
    theirs = {name: twin.gradient(name) for name, _ in tree_items(grads)}
    distance = sum(np.sum((g - theirs[name]) ** 2) for name, g in tree_items(grads))
    length = sum(np.sum(g ** 2) for g in theirs.values())
    loss_error = abs(loss - their_loss.item()) / abs(their_loss.item())
    return float(max(loss_error, np.sqrt(distance / length)))


def main(argv=None):
    """Measure and print."""
    return benchmark.run(__file__, __doc__, SIZES, measure, argv=argv)


if __name__ == "__main__":
    sys.exit(main())
