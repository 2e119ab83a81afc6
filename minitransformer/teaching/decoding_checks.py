"""The bug museum's checks of decoding: they compare an exhibit's decode with its forward.

A fault of decoding is in no forward and no backward that a training uses, so that every check of
these passes it. Each check here returns whether it catches the exhibit.
"""

import numpy as np


def full_forward_catches(exhibit):
    """Whether decoding, token by token, gives other values than the forward of the whole."""
    args, options = exhibit.inputs(np.random.default_rng(0))
    return not _agree(exhibit, args, options)


def first_token_catches(exhibit):
    """The same for the text's first token alone, on inputs (B, H, T, K)."""
    args, options = exhibit.inputs(np.random.default_rng(0))
    return not _agree(exhibit, [x[:, :, :1] for x in args], options)


def beam_of_one_catches(exhibit):
    """The same where every row goes on from itself, as without a beam."""
    args, options = exhibit.inputs(np.random.default_rng(0))
    parents = options["parents"]                                   # (T, N)
    own = np.broadcast_to(np.arange(parents.shape[1]), parents.shape)
    return not _agree(exhibit, args, options | {"parents": own})


def unlikely_sum_catches(exhibit):
    """Whether what is drawn from are no probabilities: negative, or another sum than 1."""
    (logits,), options = exhibit.inputs(np.random.default_rng(0))
    probs = exhibit.decode(logits, **options)
    return bool(np.any(probs < 0) or not np.allclose(np.sum(probs, axis=-1), 1, rtol=1e-12))


def temperature_of_one_catches(exhibit):
    """Whether a temperature of 1 gives anything but the softmax."""
    args, options = exhibit.inputs(np.random.default_rng(0))
    return not _agree(exhibit, args, options | {"temperature": 1.0})


def lower_temperature_catches(exhibit):
    """Whether half the temperature fails to make the likeliest token likelier."""
    (logits,), options = exhibit.inputs(np.random.default_rng(0))
    warm, cold = (exhibit.decode(logits, **options | {"temperature": options["temperature"] * part})
                  for part in (1.0, 0.5))
    return not np.all(cold.max(axis=-1) > warm.max(axis=-1) + 1e-9)


def _agree(exhibit, args, options):
    forward, _ = exhibit.forward(*args, **options)
    return np.allclose(exhibit.decode(*args, **options), forward, rtol=1e-9, atol=1e-12)


DECODING_CHECKS = {
    "the full forward beside it": full_forward_catches,
    "the first token alone": first_token_catches,
    "a beam of one": beam_of_one_catches,
    "probabilities that add up to 1": unlikely_sum_catches,
    "a temperature of 1": temperature_of_one_catches,
    "half the temperature": lower_temperature_catches,
}
