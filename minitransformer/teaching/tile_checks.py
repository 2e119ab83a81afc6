"""The bug museum's checks of attention in tiles: what the tiles must not change, they do not."""

import numpy as np


def another_tile_size_catches(exhibit):
    """Whether the output depends on block_size: all keys in one tile, or as the options say."""
    args, options = exhibit.inputs(np.random.default_rng(0))
    tiled, _ = exhibit.forward(*args, **options)
    whole, _ = exhibit.forward(*args, **options | {"block_size": args[1].shape[-2]})
    return not np.allclose(tiled, whole, rtol=1e-9, atol=1e-12)


def lower_scores_catch(exhibit):
    """Whether the output changes when every score is lower by 2000, which softmax cannot see."""
    args, options = exhibit.inputs(np.random.default_rng(0))
    before, _ = exhibit.forward(*args, **options)
    with np.errstate(all="ignore"):  # what underflows may be divided by
        after, _ = exhibit.forward(*args, **options | {"score_bias": np.array(-2000.0)})
    return not np.allclose(before, after, rtol=1e-9, atol=1e-12)


TILE_CHECKS = {
    "another tile size": another_tile_size_catches,
    "all scores lower by 2000": lower_scores_catch,
}
