"""Models: layers put together. Each is itself a pair; a thin object holds its parameters.

encoder_decoder is the Transformer of 2017; decoder_only is a language model. What the objects
share is in model, and the encoder-decoder's object in translation.
"""

from minitransformer.models.decoder_only import (
    DecoderOnly, DecoderOnlyConfig, decoder_only_backward, decoder_only_forward, decoder_only_init)
from minitransformer.models.encoder_decoder import (
    decoder_backward, decoder_forward, encoder_backward,
    encoder_decoder_backward, encoder_decoder_forward, encoder_decoder_init,
    encoder_forward)
from minitransformer.models.model import Model
from minitransformer.models.norm_state import state_after, state_init
from minitransformer.models.translation import EncoderDecoder, EncoderDecoderConfig
