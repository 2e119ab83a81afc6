"""The language model's text: how likely it finds one, what it writes, and its file."""

import math

import numpy as np
import pytest

from minitransformer.data.byte_pair import BytePairTokenizer
from minitransformer.data.tokenizers import END, START, CharacterTokenizer
from minitransformer.functional import log_softmax_forward
from minitransformer.language_model import FILE, LanguageModel
from minitransformer.models import DecoderOnly, DecoderOnlyConfig
from minitransformer.sampling import sample
from minitransformer.training import CheckpointError

TEXT = "the cat sat on the mat.\nthe cat is größer than a rat, 数学.\n" * 4
SIZES = {"d_model": 16, "n_heads": 2, "n_layers": 1, "d_ff": 16, "max_seq_len": 12}


@pytest.fixture(scope="module", params=["byte pairs", "characters"])
def writer(request):
    tokenizer = (CharacterTokenizer.from_texts([TEXT]) if request.param == "characters"
                 else BytePairTokenizer.train(TEXT, 290))
    return LanguageModel.untrained(tokenizer, seed=2, **SIZES)


def log2_probs(writer, tokens):
    """log2 p of each token when START and all tokens before it are read."""
    logits, _ = writer.model.forward(np.array([[START, *tokens[:-1]]]))
    log_probs, _ = log_softmax_forward(logits[0].astype(np.float64))
    return log_probs[np.arange(len(tokens)), tokens] / math.log(2)


def test_a_text_that_fits_is_counted_in_one_window(writer):
    text = "the cat"
    bits = -log2_probs(writer, writer.encode(text)).sum() / len(text)
    assert writer.bits_per_character(text) == pytest.approx(bits, rel=1e-5)


@pytest.mark.parametrize("stride", [1, 3, 5, 12, None])
def test_every_token_of_a_long_text_is_counted_once_with_the_window_before_it(writer, stride):
    text = TEXT[:101]
    ids, T, total = writer.encode(text).tolist(), 12, 0.0
    step = T // 4 if stride is None else stride
    done = 0
    while done < len(ids):
        new = T if not done else min(step, len(ids) - done)
        window = ids[max(0, done + new - T):done + new]
        total += log2_probs(writer, window)[-new:].sum()
        done += new
    assert done == len(ids) > 2 * T
    assert writer.bits_per_character(text, stride=stride) == pytest.approx(-total / len(text),
                                                                           rel=1e-5)


def test_bits_are_those_of_characters_and_not_of_tokens_or_bytes():
    tokenizer = BytePairTokenizer.train(TEXT, 290)
    writer = LanguageModel.untrained(tokenizer, **SIZES)
    for leaf in (writer.model.params["embedding"]["table"],):
        leaf[:] = 0  # every logit 0: each token costs log2 V bits
    text = "größer 数学"
    n = len(tokenizer.encode(text))
    assert n != len(text) != len(text.encode())
    assert writer.bits_per_character(text) == pytest.approx(
        n * math.log2(tokenizer.vocab_size) / len(text), rel=1e-6)


def test_wrong_questions_are_refused(writer):
    with pytest.raises(ValueError, match="the text is empty"):
        writer.bits_per_character("")
    for stride in (0, 13):
        with pytest.raises(ValueError, match=f"stride is {stride}, expected 1 to"):
            writer.bits_per_character(TEXT, stride=stride)


def test_same_seed_same_text_streamed_or_not(writer):
    for choice in ({}, {"temperature": 0.5, "top_k": 5}, {"temperature": 0}, {"top_p": 0.5},
                   {"repetition_penalty": 1.5}):
        text = writer.generate("the c", max_new_tokens=40, seed=5, **choice)[0]
        assert text == "".join(writer.stream("the c", max_new_tokens=40, seed=5, **choice))
        assert len(writer.tokenizer.encode(text)) > 12  # longer than the window
    assert writer.generate("the c", seed=5)[0] != writer.generate("the c", seed=6)[0]
    several = writer.generate("the c", n=3, max_new_tokens=30, seed=5)
    assert len(set(several)) == 3 and several[0] == writer.generate("the c", max_new_tokens=30,
                                                                     seed=5)[0]


def test_it_reads_start_and_the_prompt_and_draws_with_the_seed_itself(writer):
    prompt = [START, *writer.encode("the").tolist()]
    room = 12 - len(prompt)
    for seed in (1, 4):
        expected = sample(writer._step(), [prompt], max_new_tokens=room, seed=seed)[0]
        ours = writer._stream_ids("the", 1, max_new_tokens=room, seed=seed)
        assert [new[0] for new in ours] == expected


def test_it_starts_from_nothing_and_from_a_prompt_beyond_its_window(writer):
    assert writer.generate(max_new_tokens=5)[0]
    assert len("".join(writer.stream(TEXT, max_new_tokens=30))) > 0
    # Of a long prompt only the newer half of the window is read.
    end = writer.encode(TEXT)[-6:]
    assert writer.generate(TEXT, max_new_tokens=4, seed=1) == writer.generate(
        writer.tokenizer.decode(end), max_new_tokens=4, seed=1)


def test_it_writes_as_many_tokens_as_asked_in_every_turn(writer):
    for max_new_tokens in (1, 11, 12, 13, 50):
        ids = [new[0] for new in writer._stream_ids("a", 1, max_new_tokens=max_new_tokens)]
        assert len(ids) == max_new_tokens and START not in ids and END not in ids


def test_special_tokens_are_never_written(writer):
    writer.model.params["embedding"]["table"][[START, END]] *= 50
    ids = [new[0] for seed in range(5) for new in writer._stream_ids("a", 1, seed=seed)]
    writer.model.params["embedding"]["table"][[START, END]] /= 50
    assert min(ids) > END


def test_it_ends_before_a_stop_string(writer):
    whole = writer.generate("the", max_new_tokens=60, seed=1)[0]
    stop = whole[7:9]
    expected = whole[:whole.index(stop)]
    assert writer.generate("the", max_new_tokens=60, seed=1, stop=[stop]) == [expected]
    assert "".join(writer.stream("the", max_new_tokens=60, seed=1, stop=[stop])) == expected


def test_what_cannot_be_written_is_refused():
    writer = LanguageModel.untrained(CharacterTokenizer("abc"), **SIZES)
    with pytest.raises(ValueError, match="the character 'x' at position 1"):
        next(writer.stream("ax"))
    for choice, message in (({"n": 0}, "n is 0"), ({"max_new_tokens": 0}, "max_new_tokens 0"),
                            ({"temperature": -1}, "temperature is -1"),
                            ({"top_k": 0}, "top_k is 0"),
                            ({"stop": [""]}, "a stop string is empty")):
        with pytest.raises(ValueError, match=message):
            writer.generate("a", **choice)


def test_it_survives_its_file(writer, tmp_path):
    writer.save(tmp_path / FILE)
    for path in (tmp_path, tmp_path / FILE):
        loaded = LanguageModel.load(path)
        assert type(loaded.tokenizer) is type(writer.tokenizer)
        assert loaded.model.config == writer.model.config
        assert loaded.generate("the", seed=3) == writer.generate("the", seed=3)
        assert loaded.bits_per_character(TEXT) == writer.bits_per_character(TEXT)


def test_a_file_that_holds_no_language_model_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no language model at"):
        LanguageModel.load(tmp_path)
    model = DecoderOnly(DecoderOnlyConfig(9, **SIZES))
    model.save(tmp_path / "model.npz")
    with pytest.raises(CheckpointError, match="holds no tokenizer"):
        LanguageModel.load(tmp_path / "model.npz")
    model.save(tmp_path / "model.npz", tokenizer={"kind": "words", "words": ["a"]})
    with pytest.raises(CheckpointError, match="holds no tokenizer"):
        LanguageModel.load(tmp_path / "model.npz")
