"""Exercises of lesson 16: loading weights, cutting words, ranking by meaning."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_loading(weight, positions, types):
    """weight (E, D), positions (M, D), types (2, D) -> w (D, E), the table of positions (M, D)."""
    return weight.T, positions + types[0]


def my_pieces(word, vocabulary):
    """A word -> the ids of its pieces, each the longest that fits; only [UNK] if one has none."""
    found, start = [], 0
    while start < len(word):
        for end in range(len(word), start, -1):
            piece = ("##" if start else "") + word[start:end]
            if piece in vocabulary:
                found.append(vocabulary[piece])
                start = end
                break
        else:
            return np.array([vocabulary["[UNK]"]])
    return np.array(found)


def my_ranking(query, texts):
    """query (D,), texts (N, D) -> their numbers, the largest cosine with the query first: (N,)."""
    cosines = texts @ query / np.linalg.norm(texts, axis=1)       # (N,) |query| is the same for all
    return np.argsort(-cosines)


def pieces_mistake(*, ends=lambda word, start: range(len(word), start, -1), sign="##",
                   keep=False):
    """my_pieces with one of its rules replaced by a wrong one."""
    def pieces(word, vocabulary):
        found, start = [], 0
        while start < len(word):
            for end in ends(word, start):
                piece = (sign if start else "") + word[start:end]
                if piece in vocabulary:
                    found.append(vocabulary[piece])
                    start = end
                    break
            else:
                unknown = [vocabulary["[UNK]"]]
                return np.array(found + unknown if keep else unknown)
        return np.array(found)
    return pieces


def weights(rng):
    """The second matrix is square, where a missing transposition has the right shape."""
    for E, D, M in ((4, 3, 6), (5, 5, 7)):
        yield call(rng.normal(size=(E, D)), rng.normal(size=(M, D)), rng.normal(size=(2, D)))


PIECES = "[UNK] un una u wind ##wind ##w ##ing ##i ##in ##aff ##ffa ##able ##ble ing able w".split()
WORDS = ("unwinding", "unaffable", "wind", "uing", "unwindx", "xun", "able")


def words(rng):
    vocabulary = dict(zip(PIECES, rng.permutation(len(PIECES)).tolist()))
    return [call(word, vocabulary) for word in WORDS]


def rows(rng):
    for N, D in ((7, 4), (5, 6)):
        lengths = np.linspace(0.3, 9, N)[:, None]
        yield call(rng.normal(size=D), rng.normal(size=(N, D)) * lengths)


ITEMS = (
    Exercise(
        "16.1", "a matrix and the positions, loaded", 6,
        solution=my_loading,
        cases=weights,
        results=("w", "the table"),
        mistakes=(
            Mistake(lambda weight, positions, types: (weight, positions + types[0]),
                    "The file has (outputs, inputs), we have (inputs, outputs): transpose. Where "
                    "the matrix is square no shape tells you."),
            Mistake(lambda weight, positions, types: (weight.reshape(weight.shape[::-1]),
                                                      positions + types[0]),
                    "reshape keeps the numbers in their order and cuts the rows anew: that is no "
                    "transposition. weight.T exchanges the axes."),
            Mistake(lambda weight, positions, types: (weight.T, positions),
                    "w is right. Each token of a text alone also gets the row of type 0."),
            Mistake(lambda weight, positions, types: (weight.T, positions + types[1]),
                    "w is right. Type 1 is that of a second sentence; ours is the first, type 0."),
            Mistake(lambda weight, positions, types: (weight.T, positions + types.sum(axis=0)),
                    "w is right. A token has one type, not both: add row 0 alone."),
            Mistake(lambda weight, positions, types: (weight.T, positions + types.mean(axis=0)),
                    "w is right. A token has one type, not half of each: add row 0 alone."),
        ),
        hints=("Which axis of weight runs over inputs? In x @ w it has to be the first.",
               "Every place p gets positions[p] + types[0]; NumPy adds a row to each row by "
               "itself.",
               "return weight.T, positions + types[0]"),
    ),
    Exercise(
        "16.2", "a word cut into the longest pieces", 10,
        solution=my_pieces,
        cases=words,
        results=("the ids",),
        mistakes=(
            Mistake(pieces_mistake(ends=lambda word, start: range(start + 1, len(word) + 1)),
                    "This takes the shortest piece that fits. Begin with the whole rest of the "
                    "word, and make it shorter."),
            Mistake(pieces_mistake(sign=""),
                    "A piece that does not begin the word is looked up with ## before it."),
            Mistake(pieces_mistake(keep=True),
                    "Where no piece fits, the whole word is unknown: the ids found so far go as "
                    "well."),
        ),
        hints=("Keep start, where the next piece begins; try the ends len(word), len(word) - 1, "
               "... down to start + 1.",
               'The piece is ("##" if start else "") + word[start:end]. When it is in the '
               "vocabulary, note its id and go on from end.",
               "If no end fits, return np.array([vocabulary[\"[UNK]\"]]). Python's for ... else "
               "runs the else when the loop ended without break."),
    ),
    Prediction(
        "16.3", "All weights are right, but each norm stands before its sublayer instead of behind "
        "the sum. The cosine of the cat's sentence and the stock market's was 0.08. What now?",
        answer=0.98,
        because="The residual path is then never normalized, and what is alike in all sentences "
                "outgrows what tells them apart: everything points the same way, and a search "
                "finds anything. No shape, no error and no NaN says so.",
    ),
    Exercise(
        "16.4", "a ranking by cosine", 5,
        solution=my_ranking,
        cases=rows,
        results=("the order",),
        mistakes=(
            Mistake(lambda query, texts: np.argsort(-(texts @ query)),
                    "This ranks by the dot product, which favours long vectors. Divide each by the "
                    "length of its row."),
            Mistake(lambda query, texts: np.argsort(
                        texts @ query / np.linalg.norm(texts, axis=1)),
                    "This puts the least alike first: argsort goes from small to large."),
            Mistake(lambda query, texts: np.argsort(
                        -(texts @ query) / np.linalg.norm(texts, axis=1) ** 2),
                    "Divide by the length of each row, not by its square."),
        ),
        hints=("The cosine is the dot product divided by both lengths; the query's is the same for "
               "all texts.",
               "np.linalg.norm(texts, axis=1) are the lengths of the rows, (N,).",
               "np.argsort(-cosines) has the largest first."),
    ),
)
