"""Lesson 10's exercises on batches and on what is counted: padding, and right translations."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_padding_share(lengths, batch_size, by_length=False):
    """The share of padding among all places of all batches. lengths: (N,) int."""
    lengths = np.sort(lengths) if by_length else lengths
    places = 0
    for start in range(0, len(lengths), batch_size):
        batch = lengths[start:start + batch_size]
        places += len(batch) * max(batch)                          # a rectangle, padding included
    return 1 - sum(lengths) / places


def my_shares(likeliest, targets, pad_id=0):
    """likeliest, targets (N, T) -> the share of right characters, and of faultless rows."""
    counted = targets != pad_id                                    # (N, T)
    right = likeliest == targets                                   # (N, T)
    characters = np.sum(right & counted) / np.sum(counted)
    exact = np.mean(np.all(right | ~counted, axis=1))
    return characters, exact


def length_inputs(rng):
    lengths = rng.integers(2, 20, size=23)
    for batch_size in (4, 5):
        yield call(lengths, batch_size)
        yield call(lengths, batch_size, by_length=True)


def padding_mistake(*, order=np.sort, longest=lambda batch, lengths: max(batch),
                    share=lambda real, places, batches: 1 - real / places, whole=False):
    """my_padding_share with one of its steps replaced by a wrong one."""
    def padding_share(lengths, batch_size, by_length=False):
        lengths = order(lengths) if by_length else lengths
        end = len(lengths) // batch_size * batch_size if whole else len(lengths)
        batches = [lengths[start:start + batch_size] for start in range(0, end, batch_size)]
        places = sum(len(batch) * longest(batch, lengths) for batch in batches)
        return share(sum(map(sum, batches)), places, batches)
    return padding_share


def some_guesses(rng):
    """Rows of uneven length. Three are right, and what stands at their padding differs."""
    for pad_id in (0, 9):
        targets = rng.integers(1, 5, size=(6, 7))
        real = np.arange(7) < [[4], [5], [7], [3], [6], [2]]
        targets[~real] = pad_id
        likeliest = rng.integers(1, 5, size=(6, 7))
        likeliest[:3] = np.where(real[:3], targets[:3], 3)
        likeliest[1:5] = np.where(real[1:5], likeliest[1:5], pad_id)
        likeliest[3:, 0] = targets[3:, 0] % 4 + 1                  # the others begin wrong
        yield call(likeliest, targets, pad_id=pad_id)


def shares_mistake(characters=lambda right, counted: np.sum(right & counted) / np.sum(counted),
                   exact=lambda right, counted: np.mean(np.all(right | ~counted, axis=1))):
    def shares(likeliest, targets, pad_id=0):
        right, counted = likeliest == targets, targets != pad_id
        return characters(right, counted), exact(right, counted)
    return shares


ITEMS = (
    Exercise(
        "10.5", "padding, counted", 8,
        solution=my_padding_share,
        cases=length_inputs,
        results=("The share",),
        mistakes=(
            Mistake(padding_mistake(order=lambda lengths: lengths),
                    "With by_length=True the lengths are sorted before they are cut."),
            Mistake(padding_mistake(longest=lambda batch, lengths: max(lengths)),
                    "Each batch is as wide as its own longest sentence, not as the longest of "
                    "all."),
            Mistake(padding_mistake(share=lambda real, places, batches: real / places),
                    "This is the share of real tokens: the rest is padding."),
            Mistake(padding_mistake(share=lambda real, places, batches: places / real - 1),
                    "Divide the padding by all places, the padding included."),
            Mistake(padding_mistake(share=lambda real, places, batches: places - real),
                    "This is the number of padded places: divide it by the number of all places."),
            Mistake(padding_mistake(whole=True),
                    "The last batch may be smaller than the others: it counts too."),
            Mistake(lambda lengths, batch_size, by_length=False:
                    100 * my_padding_share(lengths, batch_size, by_length),
                    "This is the share in percent: return it as a number between 0 and 1."),
            Mistake(padding_mistake(share=lambda real, places, batches: np.mean(
                        [1 - sum(batch) / (len(batch) * max(batch)) for batch in batches])),
                    "A mean of the batches' shares counts a narrow batch as much as a wide one: "
                    "add up all places first."),
        ),
        hints=("for start in range(0, len(lengths), batch_size): a batch is "
               "lengths[start:start + batch_size], and the last may be smaller.",
               "A batch takes len(batch) * max(batch) places; sum(lengths) of all places are "
               "real.",
               "With by_length, begin with lengths = np.sort(lengths), which is a new array."),
    ),
    Prediction(
        "10.6", "After 75 steps, 91 of 100 characters are right with a teacher. Of 100 numbers "
        "translated without one, how many are faultless?",
        answer="fewer than 5",
        choices=("about 90", "about 50", "about 20", "fewer than 5"),
        because="A translation has about 50 characters, and all of them must be right. Were the "
                "mistakes independent, that would be 0.91 to the power of 50: 1 in 100. Five runs "
                "gave 0.2 to 1.0 in 100.",
    ),
    Exercise(
        "10.7", "right characters, right translations", 8,
        solution=my_shares,
        cases=some_guesses,
        results=("characters", "exact"),
        mistakes=(
            Mistake(lambda likeliest, targets, pad_id=0:
                    my_shares(likeliest, targets, pad_id)[::-1],
                    "The two are exchanged: first the share of characters, then that of rows."),
            Mistake(shares_mistake(characters=lambda right, counted: np.mean(right)),
                    "Padding is counted: a character counts where its target is not padding."),
            Mistake(shares_mistake(characters=lambda right, counted: np.sum(right & counted)
                                   / right.size),
                    "Divide by the number of places that count, not by the size of the array."),
            Mistake(shares_mistake(characters=lambda right, counted: np.mean(
                        np.sum(right & counted, axis=1) / np.sum(counted, axis=1))),
                    "This is the mean of the rows' shares: here each character counts the same, "
                    "whichever row it is in."),
            Mistake(shares_mistake(exact=lambda right, counted: np.mean(np.all(right, axis=1))),
                    "What stands at a padded place does not matter: a row is faultless if all "
                    "places that count are right."),
            Mistake(shares_mistake(exact=lambda right, counted: np.mean(
                        np.all(right & counted, axis=1))),
                    "right & counted is False at every padded place: a row is faultless if each "
                    "place is right or does not count."),
            Mistake(shares_mistake(exact=lambda right, counted: np.mean(
                        np.any(right & counted, axis=1))),
                    "A row is faultless if all of its places are right, not any."),
            Mistake(shares_mistake(exact=lambda right, counted: np.mean(
                        np.all(right | ~counted, axis=0))),
                    "A translation is a row: take np.all along it, axis=1."),
        ),
        hints=("counted = targets != pad_id, and right = likeliest == targets.",
               "characters: of the places that count, how many are right? Two sums.",
               "A row is faultless if every place is right or does not count: "
               "np.all(right | ~counted, axis=1)."),
    ),
)
