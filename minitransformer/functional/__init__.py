"""The calculus of the 2017 Transformer: every operation as a forward/backward pair.

Read in this order: linear, embedding, position, softmax, cross_entropy, relu, layer_norm,
residual, dropout, mask, attention, heads.
"""

from minitransformer.functional.attention import attention_backward, attention_forward
from minitransformer.functional.cross_entropy import cross_entropy_backward, cross_entropy_forward
from minitransformer.functional.dropout import dropout_backward, dropout_forward, dropout_rng
from minitransformer.functional.embedding import embedding_backward, embedding_forward
from minitransformer.functional.heads import merge_heads, split_heads
from minitransformer.functional.layer_norm import layer_norm_backward, layer_norm_forward
from minitransformer.functional.linear import linear_backward, linear_forward
from minitransformer.functional.mask import causal_mask, padding_mask
from minitransformer.functional.position import sinusoidal_positions
from minitransformer.functional.relu import relu_backward, relu_forward
from minitransformer.functional.residual import residual_backward, residual_forward
from minitransformer.functional.softmax import (
    log_softmax_backward, log_softmax_forward, softmax_backward, softmax_forward)
