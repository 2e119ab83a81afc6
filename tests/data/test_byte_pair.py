"""Byte-pair encoding: lossless on everything, the right merges, the ids of another library."""

import json
import random
from collections import Counter

import pytest

from minitransformer.data.byte_pair import (
    FIRST_BYTE,
    FIRST_MERGE,
    PIECE,
    BytePairTokenizer,
    merge_pair,
)
from minitransformer.data.manual import python_manual
from minitransformer.data.tokenizers import END, PAD, START

TEXT = "the cat sat on the mat; the cats sat.\n\n    the = that\n" * 3 + "größer, 数学 数学 🙂🙂"


@pytest.fixture(scope="module")
def tokenizer():
    return BytePairTokenizer.train(TEXT, 300)


@pytest.fixture(scope="module")
def manual():
    return python_manual()


def learned_slowly(text, vocab_size):
    """The merges, every pair counted anew for every merge: the definition, word for word."""
    pieces = [[bytes([b]) for b in piece.encode()] for piece in PIECE.findall(text)]
    ids, merges = {bytes([b]): FIRST_BYTE + b for b in range(256)}, []
    while len(ids) + 3 < vocab_size:
        counts = Counter(pair for piece in pieces for pair in zip(piece, piece[1:]))
        if not counts or max(counts.values()) < 2:
            break
        pair = min(counts, key=lambda pair: (-counts[pair], *(ids[side] for side in pair)))
        if pair not in merges:
            merges.append(pair)
        ids.setdefault(pair[0] + pair[1], len(ids) + 3)
        pieces = [merge_pair(piece, pair, pair[0] + pair[1]) for piece in pieces]
    return merges


def test_bytes_and_text_of_every_kind_come_back(tokenizer):
    rng = random.Random(0)
    for _ in range(300):
        data = rng.randbytes(rng.randrange(40))
        assert tokenizer.decode_bytes(tokenizer.encode(data)) == data
        text = "".join(rng.choice("the cat\n\t 数ö🙂\u00a0\x00\u2028_;é") for _ in range(30))
        assert tokenizer.decode(tokenizer.encode(text)) == text
        assert tokenizer.encode(text) == tokenizer.encode(text.encode())
    assert tokenizer.encode("") == [] and tokenizer.decode([]) == ""


def test_the_whole_manual_comes_back_in_fewer_tokens(manual):
    tokenizer = BytePairTokenizer.train(manual.train, 1000)
    assert tokenizer.vocab_size == 1000
    ids = tokenizer.encode(manual.test)
    assert tokenizer.decode(ids) == manual.test
    assert len(ids) < len(manual.test) / 2.5
    assert min(ids) >= FIRST_BYTE and max(ids) < 1000


def test_the_pieces_are_the_whole_text_and_a_word_takes_its_space(manual):
    assert BytePairTokenizer.split("(a cat  sat)") == ["(", "a", " cat", " ", " sat", ")"]
    assert BytePairTokenizer.split("a\n\n  b_1 \n") == ["a", "\n\n ", " b_1", " \n"]
    assert BytePairTokenizer.split("x ==y") == ["x", " ==", "y"]
    for text in (manual.validation, TEXT):
        assert "".join(BytePairTokenizer.split(text)) == text


def test_the_first_merges_by_hand():
    # aab aab ab: (a, b) occurs three times, (a, a) twice; then (a, ab) twice.
    tokenizer = BytePairTokenizer.train("aab\naab\nab", 261)
    assert tokenizer.merges == [(b"a", b"b"), (b"a", b"ab")]
    a, b, newline = (FIRST_BYTE + c for c in b"ab\n")
    assert tokenizer.encode("aab\nab\nba") == [260, newline, 259, newline, b, a]
    assert BytePairTokenizer.train("cd\nab\ncd\nab", 260).merges == [(b"a", b"b")]  # a tie


def test_two_merges_that_make_the_same_bytes_make_one_token():
    merges = [(b"x", b"y"), (b"xy", b"y"), (b"y", b"y"), (b"xy", b"yy"), (b"xyy", b"y")]
    tokenizer = BytePairTokenizer(merges)
    assert tokenizer.vocab_size == FIRST_MERGE + 4
    assert tokenizer.encode("xyyy") == [FIRST_MERGE + 3]  # by the last of the merges
    assert tokenizer.decode([FIRST_MERGE + 3]) == "xyyy"


@pytest.mark.parametrize("text", [TEXT, "ab\nabc\nbc\n" * 4,
                                  "-" * 50 + " " + "--- -- ----- \n" * 9])
def test_counting_only_what_changed_finds_the_same_merges(text):
    for vocab_size in (FIRST_MERGE, 265, 330):
        assert BytePairTokenizer.train(text, vocab_size).merges == learned_slowly(text, vocab_size)


def test_random_texts_of_few_letters_are_learned_and_come_back():
    rng = random.Random(1)
    for _ in range(150):
        text = "".join(rng.choice("aab \n") for _ in range(rng.randrange(1, 200)))
        tokenizer = BytePairTokenizer.train(text, 300)
        assert tokenizer.decode(tokenizer.encode(text)) == text
        assert len(set(tokenizer._bytes[3:])) == tokenizer.vocab_size - 3  # each token once


def test_it_ends_when_no_pair_occurs_twice():
    assert BytePairTokenizer.train("abc", 400).vocab_size == FIRST_MERGE
    assert BytePairTokenizer.train("ab\nab", 400).vocab_size == FIRST_MERGE + 1


def test_the_same_ids_as_the_tokenizers_library(manual):
    tokenizers = pytest.importorskip("tokenizers")
    ours = BytePairTokenizer.train(manual.train, 1000)
    # The library writes bytes as printable characters of its own; so many it has for them.
    shown = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1),
                 *range(ord("®"), ord("ÿ") + 1)]
    others = iter(c for c in shown if ord(c) not in printable)
    letter = [chr(b) if b in printable else next(others) for b in range(256)]

    def written(token):
        return "".join(letter[b] for b in token)

    vocabulary = {written(token): i for i, token in enumerate(ours._bytes) if token}
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE(
        vocab=vocabulary, merges=[(written(a), written(b)) for a, b in ours.merges]))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Split(tokenizers.Regex(PIECE.pattern.replace(r"\Z", r"\z")),
                                        behavior="isolated"),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    for text in (manual.test, manual.validation, TEXT, "größer 🙂数\n\n  x = 1\t\n"):
        assert theirs.encode(text).ids == ours.encode(text)


def test_a_character_is_streamed_when_its_last_byte_has_come(tokenizer):
    text = "数 größer 🙂"
    raw = [FIRST_BYTE + b for b in text.encode()]
    assert list(tokenizer.decode_stream(raw[:4])) == ["", "", "数", " ", ""]
    for ids in (raw, tokenizer.encode(text), raw[:-1], raw[1:], [*raw, END, *raw],
                [START, *raw[:2], PAD, *raw[2:]]):
        assert "".join(tokenizer.decode_stream(ids)) == tokenizer.decode(ids)
    assert tokenizer.decode(raw[:-1]).endswith("\ufffd")


def test_it_survives_its_file_which_a_person_can_read(tokenizer, tmp_path):
    path = tmp_path / "merges.json"
    tokenizer.save(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert '  ["t", "h"],' in lines or '  ["a", "t"],' in lines
    assert len(lines) == len(tokenizer.merges) + 2
    loaded = BytePairTokenizer.load(path)
    assert loaded.merges == tokenizer.merges and loaded.encode(TEXT) == tokenizer.encode(TEXT)
    assert BytePairTokenizer.from_dict(json.loads(json.dumps(tokenizer.to_dict()))).merges \
        == tokenizer.merges


@pytest.mark.parametrize("content, message", [
    ("", "holds no tokenizer"),
    ('{"kind": "byte pairs", "merges": [["a", "b"]', "holds no tokenizer"),
    ("[]", "does not describe"),
    ('{"kind": "characters", "characters": "ab"}', "its kind is 'characters'"),
    ('{"kind": "byte pairs"}', "does not describe"),
    ('{"kind": "byte pairs", "merges": [["a"]]}', "does not describe"),
    ('{"kind": "byte pairs", "merges": [["a", 5]]}', "does not describe"),
    ('{"kind": "byte pairs", "merges": [["a", "数"]]}', "does not describe"),
    ('{"kind": "byte pairs", "merges": [["a", "bc"]]}', "b'bc' is neither a byte nor made by"),
    ('{"kind": "byte pairs", "merges": [["a", "b"], ["a", "b"]]}', "is there twice"),
    ('{"kind": "byte pairs", "merges": [["", "b"]]}', "neither a byte nor"),
])
def test_a_malformed_file_is_refused(tmp_path, content, message):
    path = tmp_path / "merges.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=message) as caught:
        BytePairTokenizer.load(path)
    assert str(path) in str(caught.value)


def test_what_cannot_be_is_refused(tokenizer, tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no tokenizer at"):
        BytePairTokenizer.load(tmp_path / "nowhere.json")
    with pytest.raises(ValueError, match="the text is empty"):
        BytePairTokenizer.train("", 300)
    with pytest.raises(ValueError, match="vocab_size is 258, expected at least 259"):
        BytePairTokenizer.train("a", 258)
    with pytest.raises(ValueError, match="half of a surrogate pair"):
        tokenizer.encode("ab\ud800")
    with pytest.raises(ValueError, match="ids"):
        tokenizer.decode([tokenizer.vocab_size])
    with pytest.raises(TypeError, match="ids"):
        tokenizer.decode([0.5])
