"""Exercises of lesson 15, second half: how an image and a text with holes become tokens."""

import numpy as np

from minitransformer.teaching.exercise import Exercise, Mistake, Prediction, call


def my_patches(image, size):
    """An image (rows, columns) -> its square patches, row by row: (T, size * size)."""
    rows, columns = image.shape
    grid = image.reshape(rows // size, size, columns // size, size)   # (R, size, C, size)
    return grid.transpose(0, 2, 1, 3).reshape(-1, size * size)        # (R * C, size * size)


def patches_mistake(order):
    """my_patches with another order of the four axes."""
    def patches(image, size):
        rows, columns = image.shape
        grid = image.reshape(rows // size, size, columns // size, size)
        return grid.transpose(order).reshape(-1, size * size)
    return patches


def patches_split_the_other_way(image, size):
    """my_patches with (size, R) and (size, C) where (R, size) and (C, size) belong."""
    rows, columns = image.shape
    grid = image.reshape(size, rows // size, size, columns // size)
    return grid.transpose(0, 2, 1, 3).reshape(-1, size * size)


def patches_that_overlap(image, size):
    """Patches cut out one by one, each a point further instead of a patch further."""
    return np.array([image[i:i + size, j:j + size].ravel()
                     for i in range(image.shape[0] // size) for j in range(image.shape[1] // size)])


def images(rng):
    return [call(np.arange(24).reshape(4, 6), 2), call(rng.integers(17, size=(8, 8)), 2),
            call(rng.integers(17, size=(9, 6)), 3)]


def my_holes(ids, asked, mask_id):
    """ids, asked (B, T) -> shown: mask_id where asked; targets: the word where asked, else -1."""
    shown = np.where(asked, mask_id, ids)
    targets = np.where(asked, ids, -1)
    return shown, targets


def texts(rng):
    return [call(rng.integers(5, 30, size=shape), rng.random(shape) < 0.4, 4)
            for shape in ((2, 7), (3, 5))]


ITEMS = (
    Exercise(
        "15.3", "an image cut into patches", 8,
        solution=my_patches,
        cases=images,
        results=("patches",),
        mistakes=(
            Mistake(lambda image, size: image.reshape(-1, size * size),
                    "This cuts the rows into pieces: a patch would be size * size points of one "
                    "row. Split both axes first, rows into (R, size) and columns into (C, size)."),
            Mistake(patches_mistake((2, 0, 1, 3)),
                    "The patches are right, but they come column by column. First all of the "
                    "upper row, from left to right: R before C."),
            Mistake(patches_that_overlap,
                    "Patch (i, j) begins at the point (size * i, size * j), not at (i, j)."),
            Mistake(patches_split_the_other_way,
                    "Rows split into (R, size), not (size, R), and columns likewise: the second "
                    "of the two axes runs through neighbours, and a patch has size of them."),
            Mistake(patches_mistake((0, 2, 3, 1)),
                    "Inside each patch rows and columns are exchanged."),
            Mistake(patches_mistake((1, 3, 0, 2)),
                    "This gathers the points that have the same place in their patches. The "
                    "patches' own axes R and C come first, then the places within."),
        ),
        hints=("image.reshape(rows // size, size, columns // size, size) has the axes (patch's "
               "row, point's row, patch's column, point's column).",
               "A patch's points must be the last two axes: exchange axes 1 and 2.",
               "grid.transpose(0, 2, 1, 3).reshape(-1, size * size). As in lesson 05, the "
               "transposition must stand before the reshape."),
    ),
    Prediction(
        "15.4", "The 16 patches of every image are put into another order, the same order for all "
        "images, and the classifier is trained anew. How many of the digits does it get right?",
        answer="as many as before",
        choices=("as many as before", "about half as many", "one in ten"),
        because="Nobody ever told the model which patches are neighbours. A position is a label, "
                "and with other labels there is as much to be learned as before.",
    ),
    Exercise(
        "15.5", "holes in a text", 6,
        solution=my_holes,
        cases=texts,
        results=("shown", "targets"),
        mistakes=(
            Mistake(lambda ids, asked, mask_id: (np.where(asked, mask_id, ids),
                                                 np.where(asked, ids, 0)),
                    "shown is right. 0 is the id of a token, so all these targets would count; "
                    "one that does not count is -1 here."),
            Mistake(lambda ids, asked, mask_id: (np.where(asked, mask_id, ids), ids),
                    "shown is right. But with ids as targets every word counts, and most of them "
                    "stand there to be copied: only those that were asked for count."),
            Mistake(lambda ids, asked, mask_id: (ids, np.where(asked, ids, -1)),
                    "targets is right. But the words that are asked for are still shown: the "
                    "model would learn to copy."),
            Mistake(lambda ids, asked, mask_id: (np.where(asked, ids, mask_id),
                                                 np.where(asked, -1, ids)),
                    "asked is the wrong way round: where it is True there is a hole."),
            Mistake(lambda ids, asked, mask_id: (np.where(asked, mask_id, ids),
                                                 np.where(asked, mask_id, -1)),
                    "shown is right. The target of a hole is the word that stood there, not the "
                    "hole."),
            Mistake(lambda ids, asked, mask_id: (np.where(asked, -1, ids),
                                                 np.where(asked, ids, -1)),
                    "targets is right. A hole is shown as mask_id, a token with a row in the "
                    "table; -1 is no token."),
            Mistake(lambda ids, asked, mask_id: (np.where(asked, ids, -1),
                                                 np.where(asked, mask_id, ids)),
                    "The two results have changed places: shown first."),
        ),
        hints=("np.where(condition, a, b) takes a where the condition is True, else b.",
               "shown: mask_id where asked, else the word.",
               "targets: the word where asked, else -1."),
    ),
)
