"""What the configurations of all models have in common."""

from dataclasses import dataclass, fields

from minitransformer.data.tokenizers import PAD
from minitransformer.layers.options import (
    ACTIVATIONS, ATTENTIONS, NORM_PLACEMENTS, NORMS, POOLINGS, POSITIONS, TIED_EMBEDDINGS)
from minitransformer.shapes import expect_fraction

CHOICES = {"norm": NORMS, "norm_placement": NORM_PLACEMENTS, "activation": ACTIVATIONS,
           "positions": POSITIONS, "tied_embeddings": TIED_EMBEDDINGS, "pooling": POOLINGS,
           "attention": ATTENTIONS}


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """The shape of a model, as far as every model has it. Raises ValueError when made.

    The last six are for models that were made elsewhere, whose weights ask for them.
    """

    d_model: int = 128
    n_heads: int = 4
    n_layers: int = 4
    d_ff: int = 512
    max_seq_len: int = 256
    dropout: float = 0.1
    norm: str = "layer"
    norm_placement: str = "pre"
    activation: str = "gelu"
    positions: str = "sinusoidal"
    tied_embeddings: str = "none"
    n_kv_heads: int | None = None  # as many as n_heads
    attention: str = "auto"  # by tiles, where that is quicker
    recompute: bool = False  # less memory, for the time of another forward
    norm_eps: float = 1e-5
    rope_base: float = 10_000.0
    rope_interleaved: bool = True  # rotary pairs are 2i, 2i + 1; False: i, i + K / 2
    bias: bool = True  # of the blocks' projections; norms keep theirs
    scale_embeddings: bool = True  # a token's row is multiplied by sqrt(d_model)
    pad_id: int = PAD  # the id that is no token; -1: every id is one

    def __post_init__(self):
        for field in fields(self):
            self._expect_field(field, getattr(self, field.name))
        if self.d_model % self.n_heads:
            raise ValueError(f"d_model {self.d_model} is not divisible by n_heads {self.n_heads}")
        if self.n_kv_heads and self.n_heads % self.n_kv_heads:
            raise ValueError(f"n_heads {self.n_heads} is not divisible by n_kv_heads "
                             f"{self.n_kv_heads}: each key/value head serves as many query heads")
        if self.positions == "rotary" and self.d_model // self.n_heads % 2:
            raise ValueError(f"a head is {self.d_model // self.n_heads} wide (d_model / n_heads), "
                             f"but rotary positions turn pairs of entries: it must be even")
        expect_fraction("dropout", self.dropout)

    @staticmethod
    def _expect_field(field, value):
        """Raise ValueError unless value is one of the choices, True or False, or such a number."""
        name, default = field.name, field.default
        whole = isinstance(value, int) and not isinstance(value, bool)  # True would count as 1
        if name in CHOICES:
            if value not in CHOICES[name]:
                raise ValueError(f"{name} is {value!r}, expected one of: "
                                 f"{', '.join(CHOICES[name])}")
        elif isinstance(default, bool):
            if not isinstance(value, bool):
                raise ValueError(f"{name} is {value!r}, expected True or False")
        elif name in ("norm_eps", "rope_base"):
            if not ((whole or isinstance(value, float)) and 0 < value < float("inf")):
                raise ValueError(f"{name} is {value!r}, expected a finite number above 0")
        elif name == "pad_id":
            if not (whole and value >= -1):
                raise ValueError(f"pad_id is {value!r}, expected an id, or -1 for none")
        elif name != "dropout" and not (value is None and default is None):
            if not (whole and value > 0):
                raise ValueError(f"{name} is {value!r}, expected a whole number of at least 1")
