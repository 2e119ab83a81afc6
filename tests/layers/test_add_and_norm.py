import numpy as np
from plain import plain_norm

from minitransformer.layers import add_and_norm_backward, add_and_norm_forward
from minitransformer.layers.options import IDENTITY, NORMS

RNG = np.random.default_rng(0)
X, BRANCH = RNG.normal(size=(2, 2, 3, 6))
NORM = {"gain": RNG.normal(size=6), "bias": RNG.normal(size=6)}


def test_evaluation_drops_nothing():
    out, _ = add_and_norm_forward({}, X, BRANCH, after=IDENTITY, rate=0.5)
    assert np.array_equal(out, X + BRANCH)
    out, _ = add_and_norm_forward(NORM, X, BRANCH, after=NORMS["layer"], rate=0.5)
    np.testing.assert_allclose(out, plain_norm(NORM, X + BRANCH), rtol=1e-12)


def test_training_drops_of_the_branch_alone():
    out, cache = add_and_norm_forward({}, X, BRANCH, after=IDENTITY, rate=0.25,
                                      dropout_key=(1, 2, 3), site=4)
    keep = np.random.default_rng([1, 2, 3, 4]).random(X.shape, dtype=np.float32) >= 0.25
    np.testing.assert_allclose(out, X + np.where(keep, BRANCH / 0.75, 0), rtol=1e-15)
    dout = RNG.normal(size=out.shape)
    dparams, dx, dbranch = add_and_norm_backward(dout, cache)
    assert dparams == {}
    assert np.array_equal(dx, dout)
    np.testing.assert_allclose(dbranch, np.where(keep, dout / 0.75, 0), rtol=1e-15)


def test_the_first_site_is_the_default():
    key = {"after": IDENTITY, "rate": 0.5, "dropout_key": (1, 2, 3)}
    assert np.array_equal(add_and_norm_forward({}, X, BRANCH, **key)[0],
                          add_and_norm_forward({}, X, BRANCH, site=0, **key)[0])
