"""What came after 2017, or what the article asks for: pairs that the core does without.

Read what you need: gelu, silu and swiglu stand in the place of relu; rms_norm and batch_norm in
the place of layer_norm; rotary and alibi in the place of sinusoidal positions; mean_pooling makes
one vector of a whole sequence; convolution looks at a sequence through short windows;
low_rank learns a small change of a matrix that stays as it is.
"""

from minitransformer.variants.alibi import alibi_bias
from minitransformer.variants.batch_norm import batch_norm_backward, batch_norm_forward
from minitransformer.variants.blockwise_attention import (
    BlockwiseAttentionCache, blockwise_attention_backward, blockwise_attention_forward)
from minitransformer.variants.convolution import convolution_backward, convolution_forward
from minitransformer.variants.gelu import (
    gelu_backward, gelu_forward, gelu_tanh_backward, gelu_tanh_forward)
from minitransformer.variants.low_rank import low_rank_backward, low_rank_forward
from minitransformer.variants.mean_pooling import mean_pooling_backward, mean_pooling_forward
from minitransformer.variants.rms_norm import rms_norm_backward, rms_norm_forward
from minitransformer.variants.rotary import rotary_backward, rotary_forward
from minitransformer.variants.silu import silu_backward, silu_forward
from minitransformer.variants.swiglu import swiglu_backward, swiglu_forward
