"""Every pair against PyTorch, where it is installed."""

import numpy as np
import pytest

from minitransformer import functional as f

torch = pytest.importorskip("torch")
F = torch.nn.functional

RNG = np.random.default_rng(0)
B, H, G, T, S, K, D, E, V = 2, 6, 3, 4, 7, 5, 8, 9, 10


def normal(*shape):
    return RNG.normal(size=shape)


def agree(forward, backward, oracle, *inputs, **options):
    """Values and gradients of a pair equal those of oracle, a function of tensors."""
    out, cache = forward(*inputs, **options)
    dout = np.asarray(RNG.normal(size=np.shape(out)))
    gradients = backward(dout, cache)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    tensors = [torch.tensor(x, requires_grad=True) for x in inputs]
    theirs = oracle(*tensors)
    theirs.backward(torch.tensor(dout))
    np.testing.assert_allclose(out, theirs.detach().numpy(), rtol=1e-12, atol=1e-13)
    for gradient, tensor in zip(gradients, tensors, strict=True):
        np.testing.assert_allclose(gradient, tensor.grad.numpy(), rtol=1e-11, atol=1e-13)


def test_linear():
    agree(f.linear_forward, f.linear_backward, lambda x, w, b: F.linear(x, w.T, b),
          normal(B, T, D), normal(D, E), normal(E))


def test_embedding():
    ids = RNG.integers(V, size=(B, T))
    agree(f.embedding_forward, f.embedding_backward,
          lambda table: F.embedding(torch.tensor(ids), table), normal(V, D), ids=ids)


def test_softmax_and_log_softmax():
    agree(f.softmax_forward, f.softmax_backward, lambda x: F.softmax(x, -1), normal(B, T, V))
    agree(f.log_softmax_forward, f.log_softmax_backward, lambda x: F.log_softmax(x, -1),
          normal(B, T, V))


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1, 0.7])
@pytest.mark.parametrize("ignore_index", [0, -100])
def test_cross_entropy(ignore_index, label_smoothing):
    targets = RNG.integers(V, size=(B, T))
    targets[0, 1] = ignore_index
    agree(f.cross_entropy_forward, f.cross_entropy_backward,
          lambda logits: F.cross_entropy(logits.reshape(-1, V), torch.tensor(targets.reshape(-1)),
                                         ignore_index=ignore_index,
                                         label_smoothing=label_smoothing),
          normal(B, T, V), targets=targets, ignore_index=ignore_index,
          label_smoothing=label_smoothing)


def test_relu():
    agree(f.relu_forward, f.relu_backward, F.relu, normal(B, T, D))


@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_layer_norm(eps):
    agree(f.layer_norm_forward, f.layer_norm_backward,
          lambda x, gain, bias: F.layer_norm(x, (D,), gain, bias, eps),
          normal(B, T, D), normal(D), normal(D), eps=eps)


def test_layer_norm_default_eps_is_that_of_pytorch():
    agree(f.layer_norm_forward, f.layer_norm_backward,
          lambda x, gain, bias: F.layer_norm(x, (D,), gain, bias),
          1e-3 * normal(B, T, D), normal(D), normal(D))


def test_residual():
    agree(f.residual_forward, f.residual_backward, torch.add, normal(B, T, D), normal(B, T, D))


def test_dropout_with_a_given_mask():
    keep = RNG.random((B, T, D)) < 0.7
    agree(f.dropout_forward, f.dropout_backward, lambda x: x * torch.tensor(keep) / 0.7,
          normal(B, T, D), rate=0.3, keep=keep)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("groups", [H, G])
def test_attention(groups, masked):
    mask = RNG.random((B, 1, T, S)) < 0.6
    mask[..., 2] = True

    def oracle(q, k, v):
        k, v = (x.repeat_interleave(H // groups, dim=1) for x in (k, v))
        return F.scaled_dot_product_attention(q, k, v, torch.tensor(mask) if masked else None)

    agree(f.attention_forward, f.attention_backward, oracle, normal(B, H, T, K),
          normal(B, groups, S, K), normal(B, groups, S, K), mask=mask if masked else None)


def test_causal_attention():
    agree(f.attention_forward, f.attention_backward,
          lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
          normal(B, H, T, K), normal(B, H, T, K), normal(B, H, T, K), causal=True)


def test_attention_with_a_score_bias():
    bias = normal(H, T, S)
    agree(f.attention_forward, f.attention_backward,
          lambda q, k, v: F.scaled_dot_product_attention(q, k, v, torch.tensor(bias)),
          normal(B, H, T, K), normal(B, H, S, K), normal(B, H, S, K), score_bias=bias)
