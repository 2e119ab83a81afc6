"""The encoder-decoder as one would write it in PyTorch: the same mathematics, by autograd.

Modules bear the names of the package's parameter tree, so that weights and gradients can be
carried over by name. PyTorch is given its best: fused attention, fused linear, norm and loss.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from minitransformer.data.tokenizers import PAD
from minitransformer.functional import sinusoidal_positions
from minitransformer.tree import tree_items

LEAVES = {"w": "weight", "b": "bias", "gain": "weight", "bias": "bias", "table": "weight",
          "positions": "positions"}


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.n_heads = config.n_heads
        self.q, self.k, self.v, self.out = (nn.Linear(config.d_model, config.d_model)
                                            for _ in range(4))

    def forward(self, x, source, mask):
        """x (B, T, D), source (B, S, D), mask broadcast to (B, H, T, S) -> (B, T, D)."""
        q, k, v = (y.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
                   for y in (self.q(x), self.k(source), self.v(source)))  # (B, H, ., K)
        heads = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)   # (B, H, T, K)
        return self.out(heads.transpose(1, 2).flatten(2))                 # (B, T, D)


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.up = nn.Linear(config.d_model, config.d_ff)
        self.down = nn.Linear(config.d_ff, config.d_model)

    def forward(self, x):
        return self.down(F.relu(self.up(x)))


class EncoderBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.before_attention = nn.LayerNorm(config.d_model)
        self.attention = Attention(config)
        self.before_feed_forward = nn.LayerNorm(config.d_model)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x, mask):
        inside = self.before_attention(x)
        x = x + self.dropout(self.attention(inside, inside, mask))
        return x + self.dropout(self.feed_forward(self.before_feed_forward(x)))


class DecoderBlock(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.before_self_attention = nn.LayerNorm(config.d_model)
        self.self_attention = Attention(config)
        self.before_cross_attention = nn.LayerNorm(config.d_model)
        self.cross_attention = Attention(config)
        self.before_feed_forward = nn.LayerNorm(config.d_model)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x, memory, mask, memory_mask):
        inside = self.before_self_attention(x)
        x = x + self.dropout(self.self_attention(inside, inside, mask))
        inside = self.before_cross_attention(x)
        x = x + self.dropout(self.cross_attention(inside, memory, memory_mask))
        return x + self.dropout(self.feed_forward(self.before_feed_forward(x)))


class Side(nn.Module):
    """What encoder and decoder have in common: embedding, blocks, final norm."""

    def __init__(self, config, vocab_size, block):
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, config.d_model)
        self.blocks = nn.ModuleList(block(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        table = sinusoidal_positions(config.max_seq_len, config.d_model)
        self.register_buffer("positions", torch.tensor(table))

    def embed(self, ids):
        x = self.embedding(ids)
        return self.dropout(x * x.shape[-1] ** 0.5 + self.positions[:ids.shape[1]].to(x.dtype))


class TorchTwin(nn.Module):
    """The twin of an EncoderDecoder with pre-norm, with a copy of its weights."""

    def __init__(self, model):
        super().__init__()
        config = model.config
        self.encoder = Side(config, config.src_vocab_size, EncoderBlock)
        self.decoder = Side(config, config.tgt_vocab_size, DecoderBlock)
        self.decoder.output = nn.Linear(config.d_model, config.tgt_vocab_size)
        with torch.no_grad():
            for name, array in tree_items(model.params):
                parameter = self.get_parameter(torch_name(name))
                parameter.data = torch.tensor(transposed(name, array))

    def loss(self, src, tgt, targets):
        """The mean cross-entropy over targets that are not PAD."""
        memory_mask = (src != PAD)[:, None, None, :]                                # (B, 1, 1, S)
        causal = torch.ones(tgt.shape[1], tgt.shape[1], dtype=torch.bool).tril()    # (T, T)
        mask = (tgt != PAD)[:, None, None, :] & causal                              # (B, 1, T, T)
        x = self.encoder.embed(src)                                                 # (B, S, D)
        for block in self.encoder.blocks:
            x = block(x, memory_mask)
        memory = self.encoder.norm(x)                                               # (B, S, D)
        x = self.decoder.embed(tgt)                                                 # (B, T, D)
        for block in self.decoder.blocks:
            x = block(x, memory, mask, memory_mask)
        logits = self.decoder.output(self.decoder.norm(x))                          # (B, T, V)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=PAD)

    def gradient(self, name):
        """The gradient of the array that the package calls name, in the package's layout."""
        return transposed(name, self.get_parameter(torch_name(name)).grad.numpy())


def torch_name(name):
    """"encoder.blocks.0.attention.q.w" -> "encoder.blocks.0.attention.q.weight"."""
    path, leaf = name.rsplit(".", 1)
    return f"{path}.{LEAVES[leaf]}"


def transposed(name, array):
    """A linear layer's weight is (inputs, outputs) here and (outputs, inputs) in PyTorch."""
    return np.ascontiguousarray(array.T) if name.endswith(".w") else array
