"""Text of one's own: read from files, split without leaks, cut into windows, stopped in time."""

import numpy as np
import pytest

from minitransformer.data.manual import TRIVIAL, paragraph_key, paragraphs
from minitransformer.data.text import WindowStream, read_texts, split_texts, until, windows
from minitransformer.data.tokenizers import START

PARAGRAPHS = [f"Paragraph {i} says something of its own, {'again and ' * (i % 7)}at length."
              for i in range(300)]
LINES = "\n".join(f"line {i}: a record that is long enough to be counted" for i in range(400))


def test_a_folder_is_read_whole_in_order_and_says_what_it_left_out(tmp_path):
    (tmp_path / "b" / ".hidden").mkdir(parents=True)
    (tmp_path / "b" / "two.txt").write_bytes("\ufeffzwei, größer\r\n".encode())
    (tmp_path / "one.md").write_text("one\n", encoding="utf-8")
    (tmp_path / "b" / ".hidden" / "three.txt").write_text("three")
    (tmp_path / "b" / "picture.png").write_bytes(b"\x89PNG\0\0")
    (tmp_path / "empty.txt").write_text(" \n")
    (tmp_path / "latin.txt").write_bytes("größer".encode("latin-1"))
    texts, left_out = read_texts(tmp_path)
    assert list(texts.items()) == [("b/two.txt", "zwei, größer\n"), ("one.md", "one\n")]
    assert left_out == ["b/picture.png", "empty.txt", "latin.txt"]
    assert read_texts(tmp_path / "one.md") == ({"one.md": "one\n"}, [])


@pytest.mark.parametrize("content, message", [
    (b"", "is empty"), (b" \n\t\n", "is empty"), (b"ab\0cd", "byte 2 of it is zero"),
    (b"gr\xf6\xdfer", "is not UTF-8 text: byte 2 is 0xf6")])
def test_a_file_that_is_no_text_is_refused(tmp_path, content, message):
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_texts(tmp_path / "a.txt")
    with pytest.raises(ValueError, match=r"holds no UTF-8 text \(1 other files are there\)"):
        read_texts(tmp_path)


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no file or folder"):
        read_texts(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="holds no UTF-8 text$"):
        read_texts(tmp_path)


def long_units(text, cut):
    return {paragraph_key(unit) for unit in cut(text) if len(paragraph_key(unit)) >= TRIVIAL}


@pytest.mark.parametrize("text, cut", [
    ("\n\n".join([*PARAGRAPHS, *PARAGRAPHS[:150:3]]), paragraphs),
    (LINES + "\n" + LINES[:3000], str.splitlines)])
def test_parts_share_nothing_and_the_test_is_at_least_a_tenth(text, cut):
    split = split_texts({"a": text[:9000], "b": text[9000:]})
    total = sum(map(len, split))
    assert 0.1 <= len(split.test) / total < 0.15
    assert 0.1 <= len(split.validation) / total < 0.15
    train, validation, test = (long_units(part, cut) for part in split)
    assert train and validation and test
    assert not train & validation and not train & test and not validation & test
    whole = long_units(text[:9000], cut) | long_units(text[9000:], cut)
    assert train | validation | test == whole
    assert split == split_texts({"a": text[:9000], "b": text[9000:]})
    assert split != split_texts({"a": text[:9000], "b": text[9000:]}, seed=1)


def test_neighbours_stay_neighbours_within_a_run():
    split = split_texts({"a": "\n\n".join(PARAGRAPHS)})
    pairs = {"\n\n".join(pair) for pair in zip(PARAGRAPHS, PARAGRAPHS[1:])}
    assert sum(pair in part for pair in pairs for part in split) > 0.6 * len(pairs)
    order = [PARAGRAPHS.index(paragraph) for paragraph in paragraphs(split.test)]
    assert order == sorted(order)


@pytest.mark.parametrize("text", ["a word", "word " * 5000, "\n".join([*"abcdefg" * 9, "x" * 9000]),
                                  "\n".join(["the same long line, " * 4] * 99)])
def test_too_little_to_split_is_refused(text):
    with pytest.raises(ValueError, match="too few to hold some out"):
        split_texts({"a": text})


def test_windows_hold_every_token_and_targets_are_one_step_ahead():
    tgt, targets = windows(np.arange(10, 21), 4)
    assert tgt.tolist() == [[START, 10, 11, 12], [START, 14, 15, 16], [START, 17, 18, 19]]
    assert targets.tolist() == [[10, 11, 12, 13], [14, 15, 16, 17], [17, 18, 19, 20]]
    assert windows([5, 6], 1)[0].tolist() == [[START], [START]]
    for length in (0, 3):
        with pytest.raises(ValueError, match=f"windows of {length} tokens from a text of 2"):
            windows([5, 6], length)


def test_a_batch_depends_on_the_seed_and_its_number_alone():
    one, two, other = (WindowStream(np.arange(3, 1000), batch_size=8, length=16, seed=seed)
                       for seed in (3, 3, 4))
    forward = [one.batch(i) for i in range(40)]
    for i in [39, 3, 15, 3, 0]:
        assert all(np.array_equal(a, b) for a, b in zip(two.batch(i)[1:], forward[i][1:]))
    assert not np.array_equal(other.batch(0).targets, forward[0].targets)


@pytest.mark.parametrize("n, length, batch_size", [(1000, 16, 8), (40, 16, 4), (17, 16, 4),
                                                   (16, 16, 1), (33, 16, 5)])
def test_an_epoch_shows_no_token_twice_and_nearly_all_at_new_places(n, length, batch_size):
    ids = np.arange(3, 3 + n)
    stream = WindowStream(ids, batch_size=batch_size, length=length, seed=0)
    starts = set()
    for epoch in range(12):
        batches = [stream.batch(epoch * len(stream) + i) for i in range(len(stream))]
        shown = np.concatenate([batch.targets.ravel() for batch in batches])
        assert len(set(shown)) == len(shown) > n - 2 * length
        assert min(shown) >= 3 and max(shown) < 3 + n
        starts |= {int(shown.min())}
        for batch in batches:
            assert batch.src is None
            assert batch.tgt.shape == batch.targets.shape == (len(batch.tgt), length)
            assert (batch.tgt[:, 0] == START).all()
            assert np.array_equal(batch.tgt[:, 1:], batch.targets[:, :-1])
    assert n == length or len(starts) > 1


def test_a_stream_of_nothing_is_refused():
    with pytest.raises(ValueError, match="batch_size is 0"):
        WindowStream([3, 4, 5], batch_size=0, length=2, seed=0)
    with pytest.raises(ValueError, match="windows of 4 tokens from a text of 3"):
        WindowStream([3, 4, 5], batch_size=1, length=4, seed=0)


@pytest.mark.parametrize("stop, expected", [
    ((), "one two.three"), ((".",), "one two"), (("two.t",), "one "), (("tt", "e t"), "on"),
    (("x",), "one two.three"), (("ee!",), "one two.three"), (("o",), ""), (("two", "e"), "on")])
def test_a_text_ends_before_the_first_stop_string_however_it_is_cut(stop, expected):
    text = "one two.three"
    for size in (1, 2, 3, 5, 20):
        pieces = [text[i:i + size] for i in range(0, len(text), size)]
        assert "".join(until(pieces, stop)) == expected
    assert "".join(until([text], stop)) == expected


def test_only_a_possible_stop_is_held_back():
    shown = until(iter(["ab", "c", "d"]), ["bcx"])
    assert [next(shown) for _ in range(3)] == ["a", "", "bcd"]
    with pytest.raises(ValueError, match="a stop string is empty"):
        list(until(["ab"], ["x", ""]))
