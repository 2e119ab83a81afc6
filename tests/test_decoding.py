"""Greedy and beam search over invented models whose whole tree of sequences can be listed."""

import itertools
import math

import numpy as np
import pytest

from minitransformer.data.tokenizers import END, PAD, START
from minitransformer.decoding import _largest, beam_search, greedy
from minitransformer.functional import log_softmax_forward
from minitransformer.kv_cache import KvCache

VOCAB = 6  # PAD, START, END and three tokens


class RandomModel:
    """Logits drawn anew for every (sequence, prefix): nothing but the right prefix gives them."""

    def __init__(self, batch_size, seed, dtype=np.float64):
        self.seed, self.dtype = seed, dtype
        self.prefixes = [(sequence,) for sequence in range(batch_size)]
        self.calls = []  # rows of each call

    def logits(self, prefix):
        return 2 * np.random.default_rng([self.seed, *prefix]).standard_normal(VOCAB)

    def step(self, ids, rows):
        assert ids.shape == rows.shape
        self.calls.append(len(rows))
        self.prefixes = [(*self.prefixes[row], int(token)) for row, token in zip(rows, ids)]
        return np.stack([self.logits(prefix) for prefix in self.prefixes]).astype(self.dtype)

    def log_prob(self, sequence, ids):
        """The log-probability of ids, given that PAD and START cannot come."""
        prefix, total = (sequence, START), 0.0
        for token in ids:
            logits = self.logits(prefix)
            logits[[PAD, START]] = -math.inf
            total += log_softmax_forward(logits)[0][token]
            prefix = (*prefix, token)
        return total


def score(model, sequence, ids, alpha):
    return model.log_prob(sequence, ids) / ((5 + len(ids)) / 6) ** alpha


def exhaustive(model, sequence, max_new_tokens, alpha):
    """The best of all sequences that end within max_new_tokens."""
    every = [(*ids, END) for length in range(max_new_tokens)
             for ids in itertools.product(range(END + 1, VOCAB), repeat=length)]
    return list(max(every, key=lambda ids: score(model, sequence, ids, alpha))[:-1])


def plain_beam(model, sequence, max_new_tokens, beam_size, alpha):
    """Beam search of one sequence without any shortcut: the prefix is scored anew each time."""
    beam, ended = [()], []
    for _ in range(max_new_tokens):
        grown = [(*ids, token) for ids in beam for token in range(END, VOCAB)]
        grown.sort(key=lambda ids: -model.log_prob(sequence, ids))
        ended += [ids for ids in grown[:beam_size] if ids[-1] == END]
        beam = [ids for ids in grown[:beam_size] if ids[-1] != END]
    if ended:
        return list(max(ended, key=lambda ids: score(model, sequence, ids, alpha))[:-1])
    return list(beam[0])


def fixed(logits):
    """A step that gives every row the same logits."""
    return lambda ids, rows: np.tile(np.asarray(logits, dtype=np.float64), (len(ids), 1))


@pytest.mark.parametrize("seed", range(8))
def test_greedy_follows_the_likeliest_token_of_every_prefix(seed):
    model = RandomModel(5, seed)
    found = greedy(model.step, batch_size=5, max_new_tokens=7)
    for sequence, ids in enumerate(found):
        prefix = (sequence, START)
        for token in ids:
            assert token == END + np.argmax(model.logits(prefix)[END:])
            prefix = (*prefix, token)
        assert len(ids) == 7 or np.argmax(model.logits(prefix)[END:]) == 0


def test_greedy_leaves_ended_rows_out_and_stops_with_the_last():
    model = RandomModel(5, 3)
    lengths = [len(ids) for ids in greedy(model.step, batch_size=5, max_new_tokens=50)]
    assert len(set(lengths)) > 1 and max(lengths) < 50
    assert model.calls == [sum(n >= i for n in lengths) for i in range(max(lengths) + 1)]


def test_greedy_result_holds_plain_integers():
    found = greedy(fixed([0, 0, 0, 1, 0, 0]), batch_size=2, max_new_tokens=2)
    assert found == [[3, 3], [3, 3]] and type(found[0][0]) is int


@pytest.mark.parametrize("decode", [
    greedy, lambda step, **sizes: beam_search(step, beam_size=3, **sizes)])
def test_pad_and_start_are_never_chosen(decode):
    found = decode(fixed([9, 9, -50, 1, 0, 0]), batch_size=1, max_new_tokens=3)
    assert found == [[3, 3, 3]]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("seed", range(6))
def test_a_beam_of_one_is_greedy(seed, dtype):
    expected = greedy(RandomModel(6, seed, dtype).step, batch_size=6, max_new_tokens=8)
    for alpha in (0.0, 0.6, 2.0):
        assert beam_search(RandomModel(6, seed, dtype).step, batch_size=6, max_new_tokens=8,
                           beam_size=1, length_penalty=alpha) == expected


@pytest.mark.parametrize("alpha", [0.0, 0.6, 1.0, 3.0])
@pytest.mark.parametrize("seed", range(6))
def test_a_wide_beam_finds_the_best_of_all_sequences(seed, alpha):
    model = RandomModel(3, seed)
    found = beam_search(model.step, batch_size=3, max_new_tokens=4, beam_size=3 ** 4 * 4,
                        length_penalty=alpha)
    assert found == [exhaustive(model, sequence, 4, alpha) for sequence in range(3)]


@pytest.mark.parametrize("beam_size", [2, 3, 5])
@pytest.mark.parametrize("seed", range(6))
def test_a_narrow_beam_equals_the_search_without_shortcuts(seed, beam_size):
    for alpha in (0.0, 1.5):
        model = RandomModel(3, seed)
        found = beam_search(model.step, batch_size=3, max_new_tokens=5, beam_size=beam_size,
                            length_penalty=alpha)
        assert found == [plain_beam(model, i, 5, beam_size, alpha) for i in range(3)]


def test_a_wider_beam_and_the_length_penalty_change_what_is_found():
    runs = {(k, alpha): beam_search(RandomModel(12, 1).step, batch_size=12, max_new_tokens=6,
                                    beam_size=k, length_penalty=alpha)
            for k, alpha in [(1, 0.0), (8, 0.0), (8, 3.0)]}
    assert runs[1, 0.0] != runs[8, 0.0]
    assert sum(map(len, runs[8, 3.0])) > sum(map(len, runs[8, 0.0]))


def test_a_sequence_that_ended_goes_before_one_cut_off():
    # Three tokens are likely at every step and END is not: greedy is cut off, a beam of two is not.
    step = fixed([0, 0, 0.5, 1, -9, -9])
    assert greedy(step, batch_size=1, max_new_tokens=4) == [[3, 3, 3, 3]]
    found = beam_search(step, batch_size=1, max_new_tokens=4, beam_size=2, length_penalty=9.0)
    assert found == [[3, 3, 3]]
    never = fixed([0, 0, -math.inf, 1, 0, 0])
    for beam_size in (2, 50):
        found = beam_search(never, batch_size=1, max_new_tokens=3, beam_size=beam_size)
        assert found == [[3, 3, 3]]


def test_equal_candidates_are_taken_in_the_order_of_their_ids():
    assert greedy(fixed([0, 0, -9, 1, 1, 1]), batch_size=1, max_new_tokens=2) == [[3, 3]]
    for equal in (3, 300):
        step = fixed([0, 0, -9, *[1] * equal])
        assert beam_search(step, batch_size=2, max_new_tokens=2, beam_size=2) == [[3, 3], [3, 3]]
    # [3] and [4] end together with the same score.
    model = RandomModel(1, 0)
    model.logits = lambda prefix: np.array([0, 0, -9, 1, 1, -9] if len(prefix) == 2
                                           else [0, 0, 9, 1, 1, 1], dtype=float)
    assert beam_search(model.step, batch_size=1, max_new_tokens=3, beam_size=2) == [[3]]


def test_a_long_sequence_does_not_round_small_differences_away():
    logits = np.ones((1, 60), dtype=np.float32)
    logits[0, 40] += np.spacing(np.float32(1))
    sizes = {"batch_size": 1, "max_new_tokens": 40}
    expected = greedy(lambda ids, rows: logits, **sizes)
    assert expected == [[40] * 40]
    assert beam_search(lambda ids, rows: logits, beam_size=1, **sizes) == expected


def test_a_beam_stops_as_soon_as_nothing_can_win():
    model = RandomModel(1, 0)
    model.logits = lambda prefix: np.array([0, 0, 9.0, 1, 0, 0])
    assert beam_search(model.step, batch_size=1, max_new_tokens=99, beam_size=4,
                       length_penalty=0.0) == [[]]
    assert model.calls == [1]


@pytest.mark.parametrize("seed", range(3))
def test_a_sequence_does_not_depend_on_its_neighbours(seed):
    class Alone(RandomModel):
        def __init__(self, sequence, seed):
            super().__init__(1, seed)
            self.prefixes = [(sequence,)]

    sizes = {"max_new_tokens": 6, "beam_size": 3}
    together = beam_search(RandomModel(4, seed).step, batch_size=4, **sizes)
    alone = [beam_search(Alone(i, seed).step, batch_size=1, **sizes)[0] for i in range(4)]
    assert together == alone


def test_sizes_below_one_are_refused():
    step = fixed([0] * VOCAB)
    with pytest.raises(ValueError, match="max_new_tokens is 0"):
        greedy(step, batch_size=1, max_new_tokens=0)
    with pytest.raises(ValueError, match="batch_size is 0"):
        greedy(step, batch_size=0, max_new_tokens=1)
    with pytest.raises(ValueError, match="beam_size is 0"):
        beam_search(step, batch_size=1, max_new_tokens=1, beam_size=0)
    with pytest.raises(ValueError, match="length_penalty is -1"):
        beam_search(step, batch_size=1, max_new_tokens=1, beam_size=1, length_penalty=-1)


def test_logits_that_are_nan_are_refused_and_not_changed():
    logits = np.zeros((1, VOCAB))
    greedy(lambda ids, rows: logits, batch_size=1, max_new_tokens=1)
    assert not logits.any()
    with pytest.raises(ValueError, match="NaN"):
        greedy(fixed([0, 0, 0, math.nan, 0, 0]), batch_size=1, max_new_tokens=1)


def test_kv_cache_appends_and_reorders():
    rng = np.random.default_rng(0)
    k, v = rng.standard_normal((2, 2, 3, 5, 4)).astype(np.float32)  # each (B=2, H=3, T=5, K=4)
    cache = KvCache()
    cache.reorder(np.array([0]))  # nothing is kept yet
    assert cache.k is None and cache.v is None and cache.length == 0
    for t, stop in ((0, 2), (2, 3), (3, 5)):
        k_all, v_all = cache.extend(k[:, :, t:stop], v[:, :, t:stop])
        assert np.array_equal(k_all, k[:, :, :stop]) and np.array_equal(v_all, v[:, :, :stop])
        assert cache.length == stop
    assert k_all.dtype == np.float32
    cache.reorder(np.array([1, 0, 1]))
    assert np.array_equal(cache.k, k[[1, 0, 1]]) and np.array_equal(cache.v, v[[1, 0, 1]])


def test_kv_cache_refuses_another_shape():
    cache = KvCache()
    with pytest.raises(ValueError, match="k has shape"):
        cache.extend(np.zeros((2, 3, 4)), np.zeros((2, 3, 4)))
    cache.extend(np.zeros((2, 3, 1, 4)), np.zeros((2, 3, 1, 4)))
    with pytest.raises(ValueError, match="k has shape"):
        cache.extend(np.zeros((1, 3, 1, 4)), np.zeros((1, 3, 1, 4)))
    with pytest.raises(ValueError, match="v has shape"):
        cache.extend(np.zeros((2, 3, 1, 4)), np.zeros((2, 3, 2, 4)))


@pytest.mark.parametrize("k", [1, 3, 7, 12, 20])
def test_the_largest_are_those_of_a_stable_sort(k):
    x = np.random.default_rng(k).integers(0, 5, (6, 12)).astype(np.float64)  # many are equal
    x[1] = -math.inf
    x[2, 2:] = -math.inf
    order = np.argsort(-x, axis=-1, kind="stable")[:, :k]
    assert _largest(x, k) == [
        [(int(place), row[place]) for place in places if row[place] > -math.inf]
        for places, row in zip(order, x)]
