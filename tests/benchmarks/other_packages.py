"""The same decoder in two other NumPy packages, glassllm 0.1 and pydynet 1.1, with our weights.

A twin has .parameters {their name: their tensor} and .loss(ids, targets) -> their scalar tensor,
which has .data and .backward(); after that every parameter has .grad.
"""

import math
import warnings

import numpy as np


class GlassTwin:
    """glassllm's own model: RMS norm, rotary positions, shared keys and values, SwiGLU, tied."""

    OURS = {"positions": "rotary", "n_kv_heads": 2, "tied_embeddings": "output"}

    def __init__(self, model, dtype):
        from glassllm.config import Config
        from glassllm.model import GlassLM

        c = model.config
        theirs = GlassLM(Config(c.vocab_size, c.d_model, c.n_layers, c.n_heads, c.n_kv_heads,
                                c.max_seq_len, c.rope_base, c.norm_eps), dtype=dtype)
        params = model.params
        given = {"E": params["embedding"]["table"], "norm_f.gamma": params["norm"]["gain"]}
        for i, block in enumerate(params["blocks"]):
            gate, up = np.split(block["feed_forward"]["up"]["w"], 2, axis=1)    # (D, F) each
            attention = block["attention"]
            given |= {f"blocks.{i}.{name}": w for name, w in {
                "norm1.gamma": block["before_attention"]["gain"],
                "norm2.gamma": block["before_feed_forward"]["gain"],
                "attn.W_Q": attention["q"]["w"], "attn.W_K": attention["k"]["w"],
                "attn.W_V": attention["v"]["w"], "attn.W_O": attention["out"]["w"],
                "ffn.W1": gate, "ffn.W3": up,
                "ffn.W2": block["feed_forward"]["down"]["w"]}.items()}
        self.parameters, self.loss = theirs.named_parameters(), theirs.loss
        for name, tensor in self.parameters.items():
            tensor.data = given.pop(name).astype(dtype)
        assert not given, given

    def optimizer(self, *, lr, betas):
        """Their AdamW, without decay."""
        from glassllm.optim import AdamW

        return AdamW(list(self.parameters.values()), lr=lr, betas=betas, weight_decay=0.0)


class PydynetTwin:
    """A decoder put together from pydynet's modules, for the package holds none.

    Embedding and learned positions, RMS norm (its LayerNorm takes its means over the batch), plain
    attention of Linear and softmax, SwiGLU, an output of its own, CrossEntropyLoss.
    """

    OURS = {"positions": "learned", "n_kv_heads": None, "tied_embeddings": "none"}

    def __init__(self, model, dtype):
        warnings.filterwarnings("ignore", "Cupy is not installed")
        import pydynet.nn

        self.config, self.dtype, self.parameters = model.config, dtype, {}
        params, D = model.params, model.config.d_model
        self.table = pydynet.nn.Embedding(model.config.vocab_size, D, dtype=dtype)
        self._give("table", self.table, weight=params["embedding"]["table"])
        self.positions = pydynet.nn.parameter.Parameter(
            pydynet.Tensor(params["embedding"]["positions"], dtype=dtype))
        self.parameters["positions"] = self.positions
        self.blocks = [self._block(f"blocks.{i}", block) for i, block in
                       enumerate(params["blocks"])]
        self.norm = self._norm("norm", params["norm"])
        self.output = self._linear("output", params["output"]["w"], params["output"]["b"])
        self.cross_entropy = pydynet.nn.CrossEntropyLoss()

    def _give(self, name, module, **arrays):
        for key, array in arrays.items():
            tensor = getattr(module, key)
            tensor.data = array.astype(self.dtype)
            self.parameters[f"{name}.{key}"] = tensor
        return module

    def _linear(self, name, w, b=None):
        import pydynet.nn

        made = pydynet.nn.Linear(*w.shape, bias=b is not None, dtype=self.dtype)
        return self._give(name, made, weight=w, **({} if b is None else {"bias": b}))

    def _norm(self, name, params):
        import pydynet.nn

        made = pydynet.nn.RMSNorm(self.config.d_model, eps=self.config.norm_eps, dtype=self.dtype)
        return self._give(name, made, weight=params["gain"])

    def _block(self, name, params):
        gate, up = np.split(params["feed_forward"]["up"]["w"], 2, axis=1)       # (D, F) each
        attention = {key: self._linear(f"{name}.{key}", params["attention"][key]["w"])
                     for key in ("q", "k", "v", "out")}
        return {**attention, "gate": self._linear(f"{name}.gate", gate),
                "up": self._linear(f"{name}.up", up),
                "down": self._linear(f"{name}.down", params["feed_forward"]["down"]["w"]),
                "norm1": self._norm(f"{name}.norm1", params["before_attention"]),
                "norm2": self._norm(f"{name}.norm2", params["before_feed_forward"])}

    def loss(self, ids, targets):
        """The mean cross-entropy of ids (B, T) with targets (B, T)."""
        import pydynet
        from pydynet.nn import functional as F

        (B, T), D, H = ids.shape, self.config.d_model, self.config.n_heads
        hidden = pydynet.Tensor(np.triu(np.full((T, T), -np.inf), 1), dtype=self.dtype)  # (T, T)

        def heads(x):  # (B, T, D) -> (B, H, T, K)
            return x.reshape(B, T, H, D // H).transpose(0, 2, 1, 3)

        x = self.table(ids) + self.positions[:T]                                # (B, T, D)
        for block in self.blocks:
            inside = block["norm1"](x)                                          # (B, T, D)
            q, k, v = (heads(block[name](inside)) for name in "qkv")            # (B, H, T, K)
            scores = q @ k.swapaxes(-1, -2) * (1 / math.sqrt(D // H)) + hidden  # (B, H, T, T)
            mixed = F.softmax(scores, axis=-1) @ v                              # (B, H, T, K)
            x = x + block["out"](mixed.transpose(0, 2, 1, 3).reshape(B, T, D))  # (B, T, D)
            inside = block["norm2"](x)                                          # (B, T, D)
            x = x + block["down"](F.silu(block["gate"](inside)) * block["up"](inside))
        logits = self.output(self.norm(x)).reshape(B * T, -1)                   # (B T, V)
        return self.cross_entropy(logits, targets.reshape(-1))

    def optimizer(self, *, lr, betas):
        """Their Adam."""
        from pydynet.optim import Adam

        return Adam(self.parameters.values(), lr=lr, betas=betas)
