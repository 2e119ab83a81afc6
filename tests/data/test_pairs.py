"""Files of pairs, good and bad."""

import pytest

from minitransformer.data.pairs import read_pairs


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "pairs.tsv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path
    return write


def test_pairs_are_read_in_order_and_trimmed(write):
    path = write("one\teins\n two words \t zwölf Wörter\n\nthree\tdrei")
    expected = [("one", "eins"), ("two words", "zwölf Wörter"), ("three", "drei")]
    assert read_pairs(path) == expected
    assert read_pairs(str(path)) == expected


def test_line_ends_and_byte_order_mark_of_windows(write):
    assert read_pairs(write(b"\xef\xbb\xbfa\tb\r\nc\td\r\n")) == [("a", "b"), ("c", "d")]


def test_other_separators_of_lines_stay_in_the_text(write):
    assert read_pairs(write("a\u2028b\x0bc\td")) == [("a\u2028b\x0bc", "d")]


def test_a_missing_file_or_a_folder(tmp_path):
    for path in (tmp_path / "nowhere.tsv", tmp_path):
        with pytest.raises(FileNotFoundError, match="there is no file"):
            read_pairs(path)


@pytest.mark.parametrize("content, message", [
    ("", "holds no pairs"),
    ("\n  \n", "holds no pairs"),
    ("a\tb\nno tab here\n", "line 2: 0 tabs in 'no tab here'"),
    ("a\tb\n\nc\td\te\n", "line 3: 2 tabs"),
    ("a\t\n", "line 1: the target is empty"),
    ("a\tb\n \tb\n", "line 2: the source is empty"),
    (b"a\tb\nc\td\xfc\n", "line 2: the byte 0xfc is not UTF-8"),
])
def test_bad_content_is_refused_with_its_line(write, content, message):
    with pytest.raises(ValueError, match=message):
        read_pairs(write(content))
