"""Lesson 21's large measurements: the article's size trained for a step, and attention by length.

    python -m minitransformer.teaching.memory_runs   measure, and write the file (about 3 minutes)

All memory is tracemalloc's, which NumPy reports its arrays to. The machine needs 5 GiB free, for
plain attention of one layer; the step itself takes half of that. The file is
lessons/results/memory.json.
"""

import json
import platform
import time

import numpy as np

from minitransformer.data.batching import Batch
from minitransformer.data.tokenizers import END
from minitransformer.layers import (
    multi_head_attention_backward, multi_head_attention_forward, multi_head_attention_init)
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.teaching.ladder import LADDER
from minitransformer.teaching.byte_count import MIB, layer_peak_bytes, step_bytes, traced_peak
from minitransformer.teaching.run_command import run_command
from minitransformer.training import AdamW
from minitransformer.tree import tree_size
from minitransformer.variants import blockwise_attention_backward, blockwise_attention_forward

MEMORY_FILE = LADDER.with_name("memory.json")
SEED = 0
ARTICLE = {"src_vocab_size": 20_000, "tgt_vocab_size": 20_000, "d_model": 512, "n_heads": 8,
           "n_layers": 6, "d_ff": 2048, "max_seq_len": 5120, "dropout": 0.1,
           "attention": "blockwise", "recompute": True}
LENGTHS = (320, 640, 1280, 2560, 5120)  # of one layer


def random_batch(config, *, length, seed=SEED):
    """A batch of one pair of texts of random ids: what they say does not change the memory."""
    rng = np.random.default_rng(seed)
    src, tgt, targets = (rng.integers(END + 1, size, (1, length)) for size in (
        config.src_vocab_size, config.tgt_vocab_size, config.tgt_vocab_size))
    return Batch(src, tgt, targets)


def training_step(config, *, length, seed=SEED):
    """A new model takes one step with Adam, in float32: (loss, number of parameters)."""
    model = EncoderDecoder(config, seed=seed)
    optimizer = AdamW(model.params, lr=1e-4)
    batch = random_batch(config, length=length, seed=seed)
    loss, grads = model.loss_and_grads(batch, dropout_seed=(seed, 0))
    optimizer.step(grads)
    return loss, tree_size(model.params)


def layer_step(attention, *, length, d_model, n_heads, seed=SEED):
    """(the most bytes, processor seconds) of a causal layer's forward and backward, batch 1."""
    rng = np.random.default_rng(seed)
    params = multi_head_attention_init(rng, d_model=d_model)
    x, dout = rng.normal(size=(2, 1, length, d_model)).astype(np.float32)      # (1, T, D) each

    def both():
        out, cache = multi_head_attention_forward(params, x, n_heads=n_heads, causal=True,
                                                  attention=attention)
        return out, multi_head_attention_backward(dout, cache)

    start = time.process_time()
    _, peak = traced_peak(both)
    return peak, time.process_time() - start


def pair_step(*, length, n_heads, width, seed=SEED):
    """The most bytes of the blockwise pair alone, causal, beyond its inputs and outputs."""
    rng = np.random.default_rng(seed)
    q, k, v, dout = rng.normal(size=(4, 1, n_heads, length, width)).astype(np.float32)

    def both():
        out, cache = blockwise_attention_forward(q, k, v, causal=True)
        return out, blockwise_attention_backward(dout, cache)

    (out, gradients), peak = traced_peak(both)
    return peak - out.nbytes - sum(gradient.nbytes for gradient in gradients)


def read_memory(path=MEMORY_FILE):
    """{"command", "versions", "seed", "config", "step", "plain", "layers", "pair"}.

    Raises FileNotFoundError with the command that makes the file.
    """
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: make it with "
                                "python -m minitransformer.teaching.memory_runs")
    return json.loads(path.read_text(encoding="utf-8"))


def measure_memory(*, article=ARTICLE, lengths=LENGTHS, seed=SEED, path=MEMORY_FILE):
    """Measure a step of the article's size, the layer at each length, the pair; write the file."""
    config = EncoderDecoderConfig(**article)
    start, processor = time.perf_counter(), time.process_time()
    (loss, parameters), peak = traced_peak(
        lambda: training_step(config, length=config.max_seq_len, seed=seed))
    seconds, processor = time.perf_counter() - start, time.process_time() - processor
    T = config.max_seq_len
    predicted = step_bytes(config, parameters, B=1, S=T, T=T)
    plain = step_bytes(EncoderDecoderConfig(**article | {"attention": "plain", "recompute": False}),
                       parameters, B=1, S=T, T=T)
    print(f"one step: predicted {predicted['the peak'] / MIB:,.0f} MiB, measured "
          f"{peak / MIB:,.0f} MiB, {seconds:.0f} s; plain attention would need "
          f"{plain['the peak'] / MIB:,.0f} MiB", flush=True)
    layers = []
    sizes = {"d_model": config.d_model, "n_heads": config.n_heads}
    for length in lengths:
        for attention in ("plain", "blockwise"):
            most, taken = layer_step(attention, length=length, seed=seed, **sizes)
            expected = layer_peak_bytes(attention, T=length, D=config.d_model, H=config.n_heads)
            layers.append({"attention": attention, "length": length, "predicted": expected,
                           "peak": most, "processor_seconds": round(taken, 2)})
            print(f"a layer of length {length}, {attention}: predicted {expected / MIB:,.1f}, "
                  f"measured {most / MIB:,.1f} MiB", flush=True)
    pair = pair_step(length=T, n_heads=config.n_heads, width=config.d_model // config.n_heads,
                     seed=seed)
    print(f"the pair alone: {pair / MIB:.1f} MiB beyond inputs and outputs", flush=True)
    content = {"command": "python -m minitransformer.teaching.memory_runs",
               "versions": {"python": platform.python_version(), "numpy": np.__version__},
               "seed": seed, "config": article, "parameters": parameters,
               "step": {"predicted": predicted, "peak": peak, "seconds": round(seconds),
                        "processor_seconds": round(processor), "loss": round(loss, 3)},
               "plain": plain, "layers": layers, "pair": pair}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


if __name__ == "__main__":
    run_command(__doc__, measure_memory)
