"""Exercises 12.4 to 12.7: windows, the tied table's gradient, bits per character."""

import math
from typing import NamedTuple

import numpy as np

from minitransformer.data.tokenizers import START
from minitransformer.functional import (
    embedding_backward, embedding_forward, log_softmax_forward)
from minitransformer.functional.embedding import EmbeddingCache
from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call, pair_exercise


def my_window(ids, start, length):
    """ids (N,) -> tgt (T,), targets (T,): the window of `length` ids that begins at start."""
    targets = ids[start:start + length]                                     # (T,)
    return np.concatenate([[START], targets[:-1]]), targets


def windows_to_cut(rng):
    for length in (5, 1, 8):
        ids = rng.permutation(range(3, 60))
        yield call(ids, int(rng.integers(1, 40)), length)


class TiedCache(NamedTuple):
    lookup: EmbeddingCache
    x: np.ndarray       # (B, T, D)
    table: np.ndarray   # (V, D)


def tied_forward(table, *, ids):
    """A model without blocks, its table used twice: x = table[ids], logits = x table^T.

    table (V, D), ids (B, T) int -> logits (B, T, V), cache.
    """
    x, lookup = embedding_forward(table, ids=ids)                           # (B, T, D)
    return x @ table.T, TiedCache(lookup, x, table)


def my_tied_backward(dlogits, cache):
    """dlogits (B, T, V) -> dtable (V, D): what the output gives, and what the lookup gives."""
    dx = dlogits @ cache.table                                              # (B, T, D)
    from_lookup = embedding_backward(dx, cache.lookup)                      # (V, D)
    from_output = np.einsum("btv,btd->vd", dlogits, cache.x)                # (V, D)
    return from_lookup + from_output


def tied_mistake(combine):
    """combine(from_lookup, from_output) -> dtable."""
    def backward(dlogits, cache):
        dx = dlogits @ cache.table
        return combine(embedding_backward(dx, cache.lookup),
                       np.einsum("btv,btd->vd", dlogits, cache.x))
    return backward


def tied_only_rows_read(dlogits, cache):
    right = my_tied_backward(dlogits, cache)
    read = np.zeros((len(right), 1))
    read[np.unique(cache.lookup.ids)] = 1
    return right * read


def tied_assigned(dlogits, cache):
    dtable = np.einsum("btv,btd->vd", dlogits, cache.x)
    dtable[cache.lookup.ids] += dlogits @ cache.table    # of equal ids the last one wins
    return dtable


def my_bits(log_probs, text):
    """log_probs: of each token of text, natural logarithms (N,) -> bits per character."""
    return -np.sum(log_probs) / math.log(2) / len(text)


def bits_mistake(bits):
    """bits(sum of the logarithms, tokens, text)."""
    return lambda log_probs, text: bits(np.sum(log_probs), len(log_probs), text)


def coded_texts(rng):
    for text in ("größer als 数学", "the cat sat on the mat", "ß"):
        scores, _ = log_softmax_forward(rng.normal(size=(max(1, len(text) // 3), 7)))
        yield call(scores[:, 0], text)


ITEMS = (
    Exercise(
        "12.4", "a window, and its targets", 5, my_window,
        mistakes=(
            Mistake(lambda ids, start, length: (ids[start:start + length],) * 2,
                    "tgt is the window as it stands, but these are the targets: tgt[t] would be "
                    "the very token that is to be guessed at t. In front of tgt stands START, and "
                    "everything moves by one place."),
            Mistake(lambda ids, start, length: (np.append(ids[start + 1:start + length], 0),
                                                ids[start:start + length]),
                    "tgt is shifted the other way: at t the model would read what comes after "
                    "targets[t]."),
            Mistake(lambda ids, start, length: (ids[start - 1:start + length - 1],
                                                ids[start:start + length]),
                    "In front of the window stands START, not the id before it in the text."),
            Mistake(lambda ids, start, length: (np.append(START, ids[start:length][:-1]),
                                                ids[start:length]),
                    "The window has `length` ids: it ends at start + length, not at length."),
            Mistake(lambda ids, start, length: (np.append(START, ids[start:start + length]),
                                                ids[start:start + length]),
                    "tgt is one longer than targets: its last id would only be needed to guess "
                    "what comes after the window."),
        ),
        hints=("targets are the ids of the window as they are.",
               "tgt[t] is what stands before targets[t]: START before the first.",
               "np.concatenate([[START], targets[:-1]])"),
        results=("tgt", "targets"),
        cases=windows_to_cut,
    ),
    pair_exercise(
        "12.5", "the gradient of a table that is used twice", 10,
        forward=tied_forward,
        solution=my_tied_backward,
        names="table",
        inputs=lambda rng: [
            call(rng.normal(size=(7, 3)), ids=np.array([[4, 2, 4, 0], [2, 2, 5, 4]])),
            call(rng.normal(size=(5, 4)), ids=np.array([[1, 1, 3]]))],
        mistakes=(
            Mistake(tied_mistake(lambda lookup, output: lookup),
                    "That is the gradient of one use, the lookup. The table is used at the output "
                    "too: its gradient there, dlogits^T x, is to be added."),
            Mistake(tied_mistake(lambda lookup, output: output),
                    "That is the gradient of one use, the output. The rows of table were looked up "
                    "too: add what embedding_backward makes of dx."),
            Mistake(tied_mistake(lambda lookup, output: (lookup + output) / 2),
                    "Gradients of several uses are added up. Nothing is averaged."),
            Mistake(tied_mistake(lambda lookup, output: output - lookup),
                    "Both uses have a plus."),
            Mistake(lambda dlogits, cache: embedding_backward(cache.x, cache.lookup)
                    + np.einsum("btv,btd->vd", dlogits, cache.x),
                    "What goes back to the rows that were read is dx = dlogits @ table, the "
                    "gradient of x, and not x."),
            Mistake(tied_only_rows_read,
                    "A row that nobody looked up has a gradient as well: every token's row is used "
                    "at the output, in every logit of its column."),
            Mistake(tied_assigned,
                    "Of an id that occurs several times only the last place counts here: "
                    "dtable[ids] += ... does not add up. embedding_backward does."),
        ),
        hints=("Fan-out adds: compute the gradient of each use by itself, then add them.",
               "At the output, logits = x table^T: logits[b, t, v] holds table[v, d] times "
               "x[b, t, d]. Backwards, dx = dlogits @ table.",
               "from_output = np.einsum('btv,btd->vd', dlogits, cache.x); from_lookup = "
               "embedding_backward(dx, cache.lookup)."),
    ),
    Prediction(
        "12.6",
        "Two language models of the same size learn for the same number of steps. One has a "
        "vocabulary of 300 tokens, the other of 1000. Which of them has the larger loss, in nats "
        "per token, on unseen text?",
        "1000",
        "A token of the larger vocabulary stands for more characters, so there is more to guess in "
        "one. Whether that model is worse, the loss per token does not say.",
        choices=("300", "1000")),
    Exercise(
        "12.7", "bits per character", 5, my_bits,
        mistakes=(
            Mistake(bits_mistake(lambda total, tokens, text: -total / math.log(2) / tokens),
                    "These are bits per token. Divide by the number of characters."),
            Mistake(bits_mistake(lambda total, tokens, text: -total / tokens / math.log(2)
                                 / len(text)),
                    "You divide by the tokens and by the characters. Take the sum over the "
                    "tokens, not their mean."),
            Mistake(bits_mistake(lambda total, tokens, text: -total / math.log(2)
                                 / len(text.encode())),
                    "These are bits per byte: ö has two bytes and is one character."),
            Mistake(bits_mistake(lambda total, tokens, text: -total / len(text)),
                    "These are nats. A bit is log 2 = 0.693 of them: divide by that."),
            Mistake(bits_mistake(lambda total, tokens, text: -total * math.log(2) / len(text)),
                    "From nats to bits, divide by log 2: there are more bits than nats."),
            Mistake(bits_mistake(lambda total, tokens, text: total / math.log(2) / len(text)),
                    "The logarithm of a probability is below 0, and bits are its negative."),
            Mistake(bits_mistake(lambda total, tokens, text: -total / math.log(2)),
                    "These are the bits of the whole text: divide by its characters."),
        ),
        hints=("The probability of the text is the product over its tokens; its logarithm is the "
               "sum.",
               "-sum is in nats; divided by math.log(2) it is in bits.",
               "len(text) counts characters."),
        cases=coded_texts,
    ),
)
