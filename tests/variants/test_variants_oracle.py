"""The variants against PyTorch, where it is installed."""

import numpy as np
import pytest

from minitransformer import variants as v

torch = pytest.importorskip("torch")
F = torch.nn.functional

RNG = np.random.default_rng(0)
B, H, T, K, D = 3, 2, 5, 8, 7


def normal(*shape):
    return RNG.normal(size=shape)


def tensor(x):
    return torch.tensor(x, requires_grad=True)


def agree(forward, backward, oracle, *inputs, **options):
    """Values and gradients of a pair equal those of oracle, a function of tensors. The cache."""
    out, cache = forward(*inputs, **options)
    dout = RNG.normal(size=np.shape(out))
    gradients = backward(dout, cache)
    gradients = gradients if isinstance(gradients, tuple) else (gradients,)
    tensors = list(map(tensor, inputs))
    theirs = oracle(*tensors)
    theirs.backward(torch.tensor(dout))
    np.testing.assert_allclose(out, theirs.detach().numpy(), rtol=1e-12, atol=1e-13)
    for gradient, given in zip(gradients, tensors, strict=True):
        np.testing.assert_allclose(gradient, given.grad.numpy(), rtol=1e-11, atol=1e-12)
    return cache


@pytest.mark.parametrize("name, oracle", [
    ("gelu", F.gelu), ("gelu_tanh", lambda x: F.gelu(x, approximate="tanh")), ("silu", F.silu)])
def test_activations(name, oracle):
    agree(getattr(v, f"{name}_forward"), getattr(v, f"{name}_backward"), oracle, 3 * normal(B, T))


def test_erf_far_out():
    x = np.linspace(-9, 9, 1001)
    ours, theirs = v.gelu_forward(x)[0], F.gelu(torch.tensor(x)).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-13, atol=1e-15)


def test_swiglu():
    agree(v.swiglu_forward, v.swiglu_backward, lambda gate, up: F.silu(gate) * up,
          normal(B, T, D), normal(B, T, D))


@pytest.mark.parametrize("eps", [1e-5, 0.3])
def test_rms_norm(eps):
    agree(v.rms_norm_forward, v.rms_norm_backward,
          lambda x, gain: F.rms_norm(x, (D,), gain, eps), normal(B, T, D), normal(D), eps=eps)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_and_its_running_statistics(training):
    mean, variance = normal(D), RNG.uniform(0.5, 2, D)
    theirs = torch.tensor(mean), torch.tensor(variance)

    def oracle(x, gain, bias):
        return F.batch_norm(x.reshape(-1, D), *theirs, gain, bias, training=training,
                            momentum=0.1, eps=1e-5).reshape(x.shape)

    cache = agree(v.batch_norm_forward, v.batch_norm_backward, oracle, normal(B, T, D), normal(D),
                  normal(D), running=(mean, variance), training=training)
    for ours, other in zip(cache.running, theirs, strict=True):  # theirs were renewed in place
        np.testing.assert_allclose(ours, other.numpy(), rtol=1e-13)


def test_batch_norm_of_real_tokens_is_that_of_the_tokens_alone():
    mask, x = RNG.random((B, T)) < 0.6, normal(B, T, D)
    gain, bias = normal(D), normal(D)
    out, cache = v.batch_norm_forward(x, gain, bias, mask=mask)
    dout = normal(B, T, D) * mask[..., None]
    dx, dgain, dbias = v.batch_norm_backward(dout, cache)
    given, weight, shift = tensor(x[mask]), tensor(gain), tensor(bias)
    theirs = F.batch_norm(given, None, None, weight, shift, training=True)
    theirs.backward(torch.tensor(dout[mask]))
    np.testing.assert_allclose(out[mask], theirs.detach().numpy(), rtol=1e-12, atol=1e-13)
    for ours, other in ((dx[mask], given), (dgain, weight), (dbias, shift)):
        np.testing.assert_allclose(ours, other.grad.numpy(), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize("interleaved", [True, False])
def test_rotary_turns_complex_numbers(interleaved):
    positions = np.array([0, 3, 4, 9, 11])

    def oracle(x):
        even, odd = (x[..., ::2], x[..., 1::2]) if interleaved else x.chunk(2, -1)
        rates = 1e4 ** (-torch.arange(0, K, 2, dtype=torch.float64) / K)
        angle = torch.tensor(positions)[:, None] * rates
        turned = torch.complex(even, odd) * torch.polar(torch.ones_like(angle), angle)
        if interleaved:
            return torch.view_as_real(turned).flatten(-2)
        return torch.cat([turned.real, turned.imag], -1)

    agree(v.rotary_forward, v.rotary_backward, oracle, normal(B, H, T, K), positions=positions,
          interleaved=interleaved)


@pytest.mark.parametrize("stride, padding", [(1, 0), (2, 1), (3, 2)])
def test_convolution(stride, padding):
    def oracle(x, w, b):
        y = F.conv1d(x.transpose(1, 2), w.permute(2, 1, 0), b, stride=stride, padding=padding)
        return y.transpose(1, 2)

    agree(v.convolution_forward, v.convolution_backward, oracle, normal(B, K, D), normal(3, D, T),
          normal(T), stride=stride, padding=padding)
