"""The encoder as an object: from ids or features to a class."""

import numpy as np

from minitransformer.models.encoder_only import (
    EncoderOnlyConfig, encoder_only_backward, encoder_only_forward, encoder_only_init)
from minitransformer.models.model import Model
from minitransformer.models.norm_state import state_after, state_init
from minitransformer.tree import tree_items


class EncoderOnly(Model):
    """An encoder with a head: it classifies sequences, or names each of their tokens.

    A target of -1 does not count: a token that was not masked, an example without a label.
    """

    kind, config_class = "encoder_only", EncoderOnlyConfig
    init, init_state = staticmethod(encoder_only_init), staticmethod(state_init)
    ignore_index = -1  # class 0 is a class

    def forward(self, features=None, dropout_seed=None, *, ids=None, mask=None):
        """(logits, cache), as encoder_only_forward; features take the type of the parameters."""
        if features is not None:
            features = np.asarray(features, dtype=self.dtype)                 # (B, T, C)
        return encoder_only_forward(self.params, features, ids=ids, mask=mask, config=self.config,
                                    dropout_seed=dropout_seed, state=self.state)

    def logits(self, batch, dropout_seed=None):
        """As forward, of a batch with features, ids (one of them None) and mask."""
        return self.forward(batch.features, dropout_seed, ids=batch.ids, mask=batch.mask)

    def gradients(self, dlogits, cache):
        """dlogits, of the logits' shape -> dparams."""
        return encoder_only_backward(dlogits, cache)[0]

    def new_state(self, cache):
        """The running statistics that a forward in training has left in its cache."""
        return state_after(cache, self.state)

    def predict(self, features=None, *, ids=None, mask=None):
        """The class with the highest score: (B,), or (B, T) with pooling "none"."""
        return np.argmax(self.forward(features, ids=ids, mask=mask)[0], axis=-1)

    @property
    def dtype(self):
        """The type of the parameters."""
        return next(x.dtype for _, x in tree_items(self.params))
