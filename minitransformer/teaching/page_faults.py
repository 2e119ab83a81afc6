"""Page faults of a training step, with freed memory given back to the system or kept: lesson 22.

    python -m minitransformer.teaching.page_faults keep     prints one measurement as JSON

What is kept stays kept until a process ends, so each way is measured in a process of its own.
"""

import json
import subprocess
import sys
import time

import numpy as np

from minitransformer.data.batching import Batch
from minitransformer.malloc import keep_freed_memory
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.teaching.run_command import run_command
from minitransformer.training import AdamW

SIZES = {"src_vocab_size": 36, "tgt_vocab_size": 30, "d_model": 128, "n_heads": 4, "n_layers": 2,
         "d_ff": 512, "max_seq_len": 64, "dropout": 0.1}  # the translator's
B, S, T = 64, 16, 64


def step_with(keep, *, steps=6):
    """{"faults", "seconds"} of a training step, measured in a new process; keep: freed memory.

    faults: pages that the system had to hand over, by getrusage; seconds of the processor; the
    means of steps steps. Raises RuntimeError where the child fails.
    """
    child = subprocess.run([sys.executable, "-m", __name__, "keep" if keep else "give",
                            "--steps", str(steps)], capture_output=True, text=True)
    if child.returncode:
        raise RuntimeError(f"the measuring process failed:\n{child.stderr}")
    return json.loads(child.stdout)


def measure_here(steps, *, sizes=SIZES):
    """The measurement itself, in this process."""
    config = EncoderDecoderConfig(**sizes)
    model, rng = EncoderDecoder(config, seed=0), np.random.default_rng(0)
    optimizer = AdamW(model.params, lr=1e-3)
    batch = Batch(rng.integers(3, config.src_vocab_size, (B, S)),
                  *rng.integers(3, config.tgt_vocab_size, (2, B, T)))
    faults = seconds = 0
    for step in range(2 + steps):  # the first two ask for what all later ones use again
        if step == 2:
            faults, seconds = page_faults(), time.process_time()
        _, grads = model.loss_and_grads(batch, dropout_seed=(0, step))
        optimizer.step(grads)
    return {"faults": (page_faults() - faults) / steps,
            "seconds": (time.process_time() - seconds) / steps}


def page_faults():
    """Of this process so far, those served without a disk; 0 where nobody counts (Windows)."""
    try:
        import resource
    except ImportError:
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def main(memory, steps):
    """Print the measurement."""
    if memory == "keep":
        keep_freed_memory()
    print(json.dumps(measure_here(steps)))


if __name__ == "__main__":
    run_command(__doc__, main, {
        "memory": {"choices": ["keep", "give"], "help": "what happens to freed memory"},
        "--steps": {"type": int, "default": 6, "help": "that are measured (default 6)"}})
