"""The ladder's blocks without added sinusoids: their order comes from config.positions alone.

Everything else is causal_blocks.py's: the parameters, the cache, and so the backward.
"""

from minitransformer.functional import causal_mask, embedding_forward, linear_forward
from minitransformer.layers import encoder_block_forward
from minitransformer.layers.options import norms_around
from minitransformer.teaching.causal_blocks import CausalBlocksCache


def rotary_blocks_forward(params, *, ids, config):
    """causal_blocks_forward but for one line: nothing is added to the table's rows.

    params as from causal_blocks_init, ids (B, T) int -> logits (B, T, V), cache, which is
    causal_blocks_backward's.
    """
    from_bigram, bigram = embedding_forward(params["bigram"], ids=ids)     # (B, T, V)
    x, table = embedding_forward(params["table"], ids=ids)                 # (B, T, D)
    T = x.shape[1]
    blocks = []
    for block in params["blocks"]:
        x, cache = encoder_block_forward(block, x, config=config, mask=causal_mask(T, T))
        blocks.append(cache)                                               # x stays (B, T, D)
    before, _ = norms_around(config)
    x, norm = before.forward(params["norm"], x)                            # (B, T, D)
    from_blocks, out = linear_forward(x, params["out"])                    # (B, T, V)
    logits = from_bigram + from_blocks                                     # (B, T, V)
    return logits, CausalBlocksCache(bigram, table, blocks, before, norm, out)
