"""Sampling: text drawn from a model's next-token probabilities. Nothing here knows a model.

A model comes in as a function step(ids, rows) -> logits:
    ids   (N, T) int   the tokens of each of N rows that it has not seen: a prompt, later one token
    rows  (N,) int     which row of the call before each row goes on from; 0 .. N - 1 at first
    logits (N, V)      for the token that follows
"""

import math

import numpy as np

from minitransformer.functional import softmax_forward


def sample(step, prompts, *, max_new_tokens, stop=(), seed=0, **choice):
    """Continue each prompt, a list of ids: a list of lists of the new ids, stop tokens left out.

    Takes and raises what `sample_steps` does.
    """
    found = [[] for _ in prompts]
    for new in sample_steps(step, prompts, max_new_tokens=max_new_tokens, stop=stop, seed=seed,
                            **choice):
        for row, token in new.items():
            found[row].append(token)
    return found


def sample_steps(step, prompts, *, max_new_tokens, stop=(), seed=0, **choice):
    """Yield {prompt's number: its next id} after each step, while any goes on: for streaming.

    Prompts may have different lengths. All start together with as many tokens as the shortest has;
    where a prompt goes on, its own next token is taken instead of a drawn one, so that no row needs
    padding and every row is what it would be alone. A row ends after max_new_tokens, or before a
    token that stop holds. choice: the keywords of `next_token_probs`. Each row draws from a
    generator of its own, default_rng([seed, row]): same seed, same text.
    Raises ValueError for no prompts, an empty one, or a number out of range.
    """
    if not prompts or min(map(len, prompts)) == 0:
        raise ValueError("a prompt is empty: give at least one token to start from")
    if max_new_tokens < 1:
        raise ValueError(f"max_new_tokens is {max_new_tokens}, expected at least 1")
    expect_choice(**choice)
    texts = [list(map(int, prompt)) for prompt in prompts]
    rngs = [np.random.default_rng([seed, row]) for row in range(len(prompts))]
    ends = [len(prompt) + max_new_tokens for prompt in prompts]
    length = min(map(len, texts))
    growing = rows = np.arange(len(texts))               # (N,) growing[n]: the text of row n
    ids = np.array([text[:length] for text in texts])    # (N, T)
    while len(growing):
        logits = step(ids, rows)                         # (N, V)
        new, kept = {}, []
        for row, number in enumerate(growing):
            text = texts[number]
            if length == len(text):
                token = next_token(logits[row], rngs[number], seen=text, **choice)
                if token in stop:
                    continue
                text.append(token)
                new[int(number)] = token
            if length + 1 < ends[number]:
                kept.append(row)
        length += 1
        if new:
            yield new
        rows = np.array(kept, dtype=int)                 # (N,)
        growing = growing[rows]                          # (N,)
        ids = np.array([[texts[number][length - 1]] for number in growing])  # (N, 1)


def next_token(logits, rng, *, temperature=1.0, repetition_penalty=1.0, seen=(), **cuts):
    """One id: at temperature 0 the likeliest, else one drawn with the probabilities that follow.

    logits (V,). The probabilities stand side by side on a line of length 1, and where a random
    point falls, there is the token.
    """
    if temperature == 0:  # of equal ones the smallest id; nothing is sorted or drawn
        return int(np.argmax(_scores(logits, repetition_penalty, seen)))
    probs = next_token_probs(logits, temperature=temperature, seen=seen,
                             repetition_penalty=repetition_penalty, **cuts)     # (V,)
    ends = np.cumsum(probs)                                                     # (V,)
    return int(np.searchsorted(ends / ends[-1], rng.random(), side="right"))


def next_token_probs(logits, *, temperature=1.0, top_k=None, top_p=None, repetition_penalty=1.0,
                     seen=()):
    """The probabilities of the next token: softmax(logits / temperature), its tail cut off.

    logits (V,) -> (V,) in float64. In this order: repetition_penalty r makes the score of every id
    in seen less attractive, z / r above 0 and z r below; the higher the temperature, the more even
    they become [sampling.entropy], and 0 leaves the likeliest alone (of equal ones the smallest
    id); top_k keeps the k likeliest; top_p the fewest whose probabilities together reach p. What
    is kept is scaled to add up to 1.
    Raises ValueError for a number out of range and for logits that are NaN or infinite (some may be
    -inf: these ids are not written).
    Sources: Keskar et al. 2019 (penalty), Fan et al. 2018 (top_k), Holtzman et al. 2020 (top_p).
    """
    expect_choice(temperature, top_k, top_p, repetition_penalty)
    scores = _scores(logits, repetition_penalty, seen)                          # (V,)
    if temperature == 0:
        top_k, temperature = 1, 1.0
    if top_k is not None and top_k < len(scores):
        last = np.partition(scores, -top_k)[-top_k]  # the k-th best score
        equal = np.flatnonzero(scores == last)
        scores[equal[top_k - np.count_nonzero(scores > last):]] = -math.inf
        scores[scores < last] = -math.inf
    probs, _ = softmax_forward(scores / temperature)                            # (V,)
    if top_p is not None:
        # All that is below (1 - p) / V adds up to less than 1 - p: the others reach p without.
        likely = np.flatnonzero(probs >= (1 - top_p) / len(probs))              # (M,)
        likely = likely[np.argsort(-scores[likely], kind="stable")]             # (M,) best first
        before = np.cumsum(probs[likely]) - probs[likely]                       # (M,)
        kept = likely[before < top_p]
        cut = np.zeros_like(probs)                                              # (V,)
        cut[kept] = probs[kept]
        probs = cut / cut.sum()                                                 # (V,)
    return probs


def expect_choice(temperature=1.0, top_k=None, top_p=None, repetition_penalty=1.0):
    """Raise ValueError, saying what was expected, for a number out of range."""
    for name, value, fits, wanted in (
            ("temperature", temperature, 0 <= temperature < math.inf, "0 or more, and finite"),
            ("top_k", top_k, top_k is None or top_k >= 1, "at least 1"),
            ("top_p", top_p, top_p is None or 0 < top_p <= 1, "above 0 and at most 1"),
            ("repetition_penalty", repetition_penalty, repetition_penalty > 0, "above 0")):
        if not fits:
            raise ValueError(f"{name} is {value}, expected {wanted}")


def _scores(logits, repetition_penalty, seen):
    """The logits (V,) in float64, those of the ids in seen made less attractive."""
    scores = np.array(logits, np.float64)                                       # (V,)
    if not math.isfinite(scores[scores.argmax()]):  # argmax stops at a NaN
        raise ValueError("the model's logits are NaN or infinite: its parameters are damaged; load "
                         "an earlier checkpoint")
    if repetition_penalty != 1:
        again = np.unique(np.array(seen, int))                                  # (R,)
        scores[again] *= np.where(scores[again] > 0, 1 / repetition_penalty, repetition_penalty)
    return scores
