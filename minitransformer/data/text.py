"""Text to model: any file or folder, split without leaks, and cut into windows.

What data/manual.py does for the Python manual is done here for other texts: a paragraph, or line,
stands in one part only; and a part is made of runs of neighbours, so that it reads as the text.
"""

import codecs
from collections import Counter
from pathlib import Path

import numpy as np

from minitransformer.data.batching import Batch
from minitransformer.data.manual import TRIVIAL, TextSplit, paragraph_key, paragraphs
from minitransformer.data.tokenizers import START

RUNS = 100       # a text is cut into about so many runs of neighbouring paragraphs
LEAST = 30       # paragraphs, or lines, that a text needs to be split


def read_texts(path):
    """A UTF-8 text file, or a folder of such files -> ({name: text}, [left out]).

    A folder is read with all folders in it, hidden ones excepted, in the order of the names. Files
    in it that are empty or not text (another encoding, or a zero byte) are left out and listed.
    Raises FileNotFoundError when path does not exist, ValueError when it is a file that is empty
    or not text, or a folder without a text.
    """
    path = Path(path)
    if path.is_file():
        return {path.name: _read_text(path)}, []
    if not path.is_dir():
        raise FileNotFoundError(f"there is no file or folder {str(path)!r}: expected UTF-8 text")
    texts, left_out = {}, []
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path)
        if not file.is_file() or any(part.startswith(".") for part in name.parts):
            continue
        try:
            texts[name.as_posix()] = _read_text(file)
        except ValueError:
            left_out.append(name.as_posix())
    if not texts:
        raise ValueError(f"the folder {str(path)!r} holds no UTF-8 text"
                         f"{f' ({len(left_out)} other files are there)' if left_out else ''}")
    return texts, left_out


def _read_text(path):
    content = path.read_bytes()
    if b"\0" in content:
        raise ValueError(f"{str(path)!r} is no text: byte {content.index(0)} of it is zero, as in "
                         f"programs, pictures and archives; give a text file in UTF-8")
    try:
        text = content.decode("utf-8-sig")  # some editors put a mark of three bytes in front
    except UnicodeDecodeError as error:
        raise ValueError(f"{str(path)!r} is not UTF-8 text: byte {error.start} is "
                         f"{content[error.start]:#04x}; save it in the encoding UTF-8") from None
    if not text.strip():
        raise ValueError(f"{str(path)!r} is empty: there is nothing to learn from")
    return text.replace("\r\n", "\n")


def split_texts(texts, *, held_out=0.1, seed=0):
    """Split {name: text}: at least a share held_out of the characters is the test's.

    As much again is the validation's. The units are the paragraphs, between blank lines; where
    these are few, the lines. A unit that stood before (by `paragraph_key`; those shorter than
    TRIVIAL excepted) is left out, so no two parts share one. Runs of neighbours, each about a
    hundredth of a text, are dealt out at random.
    Raises ValueError when the texts have too few paragraphs and lines to be split.
    """
    separator, cut = "\n\n", paragraphs
    if sum(len(paragraphs(text)) for text in texts.values()) < LEAST:
        separator, cut = "\n", _lines
    total = sum(map(len, texts.values()))
    runs, seen = [], set()
    for text in texts.values():
        run, size = [], 0
        for unit in cut(text):
            key = paragraph_key(unit)
            if len(key) >= TRIVIAL and key in seen:
                continue
            seen.add(key)
            run.append(unit)
            size += len(unit)
            if size * RUNS >= total:
                runs.append(separator.join(run))
                run, size = [], 0
        if run:
            runs.append(separator.join(run))
    units = sum(len(cut(run)) for run in runs)
    if units < LEAST or len(runs) < 10:
        raise ValueError(f"the text has {total} characters in {units} different paragraphs or "
                         f"lines, too few to hold some out: expected at least {LEAST}, none of "
                         f"them longer than a tenth of all")
    wanted = held_out * sum(map(len, runs))
    parts, sizes = {"test": [], "validation": [], "train": []}, Counter()
    for i in np.random.default_rng(seed).permutation(len(runs)):
        part = next((part for part in ("test", "validation") if sizes[part] < wanted), "train")
        parts[part].append(i)
        sizes[part] += len(runs[i])
    return TextSplit(**{part: separator.join(runs[i] for i in sorted(found)) + "\n"
                        for part, found in parts.items()})


def _lines(text):
    return [line for line in text.split("\n") if line.strip()]


def windows(ids, length):
    """ids (N,) -> tgt, targets (W, T): all of ids in rows of T = length, one after another.

    The last row is cut from the end, so it may repeat tokens. A row of targets is a piece of ids;
    tgt is START and the piece without its last id, so that at t the model has read tgt[: t + 1]
    and is asked for targets[t]. Raises ValueError when there are fewer than T ids.
    """
    ids = np.asarray(ids)
    if not 1 <= length <= len(ids):
        raise ValueError(f"cannot cut windows of {length} tokens from a text of {len(ids)}: give "
                         f"more text, or a model with a shorter max_seq_len")
    starts = np.minimum(np.arange(0, len(ids), length), len(ids) - length)  # (W,)
    return _rows(ids, starts, length)


def _rows(ids, starts, length):
    targets = ids[starts[:, None] + np.arange(length)]                      # (W, T)
    first = np.full((len(starts), 1), START, dtype=targets.dtype)           # (W, 1)
    return np.concatenate([first, targets[:, :-1]], axis=1), targets        # (W, T), (W, T)


class WindowStream:
    """An endless stream of batches of windows in which batch i depends on (seed, i) alone.

    .batch(i) is a Batch without src; tgt and targets are (B, T), as in `windows`. Each epoch cuts
    the text anew, from a random offset, into windows without overlap, and shuffles these, so that a
    token is seen once an epoch, at another place. len(stream) is the number of batches in one.
    Raises ValueError as `windows` does, and for a batch_size below one.
    """

    def __init__(self, ids, *, batch_size, length, seed):
        if batch_size < 1:
            raise ValueError(f"batch_size is {batch_size}, expected at least 1")
        windows(ids, length)
        self.ids = np.asarray(ids)
        self.batch_size, self.length, self.seed = batch_size, length, seed
        self._per_epoch = max(1, len(self.ids) // length - 1)  # so many fit after any offset
        self._epoch = None  # the epoch that _starts belongs to: kept only to save time
        self._starts = None

    def __len__(self):
        return -(-self._per_epoch // self.batch_size)

    def batch(self, i):
        """The Batch of number i, counted from 0. The last of an epoch may be smaller."""
        epoch, place = divmod(i, len(self))
        if epoch != self._epoch:
            self._epoch, self._starts = epoch, self._shuffled(epoch)
        first = place * self.batch_size
        starts = self._starts[first:first + self.batch_size]                # (B,)
        return Batch(None, *_rows(self.ids, starts, self.length))

    def _shuffled(self, epoch):
        """The first token of each window of an epoch, (W,) int, in the order of the batches."""
        rng = np.random.default_rng([self.seed, epoch])
        spare = len(self.ids) - self._per_epoch * self.length
        offset = rng.integers(min(spare, self.length - 1) + 1)
        return offset + self.length * rng.permutation(self._per_epoch)      # (W,)


def until(pieces, stop):
    """Yield the text of pieces up to the first of the strings in stop, which is left out.

    What may be the beginning of one is held back until more has come. Raises ValueError for an
    empty stop string.
    """
    if "" in stop:
        raise ValueError("a stop string is empty: every text has that at once; leave it out")
    held = ""
    for piece in pieces:
        held += piece
        found = [place for place in map(held.find, stop) if place >= 0]
        if found:
            yield held[:min(found)]
            return
        keep = max((length for end in stop for length in range(1, len(end))
                    if held.endswith(end[:length])), default=0)
        yield held[:len(held) - keep]
        held = held[len(held) - keep:]
    yield held


def text_of_parts(parts):
    """Yield the text of byte strings one after another, as far as it is certain.

    A character may be spread over several: its first bytes yield "" and the last one yields it.
    """
    decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
    for part in parts:
        yield decoder.decode(part)
    yield decoder.decode(b"", final=True)
