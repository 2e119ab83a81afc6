"""WordPiece, by hand on a small vocabulary, then beside the package tokenizers."""

import unicodedata

import pytest

from minitransformer.pretrained.install import missing, pretrained_file
from minitransformer.pretrained.wordpiece import WordPiece, normalize, split_words

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##wind", "##ing", "##w", "wind",
          "!", "the", "σας", "σασ", "好", "a", "##a"]
ODD = ["", " ", "\t\n", "Unwinding!", "naïve café, Ångström", "日本語とEnglish",
       "東京に行く", "😀 ok 👩‍👩‍👧",
       "a\x00b\x07c\u200bd\ufeffe\u00ade\ufffdf", "x" * 100 + " " + "x" * 101, "ΣΑΣ ΟΔΥΣΣΕΥΣ",
       "https://docs.python.org/3/library/re.html?q=a&b=%20#top", "def f(x, *a, **k): return x[-1]",
       "[MASK] is [SEP], [mask] is not[CLS]", "İstanbul ıgdır ŞİŞLİ",
       "ﬁne ½ ² ㎏ Ⅳ ß ẞ", "한국어 각",
       "नमस्ते दुनिया", "ภาษาไทย", "e\u0301 o\u0308", "a\u00a0b\u2003c\u2028d\u2029e\x85f\x1cg",
       "$5 + 3^2 = `14`?",
       "’quotes“ — dash… ¿qué?", "unaffable" * 20, "\U00020000\U0002F800", "don't can't__init__"]


def test_a_word_is_cut_into_the_longest_pieces():
    tokenizer = WordPiece(PIECES)
    assert tokenizer.tokens("Unwinding!") == ["[CLS]", "un", "##wind", "##ing", "!", "[SEP]"]
    assert tokenizer.tokens("unw") == ["[CLS]", "un", "##w", "[SEP]"]
    assert tokenizer.tokens("unwx the") == ["[CLS]", "[UNK]", "the", "[SEP]"]  # the whole word
    assert tokenizer.encode("") == [2, 3]


def test_special_names_in_a_text_are_themselves():
    assert WordPiece(PIECES).encode("the [MASK]!") == [2, 11, 4, 10, 3]


def test_long_words_are_unknown():
    tokenizer = WordPiece(PIECES)
    assert tokenizer.encode("a" * 100) == [2, 15, *[16] * 99, 3]
    assert tokenizer.encode("a" * 101) == [2, 1, 3]


def test_text_is_cleaned():
    assert normalize("Caf\u00e9\x00\x07") == "cafe" and normalize("A\tB\x7f") == "a\tb"
    assert normalize("x好y").split() == ["x", "好", "y"]
    assert normalize("ΣΑΣ") == "σασ"  # a lower-cased word would end in another sigma
    assert split_words("don't $5") == ["don", "'", "t", "$", "5"]


def test_max_tokens_keeps_the_beginning_and_the_end_sign():
    tokenizer = WordPiece(PIECES)
    assert tokenizer.encode("the the the", max_tokens=4) == [2, 11, 11, 3]
    assert tokenizer.encode("the the", max_tokens=2) == [2, 3]
    assert tokenizer.encode("the the", max_tokens=4) == [2, 11, 11, 3]


def test_decoding_glues_pieces_and_leaves_special_ids_out():
    tokenizer = WordPiece(PIECES)
    assert tokenizer.decode(tokenizer.encode("the unwinding!")) == "the unwinding !"
    assert tokenizer.decode([2, 1, 0, 4, 3]) == "[UNK]"
    assert tokenizer.decode([]) == ""


def test_errors_at_the_door(tmp_path):
    tokenizer = WordPiece(PIECES)
    with pytest.raises(TypeError, match="expected a text, got int: 5"):
        tokenizer.encode(5)
    with pytest.raises(ValueError, match="max_tokens is 1, expected at least 2"):
        tokenizer.encode("the", max_tokens=1)
    with pytest.raises(ValueError, match="id 17 is not in the vocabulary, which ends at 16"):
        tokenizer.decode([17])
    with pytest.raises(ValueError, match="id -1 is not"):
        tokenizer.decode([-1])
    with pytest.raises(ValueError, match="holds 'the' twice"):
        WordPiece([*PIECES, "the"])
    (tmp_path / "vocab.txt").write_text("the\na\n")
    with pytest.raises(ValueError, match=r"vocab.txt: the vocabulary lacks \[PAD\], "):
        WordPiece.load(tmp_path / "vocab.txt")
    (tmp_path / "vocab.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="no UTF-8"):
        WordPiece.load(tmp_path / "vocab.txt")
    with pytest.raises(FileNotFoundError):
        WordPiece.load(tmp_path / "nothing")


def test_a_vocabulary_is_loaded_line_by_line(tmp_path):
    (tmp_path / "vocab.txt").write_text("\n".join(PIECES) + "\n", encoding="utf-8")
    assert WordPiece.load(tmp_path / "vocab.txt").pieces == PIECES


@pytest.fixture(scope="module")
def both():
    """(ours, the package tokenizers') with MiniLM's vocabulary."""
    tokenizers = pytest.importorskip("tokenizers")
    if missing("minilm"):
        pytest.skip("MiniLM is not installed")
    theirs = tokenizers.Tokenizer.from_file(str(pretrained_file("minilm", "model/tokenizer.json")))
    theirs.no_truncation()
    theirs.no_padding()
    return WordPiece.load(pretrained_file("minilm", "model/vocab.txt")), theirs


@pytest.mark.parametrize("text", ODD)
def test_odd_text_as_the_package_tokenizers(both, text):
    ours, theirs = both
    assert ours.encode(text) == theirs.encode(text).ids


@pytest.mark.slow
def test_the_python_manual_as_the_package_tokenizers(both):
    from pydoc_data.topics import topics

    ours, theirs = both
    lines = [line for text in topics.values() for line in text.splitlines()]
    assert len(lines) > 5000
    for line, encoding in zip(lines, theirs.encode_batch(lines)):
        assert ours.encode(line) == encoding.ids, line
    tokens = theirs.encode(lines[40]).ids
    assert ours.decode(tokens).replace(" ", "") == theirs.decode(tokens).replace(" ", "")


@pytest.mark.slow
def test_every_character_as_the_package_tokenizers(both):
    """Of those whose class has stayed what it was: newer ones depend on each side's tables."""
    ours, theirs = both
    old = unicodedata.ucd_3_2_0.category
    kept = [c for c in map(chr, range(0x30000)) if old(c) == unicodedata.category(c) != "Cn"
            and not "\ud800" <= c <= "\udfff"]
    texts = [f"a{c}b {c}" for c in kept]
    assert len(texts) > 90_000
    differing = [c for c, text, encoding in zip(kept, texts, theirs.encode_batch(texts))
                 if ours.encode(text) != encoding.ids]
    assert differing == []
