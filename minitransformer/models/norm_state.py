"""What norms remember besides their parameters: the running statistics of batch norm.

They are no parameters: nothing differentiates them and no optimizer moves them. They stand in a
tree of their own, built like the encoder's, {"blocks": [{"after_attention": {...}, ...}], "norm"},
with {"mean", "variance"} where the norm is batch norm and {} where it remembers nothing.
"""

import numpy as np

from minitransformer.layers.options import norms_around
from minitransformer.models.recompute import whole
from minitransformer.tree import tree_items

SITES = ("before_attention", "after_attention", "before_feed_forward", "after_feed_forward")


def state_init(*, config, dtype=np.float32):
    """The state of a new encoder: means 0, variances 1, (D,) each; no array without batch norm."""
    before, after = norms_around(config)
    placed = {site: (before if site.startswith("before") else after) for site in SITES}
    return {"blocks": [{site: norm.state(config.d_model, dtype) for site, norm in placed.items()}
                       for _ in range(config.n_layers)],
            "norm": before.state(config.d_model, dtype)}


def with_state(params, state):
    """An encoder's parameters with the state beside them, where its norms look for it."""
    if state is None:
        return params
    blocks = [{**block, **{site: {**block[site], **state_block[site]} for site in SITES}}
              for block, state_block in zip(params["blocks"], state["blocks"], strict=True)]
    return {**params, "blocks": blocks, "norm": {**params["norm"], **state["norm"]}}


def state_after(cache, state):
    """The state that an encoder's forward in training has left in its cache."""
    if not list(tree_items(state)):
        return state  # no norm remembers anything
    blocks = [{site: _renewed(_norm_cache(getattr(block, site)), kept[site]) for site in SITES}
              for block, kept in zip(map(whole, cache.blocks), state["blocks"])]
    return {"blocks": blocks, "norm": _renewed(cache.final_norm, state["norm"])}


def _norm_cache(site_cache):
    """The norm's cache at a site: after a sublayer it stands inside that of add and norm."""
    return getattr(site_cache, "norm", site_cache)


def _renewed(norm_cache, state):
    return dict(zip(("mean", "variance"), norm_cache.running)) if state else {}
