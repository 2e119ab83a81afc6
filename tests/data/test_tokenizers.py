"""Characters to ids and back."""

import json

import numpy as np
import pytest

from minitransformer.data.tokenizers import END, PAD, START, CharacterTokenizer


def test_the_special_ids_come_first_and_characters_in_the_order_of_their_codes():
    tokenizer = CharacterTokenizer.from_texts(["zwölf", "fünf", ""])
    assert (PAD, START, END) == (0, 1, 2)
    assert tokenizer.characters == "flnwzöü"
    assert tokenizer.vocab_size == 10
    assert tokenizer.encode("zwölf") == [7, 6, 8, 4, 3]
    assert tokenizer.encode("") == []


def test_decoding_undoes_encoding():
    text = "Straße, \n\t€ 𝔘 one-and-twenty"
    tokenizer = CharacterTokenizer.from_texts([text])
    assert tokenizer.decode(tokenizer.encode(text)) == text
    assert tokenizer.decode(np.array(tokenizer.encode(text))) == text


def test_decoding_leaves_out_pad_and_start_and_stops_at_end():
    tokenizer = CharacterTokenizer("ab")
    assert tokenizer.decode([START, 3, PAD, 4, END, 3, 3]) == "ab"
    assert tokenizer.decode([]) == ""


def test_an_unknown_character_is_named_with_its_position():
    tokenizer = CharacterTokenizer.from_texts(["abcdefghijklmnopqrstuvwxyz "])
    text = "a long line of text before the é and a long one behind it"
    with pytest.raises(ValueError) as error:
        tokenizer.encode(text)
    assert "'é' at position 31" in str(error.value)
    assert "27 characters" in str(error.value)
    with pytest.raises(ValueError, match="'X' at position 0 of 'X'"):
        tokenizer.encode("X")


def test_an_id_outside_the_vocabulary_is_refused():
    with pytest.raises(ValueError, match="the id 5"):
        CharacterTokenizer("ab").decode([3, 5])
    with pytest.raises(TypeError, match="integers"):
        CharacterTokenizer("ab").decode([3.5])


def test_a_vocabulary_without_characters_or_with_one_twice_is_refused():
    with pytest.raises(ValueError, match="the texts are empty"):
        CharacterTokenizer.from_texts([])
    with pytest.raises(ValueError, match="the texts are empty"):
        CharacterTokenizer.from_texts(["", ""])
    with pytest.raises(ValueError, match="at least one"):
        CharacterTokenizer("")
    with pytest.raises(ValueError, match="'a' is there 2 times"):
        CharacterTokenizer("aba")


def test_it_survives_json():
    tokenizer = CharacterTokenizer.from_texts(["dreißig \"quoted\" \\"])
    again = CharacterTokenizer.from_dict(json.loads(json.dumps(tokenizer.to_dict())))
    assert again.characters == tokenizer.characters


@pytest.mark.parametrize("stored", [None, [], {}, {"kind": "bytes", "characters": "ab"},
                                    {"kind": "characters", "characters": 3}])
def test_a_description_of_something_else_is_refused(stored):
    with pytest.raises(ValueError, match="does not describe a CharacterTokenizer"):
        CharacterTokenizer.from_dict(stored)
