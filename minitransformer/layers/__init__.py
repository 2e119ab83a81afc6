"""Layers: pairs with parameters, each with its init (where it makes any) in one file.

Read in this order: projection, token_embedding, multi_head_attention, feed_forward, add_and_norm,
encoder_block, decoder_block, tied_embeddings. `options` is the table that they choose from.
"""

from minitransformer.layers.add_and_norm import add_and_norm_backward, add_and_norm_forward
from minitransformer.layers.decoder_block import (
    decoder_block_backward, decoder_block_forward, decoder_block_init)
from minitransformer.layers.encoder_block import (
    encoder_block_backward, encoder_block_forward, encoder_block_init)
from minitransformer.layers.feed_forward import (
    feed_forward_backward, feed_forward_forward, feed_forward_init)
from minitransformer.layers.multi_head_attention import (
    multi_head_attention_backward, multi_head_attention_forward, multi_head_attention_init)
from minitransformer.layers.projection import (
    projection_backward, projection_forward, projection_init)
from minitransformer.layers.tied_embeddings import tied_embeddings_backward, tied_embeddings_forward
from minitransformer.layers.token_embedding import (
    token_embedding_backward, token_embedding_forward, token_embedding_init)
