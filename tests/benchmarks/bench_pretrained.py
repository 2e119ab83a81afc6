"""The models that others trained, against the programs that they were made for, on the same files.

    python -m pip install torch transformers accelerate ctranslate2
    python tests/benchmarks/bench_pretrained.py
    python tests/benchmarks/bench_pretrained.py --sizes minilm --threads 1 --rounds 5

minilm: 64 sentences of the Python manual to vectors, against transformers' BertModel with the
package tokenizers, sorted by length in batches of 8 on both sides, the quickest for both. What
comes out must agree before anything is timed. See rounds.py for what the ratio is.
glassllm: 100 tokens, greedily, against its own package. smollm2: a prompt of 64 tokens and 32 that
follow, greedily, against transformers with the same GGUF file, float32 on both sides.
whisper: a spoken sentence (by espeak-ng, apt-get install espeak-ng), its spectrogram to the text's
ids, greedily, against ctranslate2 in float32. Where the original is missing, NumPy
is timed alone; a model whose package is missing stops the run (python3 run.py pretrained NAME).
"""

import importlib.metadata
import importlib.util
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from typing import NamedTuple

import rounds as benchmark


class Work(NamedTuple):
    """What both sides do in a round. A step takes the round's number, which it need not use."""

    numpy: Callable
    original: Callable | None  # None where it is missing
    difference: Callable       # of nothing: how much the results differ
    tolerance: float           # of that difference
    packages: tuple            # whose versions belong to the row


def minilm(threads):
    """Sentences to vectors."""
    from minitransformer.pretrained import load_pretrained

    ours, texts = load_pretrained("minilm"), sentences(64)
    if not installed("torch", "transformers"):
        return Work(lambda i: ours.encode(texts), None, None, 1e-5, ())
    theirs = MiniLmInTransformers(threads, ours.max_tokens)
    return Work(lambda i: ours.encode(texts), lambda i: theirs.encode(texts),
                lambda: abs(ours.encode(texts) - theirs.encode(texts)).max(), 1e-5,
                ("torch", "transformers", "tokenizers"))


def whisper(threads):
    """A spoken sentence to text."""
    from minitransformer.pretrained import load_pretrained

    ours, mel = load_pretrained("whisper-tiny"), spoken_sentence()  # mel (1, 3000, 80)

    def write(i=0):
        return ours.write_ids(ours.encode(mel))

    if not installed("ctranslate2"):
        return Work(write, None, None, 1e-3, ())
    theirs = WhisperInCtranslate2(threads, ours.tokenizer.special, mel)

    def difference():
        if write() != theirs.write():
            return float("inf")
        return abs(ours.encode(mel) - theirs.encode()).max()

    return Work(write, theirs.write, difference, 1e-3, ("ctranslate2",))


def smollm2(threads):
    """A prompt of 64 tokens, and the 32 likeliest that follow."""
    from minitransformer.pretrained import load_pretrained

    ours = load_pretrained("smollm2")
    ours.ends = frozenset()  # both sides write all of them
    ids = ours.tokenizer.encode(" ".join(sentences(20)))[:64]

    def write(i=0):
        return list(ours.stream_ids(ids, max_new_tokens=32))

    if not installed("torch", "transformers", "accelerate"):
        return Work(write, None, None, 1e-3, ())
    theirs = SmolLM2InTransformers(threads, ids)

    def difference():
        if write() != theirs.write():
            return float("inf")
        return abs(ours.logits([ids])[0] - theirs.logits()).max()

    return Work(write, theirs.write, difference, 1e-3, ("torch", "transformers", "gguf"))


def glassllm(threads):
    """A prompt of a few words, and the 100 likeliest tokens that follow."""
    from minitransformer.pretrained import load_pretrained

    ours = load_pretrained("glassllm-en")
    ids = ours.tokenizer.encode("Alice was beginning to get very tired of sitting")
    import glassllm as original  # the weights come with it

    model, _ = original.load_pretrained("en")

    def write(i=0):
        return list(ours.stream_ids(ids, max_new_tokens=100))

    def theirs(i=0):
        return [step.token for step in model.generate(ids, 100, greedy=True)]

    def difference():
        if write() != theirs():
            return float("inf")
        return abs(ours.logits([ids]) - model.forward([ids]).data).max()

    return Work(write, theirs, difference, 1e-5, ("glassllm",))


# name: a function of the number of threads that gives a Work
WORK = {"minilm": minilm, "glassllm": glassllm, "smollm2": smollm2, "whisper": whisper}


class MiniLmInTransformers:
    """The original's encode, from the same files."""

    def __init__(self, threads, max_tokens):
        import torch
        from tokenizers import Tokenizer
        from transformers import BertModel

        from minitransformer.pretrained.install import pretrained_file

        torch.set_num_threads(threads)
        folder = pretrained_file("minilm", "model")
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(max_tokens)
        self.tokenizer.no_padding()
        self.model = BertModel.from_pretrained(folder).eval()

    def encode(self, texts, batch_size=8):
        """A list of N texts -> (N, D)."""
        import numpy as np
        import torch

        rows = [torch.tensor(encoding.ids) for encoding in self.tokenizer.encode_batch(texts)]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        vectors = np.zeros((len(rows), self.model.config.hidden_size), np.float32)  # (N, D)
        for start in range(0, len(rows), batch_size):
            chosen = order[start:start + batch_size]
            ids = torch.nn.utils.rnn.pad_sequence([rows[i] for i in chosen], batch_first=True)
            mask = torch.arange(ids.shape[1]) < torch.tensor([[len(rows[i])] for i in chosen])
            with torch.inference_mode():
                hidden = self.model(input_ids=ids, attention_mask=mask.long())[0]  # (B, T, D)
                mean = (hidden * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)  # (B, D)
                vectors[chosen] = torch.nn.functional.normalize(mean).numpy()      # (B, D)
        return vectors


class SmolLM2InTransformers:
    """The original's library with the same file, in float32."""

    def __init__(self, threads, ids):
        import torch
        from transformers import AutoModelForCausalLM

        from minitransformer.pretrained.install import pretrained_file

        torch.set_num_threads(threads)
        path = pretrained_file("smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
        self.model = AutoModelForCausalLM.from_pretrained(
            str(path.parent), gguf_file=path.name, local_files_only=True,
            dtype=torch.float32).eval()
        self.ids = torch.tensor([ids])                                         # (1, T)

    def logits(self):
        """Of the prompt, (T, V)."""
        import torch

        with torch.inference_mode():
            return self.model(self.ids).logits[0].numpy()

    def write(self, i=0):
        """The ids of the text."""
        import torch

        with torch.inference_mode():
            found = self.model.generate(self.ids, max_new_tokens=32, min_new_tokens=32,
                                        do_sample=False, eos_token_id=None, pad_token_id=0)
        return found[0, self.ids.shape[1]:].tolist()


class WhisperInCtranslate2:
    """The original's encode and generate, from the same files."""

    def __init__(self, threads, special, mel):
        import ctranslate2
        import numpy as np

        from minitransformer.pretrained.install import pretrained_file

        folder = pretrained_file("whisper-tiny", "model/model.bin").parent
        self.model = ctranslate2.models.Whisper(str(folder), device="cpu", compute_type="float32",
                                                intra_threads=threads, inter_threads=1)
        mel = np.ascontiguousarray(mel.swapaxes(1, 2))                         # (1, 80, 3000)
        self.mel = ctranslate2.StorageView.from_array(mel)
        self.prompt = [special["<|startoftranscript|>"], special["<|notimestamps|>"]]
        self.end = special["<|endoftext|>"]

    def encode(self):
        """The memory, (1, 1500, D)."""
        import numpy as np

        return np.array(self.model.encode(self.mel))

    def write(self, i=0):
        """The ids of the text."""
        memory = self.model.encode(self.mel)
        ids = self.model.generate(memory, [self.prompt], beam_size=1)[0].sequences_ids[0]
        return [token for token in ids if token != self.end]


def spoken_sentence():
    """The log-mel spectrogram (1, 3000, 80) of a sentence. SystemExit without espeak-ng."""
    from minitransformer.pretrained.log_mel import RATE, log_mel
    from minitransformer.pretrained.sound import mono, resample
    from minitransformer.pretrained.wav import read_wav

    if not shutil.which("espeak-ng"):
        raise SystemExit("whisper needs a voice: apt-get install espeak-ng")
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        subprocess.run(["espeak-ng", "-v", "en-us", "-s", "140", "-w", file.name,
                        "Today is a beautiful day and we are going to the park."], check=True)
        samples, rate = read_wav(file.name)
    return log_mel(resample(mono(samples, rate), rate, RATE))[None]


def sentences(n):
    """n sentences of the Python manual, of all lengths."""
    from pydoc_data.topics import topics

    text = " ".join(" ".join(topics[name] for name in sorted(topics)).split())
    parts = [part for part in text.split(". ") if len(part) > 20]
    return parts[::len(parts) // n][:n]


def installed(*packages):
    """Whether all of them are."""
    return all(importlib.util.find_spec(package) for package in packages)


def measure(name, threads, rounds):
    """One row of the table, as a dict."""
    work = WORK[name](threads)
    sides, others = {"numpy": work.numpy}, {}
    if work.original:
        others = {"error": float(work.difference()),
                  **{package: importlib.metadata.version(package) for package in work.packages}}
        benchmark.expect_agreement(name, others["error"], work.tolerance, other="the original")
        sides["original"] = work.original
    return benchmark.row_of(name, threads, sides, rounds, **others)


def main(argv=None):
    """Measure and print."""
    return benchmark.run(
        __file__, __doc__, WORK, measure, rounds=7, argv=argv, other="the original",
        install="python -m pip install torch transformers accelerate ctranslate2")


if __name__ == "__main__":
    sys.exit(main())
