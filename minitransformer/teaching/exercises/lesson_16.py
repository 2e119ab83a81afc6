"""Exercises of lesson 16: loading weights, cutting words, ranking by meaning, length one."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call, pair_exercise


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


def unit_forward(y):
    """y (B, D) -> u = y / |y| (B, D), (u, |y|); np.linalg.norm would not carry a complex step."""
    length = np.sqrt(np.sum(y * y, axis=-1, keepdims=True))       # (B, 1)
    u = y / length                                                # (B, D)
    return u, (u, length)


# dy_j = du_j / |y| - sum_i du_i (y_i / |y|^2) u_j, and y_i / |y| = u_i: the sum over i is
# (u . du) / |y|, and dy = (du - u (u . du)) / |y|. Since u . u = 1,
#     y . dy = |y| (u . dy) = u . du - (u . u) (u . du) = 0:
# a longer y has the same u, so no gradient points along y.
def my_unit_backward(du, cache):
    """du (B, D), cache (u (B, D), length (B, 1)) -> dy (B, D)."""
    u, length = cache
    along = np.sum(u * du, axis=-1, keepdims=True)                # (B, 1) u . du
    return (du - u * along) / length                              # (B, D)


def unit_mistake(dy):
    """my_unit_backward with dy(du, u, length, the sum over a row) in place of the formula."""
    return lambda du, cache: dy(du, *cache, lambda z: np.sum(z, axis=-1, keepdims=True))


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


def units(rng):
    for B, D in ((2, 3), (5, 4)):
        yield call(rng.normal(size=(B, D)) * np.linspace(0.5, 3, B)[:, None])


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
    pair_exercise(
        "16.5", "no gradient along the length", 3,
        forward=unit_forward,
        solution=my_unit_backward,
        names="y",
        inputs=units,
        mistakes=(
            Mistake(unit_mistake(lambda du, u, length, total: du / length),
                    "This takes the length for a constant, but it is made of y: the sum in the "
                    "formula is what that adds."),
            Mistake(unit_mistake(lambda du, u, length, total: du - u * total(u * du)),
                    "The direction is right. Both terms are divided by the length."),
            Mistake(unit_mistake(lambda du, u, length, total: du / length - u * total(u * du)),
                    "The second term lacks a length: y_i / |y|^2 is u_i / |y|."),
            Mistake(unit_mistake(lambda du, u, length, total:
                                 (du - u * total(u * du) / length) / length),
                    "The second term is divided by the length twice: y_i / |y|^2 is u_i / |y|."),
            Mistake(unit_mistake(lambda du, u, length, total: (du + u * total(u * du)) / length),
                    "The length stands below the line, so what it adds comes with a minus."),
            Mistake(unit_mistake(lambda du, u, length, total: (du - u * total(du)) / length),
                    "The sum over i has u_i in it as well: it is u . du, not the sum of du."),
            Mistake(unit_mistake(lambda du, u, length, total: (du - u * u * du) / length),
                    "The sum over i is missing: u . du is one number for each row."),
            Mistake(unit_mistake(lambda du, u, length, total: (du - u * np.sum(u * du)) / length),
                    "Each row has its own sum: axis=-1, keepdims=True."),
            Mistake(unit_mistake(lambda du, u, length, total: (du - total(u * du)) / length),
                    "What is subtracted points along u: multiply u . du by u."),
        ),
        hints=("y_i / |y|^2 = u_i / |y|. Both terms then have 1 / |y| in front.",
               "The sum over i is u . du, one number for each row: "
               "np.sum(u * du, axis=-1, keepdims=True).",
               "return (du - u * along) / length, where along is that sum. Then y . dy = 0: a "
               "longer y has the same u, so no gradient points along y."),
    ),
)
