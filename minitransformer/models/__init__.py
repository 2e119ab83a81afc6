"""Models: layers put together. Each is itself a pair; a thin object holds its parameters."""

from minitransformer.models.encoder_decoder import (
    decoder_backward, decoder_forward, encoder_backward,
    encoder_decoder_backward, encoder_decoder_forward, encoder_decoder_init,
    encoder_forward)
from minitransformer.models.norm_state import state_after, state_init
from minitransformer.models.model import EncoderDecoder, EncoderDecoderConfig
