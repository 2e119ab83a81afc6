"""A model of text with its tokenizer: it says how likely a text is, and writes."""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.data.byte_pair import BytePairTokenizer
from minitransformer.data.text import until
from minitransformer.data.tokenizers import END, START, CharacterTokenizer
from minitransformer.functional import log_softmax_forward
from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.sampling import sample_steps
from minitransformer.training.checkpoint import CheckpointError, open_trained, read_tokenizer

FILE = "language_model.npz"
KINDS = {"byte pairs": BytePairTokenizer, "characters": CharacterTokenizer}
ROWS = 16  # windows that are evaluated at once


class LanguageModel(NamedTuple):
    """A model and its tokenizer. In all that it reads the first token is START."""

    model: DecoderOnly
    tokenizer: BytePairTokenizer | CharacterTokenizer

    @classmethod
    def untrained(cls, tokenizer, *, seed=0, **config):
        """A language model that knows nothing yet. config: fields of DecoderOnlyConfig."""
        return cls(DecoderOnly(DecoderOnlyConfig(tokenizer.vocab_size, **config), seed=seed),
                   tokenizer)

    def encode(self, text):
        """text -> ids (N,), without START."""
        return np.array(self.tokenizer.encode(text), np.int64)

    def bits_per_character(self, text, *, stride=None):
        """-log2 p(text) / its characters: what coding the text with this model would cost.

        p is the product over all tokens. A window of max_seq_len tokens moves over the text, by
        `stride` tokens at a time (a quarter of it by default); the newest `stride` are counted, so
        that all but the text's first have at least the rest of the window before them. A text can
        be cut into tokens in other ways too, whose probability is not added: the model is a little
        better than this number.
        Raises ValueError for an empty text and as `encode` does.
        """
        ids, T = self.encode(text), self.model.config.max_seq_len
        if not len(ids):
            raise ValueError("the text is empty: there is no character to count bits of")
        T = min(T, len(ids))
        stride = max(1, T // 4) if stride is None else stride
        if not 1 <= stride <= T:
            raise ValueError(f"stride is {stride}, expected 1 to the window's length, {T}")
        ends = np.minimum(np.arange(T, len(ids) + stride, stride), len(ids))     # (W,)
        new = np.diff(ends, prepend=0)                                           # (W,)
        nats = 0.0
        for first in range(0, len(ends), ROWS):
            rows = slice(first, first + ROWS)
            targets = ids[(ends[rows] - T)[:, None] + np.arange(T)]              # (W, T)
            tgt = np.insert(targets[:, :-1], 0, START, axis=1)                   # (W, T)
            log_probs, _ = log_softmax_forward(self.model.forward(tgt)[0])       # (W, T, V)
            chosen = np.take_along_axis(log_probs, targets[..., None], axis=-1)[..., 0]
            counted = np.arange(T) >= T - new[rows, None]                        # (W, T)
            nats -= float(np.sum(chosen, where=counted, dtype=np.float64))
        return nats / math.log(2) / len(text)

    def generate(self, prompt="", *, n=1, stop=(), **choice):
        """n continuations of the prompt, each a text that ends before the first stop string.

        Takes and raises what `stream` does. The first is what `stream` yields.
        """
        ids = [[] for _ in range(n)]
        for new in self._stream_ids(prompt, n, **choice):
            for row, token in new.items():
                ids[row].append(token)
        return ["".join(until([self.tokenizer.decode(row)], stop)) for row in ids]

    def stream(self, prompt="", *, stop=(), **choice):
        """Yield a continuation of the prompt piece by piece, as it is drawn: same seed, same text.

        choice: max_new_tokens (200), seed, temperature, top_k, top_p and repetition_penalty, as in
        `sampling.sample`. The model sees max_seq_len tokens at most: when these are full, it goes
        on from the newer half of them. Raises ValueError for a setting out of range and for a
        character that the tokenizer lacks.
        """
        ids = (new[0] for new in self._stream_ids(prompt, 1, **choice))
        return until(self.tokenizer.decode_stream(ids), stop)

    def _stream_ids(self, prompt, n, *, max_new_tokens=200, seed=0, **choice):
        """Yield {row: its next id} for n rows that start with the same prompt."""
        if n < 1 or max_new_tokens < 1:
            raise ValueError(f"n is {n} and max_new_tokens {max_new_tokens}, expected at least 1")
        T = self.model.config.max_seq_len
        texts = [self.tokenizer.encode(prompt) for _ in range(n)]
        turn = 0
        while max_new_tokens:
            if len(texts[0]) >= T:  # the window is full: forget the older half
                texts = [text[len(text) - T // 2:] for text in texts]
            new_tokens = min(max_new_tokens, T - len(texts[0]))  # the last one drawn is not read
            turns_seed = np.random.SeedSequence([seed, turn]).generate_state(1) if turn else [seed]
            for new in sample_steps(self._step(), [[START, *text] for text in texts],
                                    max_new_tokens=new_tokens, seed=int(turns_seed[0]), **choice):
                for row, token in new.items():
                    texts[row].append(token)
                yield new
            max_new_tokens, turn = max_new_tokens - new_tokens, turn + 1

    def _step(self):
        """The model's step, START and END made impossible: neither is in a text."""
        inner = self.model.decoding_step()

        def step(ids, rows):
            logits = inner(ids, rows)                                            # (N, V)
            logits[:, [START, END]] = -np.inf
            return logits

        return step

    def save(self, path):
        """Write the model and its tokenizer to one file."""
        self.model.save(path, tokenizer=self.tokenizer.to_dict())

    @classmethod
    def load(cls, path):
        """Read what save wrote; path is the file, or the folder that training wrote it to.

        Raises FileNotFoundError when there is none, CheckpointError when it is something else.
        """
        path, metadata = open_trained(path, FILE, "language model", words="tokenizer",
                                      keys=("tokenizer",))
        stored = metadata["tokenizer"]
        if not isinstance(stored, dict) or stored.get("kind") not in list(KINDS):
            raise CheckpointError(f"{path} holds no tokenizer of the kinds "
                                  f"{' and '.join(KINDS)}: train the model again")
        model = DecoderOnly.load(path)
        return cls(model, read_tokenizer(path, KINDS[stored["kind"]], stored,
                                         model.config.vocab_size))
