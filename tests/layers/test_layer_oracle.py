"""Multi-head attention and the two blocks against PyTorch's, where it is installed."""

import numpy as np
import pytest

from minitransformer import layers
from minitransformer.checks.case import randomize
from minitransformer.checks.layers import block_config

torch = pytest.importorskip("torch")

B, T, S, D, H, F = 2, 5, 7, 12, 3, 9
RNG = np.random.default_rng(0)
REAL = np.array([[True] * T, [True, True, True, False, False]])
REAL_MEMORY = np.array([[True] * S, [True] * 4 + [False] * 3])
HIDDEN = torch.triu(torch.ones(T, T, dtype=torch.bool), 1)  # PyTorch's True: may not attend


def tensor(x):
    return torch.tensor(x, requires_grad=True)


def pairs_of_attention(params, module):
    """(name, ours, theirs, how to read theirs): PyTorch stacks q, k, v and stores transposes."""
    for i, role in enumerate(("q", "k", "v")):
        rows = slice(i * D, (i + 1) * D)
        yield params[role]["w"], module.in_proj_weight, rows, True
        yield params[role]["b"], module.in_proj_bias, rows, False
    yield params["out"]["w"], module.out_proj.weight, slice(None), True
    yield params["out"]["b"], module.out_proj.bias, slice(None), False


def pairs_of_linear(params, module):
    yield params["w"], module.weight, slice(None), True
    yield params["b"], module.bias, slice(None), False


def pairs_of_norm(params, module):
    yield params["gain"], module.weight, slice(None), False
    yield params["bias"], module.bias, slice(None), False


def load(pairs):
    with torch.no_grad():
        for ours, theirs, rows, transposed in pairs:
            theirs[rows] = torch.tensor(ours.T if transposed else ours)


def assert_same_gradients(pairs):
    for ours, theirs, rows, transposed in pairs:
        gradient = theirs.grad[rows].numpy()
        close(ours, gradient.T if transposed else gradient)


def close(ours, theirs):
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("crosses", [False, True])
def test_multi_head_attention(crosses):
    params = randomize(RNG, layers.multi_head_attention_init(RNG, d_model=D, dtype=np.float64))
    x, memory, dout = (RNG.normal(size=(B, n, D)) for n in (T, S, T))
    module = torch.nn.MultiheadAttention(D, H, batch_first=True, dtype=torch.float64)
    load(pairs_of_attention(params, module))
    real = REAL_MEMORY if crosses else REAL
    out, cache = layers.multi_head_attention_forward(
        params, x, memory if crosses else None, n_heads=H, mask=real[:, None, None, :],
        causal=not crosses)
    dparams, dx, dmemory = layers.multi_head_attention_backward(dout, cache)

    query, source = tensor(x), tensor(memory)
    source = source if crosses else query
    theirs, weights = module(query, source, source, key_padding_mask=torch.tensor(~real),
                             attn_mask=None if crosses else HIDDEN, average_attn_weights=False)
    theirs.backward(torch.tensor(dout))
    close(out, theirs.detach())
    close(cache.attention.weights, weights.detach())
    close(dx, query.grad)
    if crosses:
        close(dmemory, source.grad)
    assert_same_gradients(pairs_of_attention(dparams, module))


@pytest.mark.parametrize("placement", ["pre", "post"])
def test_encoder_block(placement):
    config = block_config(norm_placement=placement)
    params = randomize(RNG, layers.encoder_block_init(RNG, config=config, dtype=np.float64))
    x, dout = RNG.normal(size=(2, B, T, D))
    module = torch.nn.TransformerEncoderLayer(D, H, F, dropout=0.0, batch_first=True,
                                              norm_first=placement == "pre", dtype=torch.float64)
    used = "before" if placement == "pre" else "after"

    def pairs(tree):
        yield from pairs_of_attention(tree["attention"], module.self_attn)
        yield from pairs_of_linear(tree["feed_forward"]["up"], module.linear1)
        yield from pairs_of_linear(tree["feed_forward"]["down"], module.linear2)
        yield from pairs_of_norm(tree[f"{used}_attention"], module.norm1)
        yield from pairs_of_norm(tree[f"{used}_feed_forward"], module.norm2)

    load(pairs(params))
    out, cache = layers.encoder_block_forward(params, x, config=config,
                                              mask=REAL[:, None, None, :])
    dparams, dx = layers.encoder_block_backward(dout, cache)
    given = tensor(x)
    theirs = module(given, src_key_padding_mask=torch.tensor(~REAL))
    theirs.backward(torch.tensor(dout))
    close(out, theirs.detach())
    close(dx, given.grad)
    assert_same_gradients(pairs(dparams))


@pytest.mark.parametrize("placement", ["pre", "post"])
def test_decoder_block(placement):
    config = block_config(norm_placement=placement)
    params = randomize(RNG, layers.decoder_block_init(RNG, config=config, dtype=np.float64))
    x, memory, dout = (RNG.normal(size=(B, n, D)) for n in (T, S, T))
    module = torch.nn.TransformerDecoderLayer(D, H, F, dropout=0.0, batch_first=True,
                                              norm_first=placement == "pre", dtype=torch.float64)
    used = "before" if placement == "pre" else "after"

    def pairs(tree):
        yield from pairs_of_attention(tree["self_attention"], module.self_attn)
        yield from pairs_of_attention(tree["cross_attention"], module.multihead_attn)
        yield from pairs_of_linear(tree["feed_forward"]["up"], module.linear1)
        yield from pairs_of_linear(tree["feed_forward"]["down"], module.linear2)
        yield from pairs_of_norm(tree[f"{used}_self_attention"], module.norm1)
        yield from pairs_of_norm(tree[f"{used}_cross_attention"], module.norm2)
        yield from pairs_of_norm(tree[f"{used}_feed_forward"], module.norm3)

    load(pairs(params))
    out, cache = layers.decoder_block_forward(
        params, x, memory, config=config, mask=REAL[:, None, None, :],
        memory_mask=REAL_MEMORY[:, None, None, :])
    dparams, dx, dmemory = layers.decoder_block_backward(dout, cache)
    given, source = tensor(x), tensor(memory)
    theirs = module(given, source, tgt_mask=HIDDEN, tgt_key_padding_mask=torch.tensor(~REAL),
                    memory_key_padding_mask=torch.tensor(~REAL_MEMORY))
    theirs.backward(torch.tensor(dout))
    close(out, theirs.detach())
    close(dx, given.grad)
    close(dmemory, source.grad)
    assert_same_gradients(pairs(dparams))
