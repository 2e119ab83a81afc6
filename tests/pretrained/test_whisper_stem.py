import numpy as np
import pytest

from minitransformer.gradient_check import assert_gradients
from minitransformer.pretrained.whisper_stem import (
    whisper_stem_backward, whisper_stem_forward, whisper_stem_init)
from minitransformer.tree import tree_items, tree_map

B, S, C, D = 2, 5, 4, 3


def params_and_mel():
    rng = np.random.default_rng(0)
    params = whisper_stem_init(rng, n_mels=C, n_positions=S, d_model=D, dtype=np.float64)
    return tree_map(lambda x: rng.normal(size=x.shape), params), rng.normal(size=(B, 2 * S, C))


def test_gradients():
    for method, bar in (("complex", 1e-12), ("central", 1e-7)):
        assert_gradients(whisper_stem_forward, whisper_stem_backward, *params_and_mel(),
                         method=method, tolerance=bar)


def test_two_steps_of_the_spectrogram_make_one_vector():
    params, mel = params_and_mel()
    out, _ = whisper_stem_forward(params, mel)
    assert out.shape == (B, S, D)
    mel[:, 9] += 1  # seen by the second convolution's windows around steps 8 and, not there, 10
    changed = np.abs(whisper_stem_forward(params, mel)[0] - out).max(axis=(0, 2)) > 0
    assert changed.tolist() == [False] * 4 + [True]


def test_float32_stays():
    params, mel = params_and_mel()
    params = tree_map(lambda x: x.astype(np.float32), params)
    out, cache = whisper_stem_forward(params, mel.astype(np.float32))
    dparams, dmel = whisper_stem_backward(out, cache)
    assert {x.dtype for _, x in tree_items([out, dparams, dmel])} == {np.dtype(np.float32)}


def test_a_spectrogram_of_another_length_is_named():
    params, mel = params_and_mel()
    with pytest.raises(ValueError, match=r"mel has shape \(2, 9, 4\), expected \(B, 10, C\)"):
        whisper_stem_forward(params, mel[:, :9])
