import numpy as np
import pytest

from minitransformer.data.masked_words import (
    MASK, MASK_ID, RARE, RARE_ID, MaskedWordStream, common_words, encode_words)

TEXT = "The cat sat. The dog sat. The Cat ran, a dog ran."


def test_the_vocabulary_is_the_most_frequent_words_in_lower_case():
    tokenizer = common_words(TEXT, 4)
    assert tokenizer.words == [MASK, RARE, ".", "the", "cat", "dog"]
    assert common_words(TEXT, 100).vocab_size == 3 + 2 + 8
    with pytest.raises(ValueError, match="the text has no words"):
        common_words(" \n", 4)


def test_words_are_encoded_and_rare_ones_too():
    tokenizer = common_words(TEXT, 4)
    assert encode_words(tokenizer, "the CAT bites.").tolist() == [6, 7, RARE_ID, 5]
    assert encode_words(tokenizer, f"{MASK} cat {MASK}{MASK}.").tolist() == [
        MASK_ID, 7, MASK_ID, MASK_ID, 5]


def stream(**changes):
    ids = np.tile(np.arange(4, 24), 50)                                      # 4 is RARE
    return MaskedWordStream(ids, **{"vocab_size": 24, "length": 40, "batch_size": 100, "seed": 3,
                                    **changes})


def test_what_is_asked_for_is_hidden_and_nothing_else():
    batch = stream().batch(0)
    asked, shown = batch.targets >= 0, batch.ids
    assert batch.features is None and batch.mask.all() and batch.targets.shape == (100, 40)
    words = np.where(asked, batch.targets, shown)
    assert np.array_equal((words[:, 1:] - words[:, :-1]) % 20, np.ones((100, 39)))  # the text
    assert not (words[asked] == RARE_ID).any()
    real = (words != RARE_ID).sum()
    assert abs(asked.sum() / real - 0.15) < 0.02
    share = (shown[asked] == MASK_ID).mean()
    same = (shown[asked] == batch.targets[asked]).mean()
    assert abs(share - 0.8) < 0.05 and abs(same - 0.1 - 0.1 / 19) < 0.04
    other = shown[asked & (shown != MASK_ID) & (shown != batch.targets)]
    assert set(other) == set(range(RARE_ID + 1, 24))


def test_a_batch_depends_on_seed_and_step_alone():
    assert all(np.array_equal(a, b) for a, b in zip(stream().batch(7)[1:], stream().batch(7)[1:]))
    for other in (stream().batch(8), stream(seed=4).batch(7)):
        assert not np.array_equal(other.ids, stream().batch(7).ids)


def test_windows_reach_both_ends_and_a_short_text_is_refused():
    ids = np.arange(5, 10)
    batch = MaskedWordStream(ids, vocab_size=10, length=4, batch_size=60, seed=0).batch(0)
    words = np.where(batch.targets >= 0, batch.targets, batch.ids)
    assert set(words[:, 0]) == {5, 6}
    MaskedWordStream(ids, vocab_size=10, length=5, batch_size=1, seed=0).batch(0)
    with pytest.raises(ValueError, match="the text has 5 words, fewer than a window's 6"):
        MaskedWordStream(ids, vocab_size=10, length=6, batch_size=1, seed=0)
