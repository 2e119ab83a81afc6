"""Models: layers put together. Each is itself a pair; a thin object holds its parameters.

encoder_decoder is the Transformer of 2017; decoder_only is a language model; encoder_only
classifies, and reads vectors too. The last two are made of an embedding, blocks and a head, pairs
all three. What the configurations and the objects share is in config and model; the objects of
encoder_decoder and encoder_only are in translation and classification.
"""

from minitransformer.models.blocks import blocks_backward, blocks_forward
from minitransformer.models.classification import EncoderOnly
from minitransformer.models.config import ModelConfig
from minitransformer.models.decoder_only import (
    DecoderOnly, DecoderOnlyConfig, decoder_only_backward, decoder_only_forward, decoder_only_init,
    decoder_only_step)
from minitransformer.models.encoder_decoder import (
    decoder_backward, decoder_forward, encoder_backward,
    encoder_decoder_backward, encoder_decoder_forward, encoder_decoder_init,
    encoder_forward)
from minitransformer.models.encoder_only import (
    EncoderOnlyConfig, encoder_embedding_backward, encoder_embedding_forward,
    encoder_only_backward, encoder_only_forward, encoder_only_init)
from minitransformer.models.feature_embedding import (
    feature_embedding_backward, feature_embedding_forward, feature_embedding_init)
from minitransformer.models.head import head_backward, head_forward, head_init
from minitransformer.models.model import Model
from minitransformer.models.norm_state import state_after, state_init
from minitransformer.models.translation import EncoderDecoder, EncoderDecoderConfig
