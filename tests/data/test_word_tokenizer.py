"""Words to ids."""

import json

import pytest

from minitransformer.data.tokenizers import WordTokenizer


def test_words_and_marks_are_tokens_and_spaces_are_not():
    text = "four thousand,  five hundred\nand sixty-seven"
    words = ["four", "thousand", ",", "five", "hundred", "and", "sixty", "-", "seven"]
    tokenizer = WordTokenizer.from_texts([text, ""])
    assert tokenizer.split(text) == words
    assert tokenizer.words == sorted(words)
    assert tokenizer.vocab_size == 3 + len(words)
    assert tokenizer.encode(text) == [3 + sorted(words).index(word) for word in words]
    assert tokenizer.encode(" ") == []


def test_an_unknown_word_is_named_where_it_stands():
    tokenizer = WordTokenizer.from_texts(["one two three"])
    with pytest.raises(ValueError, match="'twelve' in 'one twelve two' is not among the 3 words"):
        tokenizer.encode("one twelve two")


def test_a_vocabulary_without_words_or_with_one_twice_is_refused():
    with pytest.raises(ValueError, match="the texts are empty"):
        WordTokenizer.from_texts(["", " "])
    with pytest.raises(ValueError, match="at least one"):
        WordTokenizer([])
    with pytest.raises(ValueError, match="'a' is there 2 times"):
        WordTokenizer(["a", "b", "a"])


def test_it_is_stored_as_json():
    tokenizer = WordTokenizer.from_texts(["vierzig-sieben für"])
    stored = json.loads(json.dumps(tokenizer.to_dict()))
    assert WordTokenizer.from_dict(stored).words == tokenizer.words
    for wrong in ({"kind": "characters", "characters": "ab"}, {"kind": "words"}, ["a"]):
        with pytest.raises(ValueError, match="does not describe a WordTokenizer"):
            WordTokenizer.from_dict(wrong)
