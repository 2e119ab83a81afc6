"""Files that are whole, with every checksum right, whose metadata somebody has changed."""

import numpy as np
import pytest
from mangle import VALUES, places, with_value

from minitransformer.classifier import Classifier
from minitransformer.data.byte_pair import BytePairTokenizer
from minitransformer.data.tokenizers import CharacterTokenizer, WordTokenizer
from minitransformer.language_model import LanguageModel
from minitransformer.models import EncoderDecoder, EncoderDecoderConfig
from minitransformer.training import CheckpointError, load_arrays, save_arrays
from minitransformer.translator import Translator

SIZES = {"d_model": 8, "n_heads": 2, "n_layers": 1, "d_ff": 4, "max_seq_len": 8}


def makers():
    words, letters = WordTokenizer(["one", "two", "-"]), CharacterTokenizer("abc")
    return {
        "translator": lambda: Translator(EncoderDecoder(EncoderDecoderConfig(6, 6, **SIZES)),
                                         words, letters),
        "letters": lambda: LanguageModel.untrained(letters, **SIZES),
        "byte pairs": lambda: LanguageModel.untrained(BytePairTokenizer([(b"t", b"h")]), **SIZES),
        "classifier": lambda: Classifier.untrained([(np.arange(6.0).reshape(3, 2), 0)],
                                                   ["a", "b"], **SIZES)}


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(makers()))
def test_any_value_in_any_place_is_refused_or_makes_a_whole_model(tmp_path, kind):
    path = tmp_path / "model.npz"
    good = makers()[kind]()
    good.save(path)
    arrays, metadata = load_arrays(path)
    refused = tried = 0
    rng = np.random.default_rng(0)
    for place in places(metadata):
        for i in rng.choice(len(VALUES), size=8, replace=False):
            save_arrays(path, arrays, with_value(metadata, place, VALUES[i]))
            tried += 1
            try:
                found = type(good).load(path)
            except CheckpointError as error:
                assert "model.npz" in str(error)
                refused += 1
                continue
            assert found.model.params.keys() == good.model.params.keys()
            for part in found[1:]:
                if hasattr(part, "vocab_size"):
                    assert part.vocab_size in (6, 260)
    assert refused > tried / 2


@pytest.mark.parametrize("kind, key, value, message", [
    ("translator", "source", {"kind": "words", "words": ["a"]}, "4 ids and a model of 6"),
    ("translator", "target", {"kind": "characters", "characters": "abcd"}, "7 ids and a model of"),
    ("translator", "source", {"kind": "words", "words": [["a"], "b", "c"]}, "no usable tokenizer"),
    ("letters", "tokenizer", {"kind": "characters", "characters": "ab"}, "5 ids and a model of 6"),
    ("byte pairs", "tokenizer", {"kind": "byte pairs", "merges": {}}, "its merges are '{}', no"),
    ("letters", "tokenizer", {"kind": ["characters"]}, "no tokenizer of the kinds"),
    ("classifier", "classes", ["a"], "1 classes for 2 scores"),
    ("classifier", "mean", [0.0], r"mean has shape \(1,\)"),
    ("classifier", "std", [1.0, float("inf")], "not finite"),
    ("classifier", "std", "abc", "no usable classes and scale")])
def test_parts_that_do_not_belong_together(tmp_path, kind, key, value, message):
    path = tmp_path / "model.npz"
    good = makers()[kind]()
    good.save(path)
    arrays, metadata = load_arrays(path)
    save_arrays(path, arrays, {**metadata, key: value})
    with pytest.raises(CheckpointError, match=f"model.npz.*{message}"):
        type(good).load(path)


@pytest.mark.parametrize("cls, stored", [
    (WordTokenizer, {"kind": "words", "words": ["a", None]}),
    (WordTokenizer, {"kind": "words", "words": [["a"]]}),
    (BytePairTokenizer, {"kind": "byte pairs", "merges": ""}),
    *((cls, value) for cls in (CharacterTokenizer, WordTokenizer, BytePairTokenizer)
      for value in VALUES)])
def test_a_tokenizer_of_something_else(cls, stored):
    with pytest.raises(ValueError, match=f"does not describe a {cls.__name__}"):
        cls.from_dict(stored)
