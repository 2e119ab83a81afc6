"""Models: layers put together. Each is itself a pair; a thin object holds its parameters."""

from minitransformer.models.encoder_decoder import (
    encoder_decoder_backward, encoder_decoder_forward, encoder_decoder_init)
from minitransformer.models.model import EncoderDecoder, EncoderDecoderConfig
