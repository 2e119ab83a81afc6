"""Lesson 08's exercises on what goes in: the shifted batch, the three masks."""

import numpy as np

from minitransformer.data.tokenizers import END, PAD, START
from minitransformer.functional import causal_mask, padding_mask
from minitransformer.teaching.exercise import Exercise, Mistake, call


def my_shifted_batch(rows):
    """Lists of ids -> tgt (B, T) and targets (B, T): START in front, END behind, then PAD."""
    T = max(len(row) for row in rows) + 1
    tgt = np.full((len(rows), T), PAD)
    targets = np.full((len(rows), T), PAD)
    for b, row in enumerate(rows):
        tgt[b, :len(row) + 1] = [START, *row]
        targets[b, :len(row) + 1] = [*row, END]
    return tgt, targets


def shifted_batch_mistake(first, second, longer=1):
    """my_shifted_batch that fills the two arrays with first(row) and second(row)."""
    def answer(rows):
        T = max(len(row) for row in rows) + longer
        arrays = np.full((2, len(rows), T), PAD)
        for b, row in enumerate(rows):
            for array, ids in zip(arrays, (first(row), second(row))):
                array[b, :len(ids)] = ids
        return tuple(arrays)
    return answer


def one_row_for_both(rows):
    """my_shifted_batch that pads START row END, and cuts off the last column, or the first."""
    tgt, targets = shifted_batch_mistake(lambda row: [START, *row, END],
                                         lambda row: [START, *row, END], longer=2)(rows)
    return tgt[:, :-1], targets[:, 1:]


def padded_before_the_end(rows):
    """my_shifted_batch with END in the last column, behind the padding."""
    tgt, targets = my_shifted_batch(rows)
    targets[targets == END] = PAD
    targets[:, -1] = END
    return tgt, targets


def my_masks(src, tgt):
    """src (B, S), tgt (B, T) -> source_mask, target_mask, memory_mask: (B, 1, 1, S), (B, 1, T, T),
    (B, 1, 1, S).
    """
    T = tgt.shape[1]
    source_mask = padding_mask(src, PAD)
    target_mask = causal_mask(T, T) & padding_mask(tgt, PAD)
    memory_mask = padding_mask(src, PAD)
    return source_mask, target_mask, memory_mask


def masks_mistake(target, memory=lambda src, tgt: padding_mask(src, PAD)):
    """my_masks with another mask for the target or for the memory."""
    return lambda src, tgt: (padding_mask(src, PAD), target(tgt), memory(src, tgt))


def right_target_mask(tgt):
    return my_masks(tgt, tgt)[1]


def looks_back(tgt):
    return causal_mask(tgt.shape[1], tgt.shape[1])


def masks_inputs(rng):
    yield call(np.array([[3, 5, 4, 6, 8], [7, 3, 0, 0, 0]]), np.array([[1, 4, 3, 9], [1, 8, 0, 0]]))
    yield call(np.array([[6, 3, 0], [4, 0, 0], [5, 5, 9]]), np.array([[1, 9], [1, 7], [1, 0]]))
    src, tgt = rng.integers(3, 99, size=(2, 3, 6))                   # (B, S), (B, T + 1)
    src[1, rng.integers(1, 6):] = tgt[2, rng.integers(1, 5):] = PAD
    yield call(src, tgt[:, :5])


ITEMS = (
    Exercise(
        "8.1", "the shifted batch", 7,
        solution=my_shifted_batch,
        results=("tgt", "targets"),
        cases=lambda rng: [call([[5, 3, 4], [7]]), call([[8, 9], [4, 6, 4, 5], [3, 3, 7]]),
                           call([rng.integers(3, 99, size=n).tolist() for n in (2, 5, 1)])],
        mistakes=(
            Mistake(shifted_batch_mistake(lambda row: [*row, END], lambda row: [*row, END]),
                    "tgt is not shifted: at each place the decoder would be handed the very token "
                    "that it has to guess. What goes in begins with START."),
            Mistake(shifted_batch_mistake(lambda row: row, lambda row: row, longer=0),
                    "A target of n tokens takes n + 1 places: one more for START, or for END."),
            Mistake(shifted_batch_mistake(lambda row: [START, *row], lambda row: [START, *row]),
                    "targets begin with the first real token: nobody has to guess START."),
            Mistake(shifted_batch_mistake(lambda row: [START, *row], lambda row: row),
                    "Behind the last token END is to be guessed, or the model never stops."),
            Mistake(shifted_batch_mistake(lambda row: [START, *row, END], lambda row: [*row, END],
                                          longer=2),
                    "END is never read: it is the last that is guessed, so it is not in tgt."),
            Mistake(one_row_for_both,
                    "tgt and targets are cut from one padded row, START ... END. Where a row is "
                    "shorter than the longest, END is still in tgt: it is never read."),
            Mistake(padded_before_the_end,
                    "END stands directly behind a row's last token; the padding follows it."),
        ),
        hints=("For the row [5, 3, 4]: tgt is START 5 3 4, and targets is 5 3 4 END.",
               "Both arrays have as many columns as the longest row has tokens, plus one. Begin "
               "with np.full((len(rows), T), PAD).",
               "In a loop: tgt[b, :len(row) + 1] = [START, *row]"),
    ),
    Exercise(
        "8.2", "three masks", 7,
        solution=my_masks,
        results=("source_mask", "target_mask", "memory_mask"),
        cases=masks_inputs,
        mistakes=(
            Mistake(masks_mistake(right_target_mask, lambda src, tgt: padding_mask(tgt, PAD)),
                    "In cross-attention the source is asked: the columns of its mask are the "
                    "source's tokens."),
            Mistake(lambda src, tgt: my_masks(tgt, src),
                    "src and tgt are exchanged: the encoder reads src."),
            Mistake(masks_mistake(lambda tgt: padding_mask(tgt, PAD)),
                    "Here the target sees its own future."),
            Mistake(masks_mistake(lambda tgt: looks_back(tgt)[None, None]),
                    "Nobody looks ahead here, but the target's padding is not hidden."),
            Mistake(masks_mistake(lambda tgt: right_target_mask(tgt)
                                  & (tgt != PAD)[:, None, :, None]),
                    "Padding is hidden as a key, in its column. As a query it may ask what it "
                    "likes: its row stays."),
            Mistake(masks_mistake(lambda tgt: looks_back(tgt) | padding_mask(tgt, PAD)),
                    "A key must be allowed by both masks: &, not |."),
            Mistake(masks_mistake(lambda tgt: causal_mask(tgt.shape[1], tgt.shape[1]).T
                                  & padding_mask(tgt, PAD)),
                    "This mask looks ahead instead of back."),
            Mistake(masks_mistake(right_target_mask,
                                  lambda src, tgt: causal_mask(tgt.shape[1], src.shape[1])
                                  & padding_mask(src, PAD)),
                    "The source is there as a whole before the first target token is written: "
                    "cross-attention hides no future."),
            Mistake(lambda src, tgt: tuple(~mask for mask in my_masks(src, tgt)),
                    "The masks are turned round: True means may attend."),
        ),
        hints=("A mask has a column for each token that is asked. Who is asked in each of the "
               "three attentions?",
               "padding_mask(ids, PAD) has the shape (B, 1, 1, number of columns of ids); "
               "causal_mask(T, T) has the shape (T, T).",
               "target_mask = causal_mask(T, T) & padding_mask(tgt, PAD), and two of the three "
               "masks are equal."),
    ),
)
