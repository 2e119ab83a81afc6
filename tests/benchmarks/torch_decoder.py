"""The decoder as one would write it in PyTorch, for training and for writing with a KV cache."""

import torch
from torch import nn
from torch.nn import functional as F
from torch_twin import torch_name, transposed

from minitransformer.tree import tree_items


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.n_heads = config.n_heads
        self.q, self.k, self.v, self.out = (nn.Linear(config.d_model, config.d_model)
                                            for _ in range(4))

    def forward(self, x, kept=None, start=0):
        """x (B, T, D) -> (B, T, D). kept: (2, B, H, max, K), of which `start` tokens are filled."""
        q, k, v = (y.unflatten(-1, (self.n_heads, -1)).transpose(1, 2)
                   for y in (self.q(x), self.k(x), self.v(x)))               # (B, H, T, K)
        if kept is not None:
            end = start + x.shape[1]
            kept[0, :, :, start:end], kept[1, :, :, start:end] = k, v
            k, v = kept[:, :, :, :end]                                       # (B, H, end, K)
        heads = F.scaled_dot_product_attention(q, k, v, is_causal=start == 0)
        return self.out(heads.transpose(1, 2).flatten(2))                    # (B, T, D)


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.up = nn.Linear(config.d_model, config.d_ff)
        self.down = nn.Linear(config.d_ff, config.d_model)

    def forward(self, x):
        return self.down(F.gelu(self.up(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.before_attention = nn.LayerNorm(config.d_model)
        self.attention = Attention(config)
        self.before_feed_forward = nn.LayerNorm(config.d_model)
        self.feed_forward = FeedForward(config)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, x, *kept):
        x = x + self.dropout(self.attention(self.before_attention(x), *kept))
        return x + self.dropout(self.feed_forward(self.before_feed_forward(x)))


class Embedding(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(config.vocab_size, config.d_model))
        self.positions = nn.Parameter(torch.empty(config.max_seq_len, config.d_model))

    def forward(self, ids, start=0):
        x = F.embedding(ids, self.weight) * self.weight.shape[1] ** 0.5
        return x + self.positions[start:start + ids.shape[1]]


class TorchDecoder(nn.Module):
    """The twin of a DecoderOnly of GPT-2's shape (pre-norm, tied output), with its weights."""

    def __init__(self, model):
        super().__init__()
        config = model.config
        self.n_heads, self.max_seq_len = config.n_heads, config.max_seq_len
        self.embedding = Embedding(config)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = nn.LayerNorm(config.d_model)
        self.dropout = nn.Dropout(config.dropout)
        with torch.no_grad():
            for name, array in tree_items(model.params):
                self.get_parameter(torch_name(name)).data = torch.tensor(transposed(name, array))

    def hidden(self, ids, kept=None, start=0):
        x = self.dropout(self.embedding(ids, start))                         # (B, T, D)
        for i, block in enumerate(self.blocks):
            x = block(x) if kept is None else block(x, kept[i], start)
        return x

    def head(self, x):
        return self.norm(x) @ self.embedding.weight.T                        # (B, T, V)

    def loss(self, tgt, targets):
        """The mean cross-entropy."""
        logits = self.head(self.hidden(tgt))                                 # (B, T, V)
        return F.cross_entropy(logits.flatten(0, 1), targets.flatten())

    def gradient(self, name):
        """The gradient of the array that the package calls name, in the package's layout."""
        return transposed(name, self.get_parameter(torch_name(name)).grad.numpy())

    @torch.inference_mode()
    def generate(self, ids, max_new_tokens):
        """The likeliest continuation of ids (B, T), never PAD: (B, max_new_tokens)."""
        B, T = ids.shape
        kept = [torch.empty(2, B, self.n_heads, T + max_new_tokens,
                            self.norm.weight.shape[0] // self.n_heads) for _ in self.blocks]
        found, start = [], 0
        for _ in range(max_new_tokens):
            logits = self.head(self.hidden(ids, kept, start)[:, -1])         # (B, V)
            logits[:, 0] = -torch.inf
            start += ids.shape[1]
            ids = logits.argmax(-1, keepdim=True)                            # (B, 1)
            found.append(ids)
        return torch.cat(found, dim=1)
