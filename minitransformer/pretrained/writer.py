"""A language model from elsewhere with its own tokenizer: it goes on with a text."""

import numpy as np

from minitransformer.sampling import expect_choice, next_token


class Writer:
    """A model and its tokenizer. ends: ids at which a text is over, never written themselves.

    model: a DecoderOnly; tokenizer: encode(text), and decode_stream(ids), which yields text.
    """

    def __init__(self, model, tokenizer, *, ends=()):
        self.model, self.tokenizer, self.ends = model, tokenizer, frozenset(ends)

    def logits(self, ids):
        """ids (B, T) -> logits (B, T, V): row t scores the token after ids[:, : t + 1]."""
        return self.model.forward(np.asarray(ids))[0]

    def generate(self, prompt, **choice):
        """The continuation of the prompt, a text. Takes and raises what `stream` does."""
        return "".join(self.stream(prompt, **choice))

    def stream(self, prompt, **choice):
        """Yield a continuation of the prompt piece by piece, as `stream_ids` finds it.

        Raises ValueError, besides, for a character that the tokenizer lacks.
        """
        return self.tokenizer.decode_stream(self.stream_ids(self.tokenizer.encode(prompt),
                                                            **choice))

    def stream_ids(self, ids, *, max_new_tokens=100, seed=0, temperature=0, reading=None, **choice):
        """Yield the ids that follow a list of ids, until one of `ends` or max_new_tokens.

        choice: temperature (0: always the likeliest), top_k, top_p and repetition_penalty as in
        `sampling.next_token_probs`; the same seed gives the same ids. The model sees max_seq_len
        tokens: when these are full, it reads the newest of them anew for every further token.
        reading: a Reading, for a text that will be continued later.
        Raises ValueError for an empty prompt or a number out of range.
        """
        if not ids:
            raise ValueError("the prompt is empty: give at least one token to start from")
        if max_new_tokens < 1:
            raise ValueError(f"max_new_tokens is {max_new_tokens}, expected at least 1")
        expect_choice(temperature, **choice)
        return self._ids(list(ids), max_new_tokens, np.random.default_rng(seed),
                         reading or Reading(self.model), {"temperature": temperature, **choice})

    def _ids(self, ids, max_new_tokens, rng, reading, choice):
        for _ in range(max_new_tokens):
            token = next_token(reading.logits_after(ids), rng, seen=ids, **choice)
            if token in self.ends:
                return
            ids.append(token)
            yield token


class Reading:
    """What a model has read: of a text that goes on, it reads the new tokens alone."""

    def __init__(self, model):
        self.model, self.ids, self.step = model, [], None

    def logits_after(self, ids):
        """A list of ids -> (V,): the scores of the token that follows the newest max_seq_len."""
        T, known = self.model.config.max_seq_len, len(self.ids)
        goes_on = self.step and known < len(ids) <= T and ids[:known] == self.ids
        step, new = (self.step, ids[known:]) if goes_on else (self.model.decoding_step(), ids[-T:])
        self.step = None  # were this interrupted, only some blocks would have read the new tokens
        logits = step(np.array([new]), np.arange(1))[0]                          # (V,)
        self.step, self.ids = step, list(ids)
        return logits
