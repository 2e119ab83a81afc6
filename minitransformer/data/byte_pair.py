"""Byte-level byte-pair encoding: tokens are pieces of words, learned from a text, and no text is
outside the vocabulary, since every byte is a token.

A text is first cut into pieces: a word, or a run of other visible characters, each with the one
space before it; and what white space is left. Pairs are merged inside a piece, never across.
Sources: Gage 1994 (pairs); Sennrich, Haddow and Birch 2016 (in words); Radford et al. 2019 (bytes).
"""

import heapq
import itertools
import json
import re
from collections import Counter, defaultdict
from pathlib import Path

from minitransformer.data.text import text_of_parts
from minitransformer.data.tokenizers import END
from minitransformer.shapes import expect_ids

PIECE = re.compile(r" ?\w+| ?[^\w\s]+|\s+?(?= ?\S|\Z)")  # lazily: a last space is the word's
FIRST_BYTE = END + 1              # the byte b has the id FIRST_BYTE + b
FIRST_MERGE = FIRST_BYTE + 256    # what merges make comes after the bytes
KNOWN_PIECES = 100_000            # so many pieces' ids are remembered


class BytePairTokenizer:
    """A token for each byte and for each distinct join of the merges, after PAD, START and END.

    merges: pairs (left, right) of byte strings, in the order in which they are applied; both sides
    are tokens by then. Usually they come from `train`. Two merges may make the same bytes ("---" of
    "--" and "-", or of "-" and "--"), which are one token.
    Raises ValueError for a side that is no token yet, and for a merge that is there twice.
    """

    def __init__(self, merges=()):
        self.merges = [(bytes(left), bytes(right)) for left, right in merges]
        self._bytes = [b"", b"", b"", *(bytes([b]) for b in range(256))]  # of each id
        self._merged = {}  # (id, id): (rank, id of the join)
        self._known = {}   # piece: its ids
        ids = {token: i for i, token in enumerate(self._bytes) if token}
        for rank, (left, right) in enumerate(self.merges):
            for side in (left, right):
                if side not in ids:
                    raise ValueError(f"merge {rank} joins {left!r} and {right!r}, but {side!r} is "
                                     f"neither a byte nor made by an earlier merge")
            if (ids[left], ids[right]) in self._merged:
                raise ValueError(f"the merge of {left!r} and {right!r} is there twice")
            joined = ids.setdefault(left + right, len(self._bytes))
            if joined == len(self._bytes):
                self._bytes.append(left + right)
            self._merged[ids[left], ids[right]] = rank, joined

    @classmethod
    def train(cls, text, vocab_size):
        """Merge, again and again, the pair of neighbours that occurs most often in the pieces.

        Of equally frequent pairs the one with the smallest ids is taken. It ends at vocab_size
        ids, or earlier, when no pair occurs twice.
        Raises ValueError for an empty text and for a vocab_size below 259, the bytes and 3.
        """
        if not text:
            raise ValueError("the text is empty: there is nothing to learn merges from")
        if vocab_size < FIRST_MERGE:
            raise ValueError(f"vocab_size is {vocab_size}, expected at least {FIRST_MERGE}: the "
                             f"256 bytes and 3 special ids")
        return cls(learn_merges(text, vocab_size))

    @property
    def vocab_size(self):
        """How many ids there are, the three special ones included."""
        return len(self._bytes)

    @staticmethod
    def split(text):
        """ "(a cat  sat)" -> ["(", "a", " cat", " ", " sat", ")"]"""
        return PIECE.findall(text)

    def encode(self, text):
        """text -> list of ids, without START and END. text is a str, or bytes of any kind.

        Raises ValueError for a str that holds half of a surrogate pair, which UTF-8 cannot write.
        """
        ids = []
        for piece in self.split(_as_str(text)):
            known = self._known.get(piece)
            if known is None:
                known = apply_merges([FIRST_BYTE + byte for byte in _as_bytes(piece)],
                                     self._merged)
                if len(self._known) < KNOWN_PIECES:
                    self._known[piece] = known
            ids += known
        return ids

    def decode_bytes(self, ids):
        """Ids -> the bytes that were encoded. It ends before the first END; PAD and START vanish.

        Raises ValueError for an id outside the vocabulary, TypeError when ids are not integers.
        """
        ids = list(ids)
        if ids:
            expect_ids("ids", ids, self.vocab_size)
        if END in ids:
            ids = ids[:ids.index(END)]
        return b"".join(self._bytes[i] for i in ids)

    def decode(self, ids):
        """Ids -> text; bytes that are not UTF-8 become U+FFFD. Raises as decode_bytes does."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def decode_stream(self, ids):
        """Yield the text of ids one by one, as text_of_parts has it; joined, what decode gives."""
        until_end = itertools.takewhile(lambda i: i != END, ids)
        return text_of_parts(self.decode_bytes([i]) for i in until_end)

    def to_dict(self):
        """What JSON needs to store. In a merge each character stands for the byte of its code."""
        return {"kind": "byte pairs", "merges": [[side.decode("latin-1") for side in merge]
                                                 for merge in self.merges]}

    @classmethod
    def from_dict(cls, stored):
        """The tokenizer that to_dict described. Raises ValueError when stored is something else."""
        try:
            if stored["kind"] != "byte pairs":
                raise ValueError(f"its kind is {stored['kind']!r}")
            if not isinstance(stored["merges"], list):
                raise ValueError(f"its merges are {str(stored['merges'])[:20]!r}, no list")
            return cls([(left.encode("latin-1"), right.encode("latin-1"))
                        for left, right in stored["merges"]])
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise ValueError(f"this does not describe a BytePairTokenizer: {str(stored)[:80]!r} "
                             f"({error}); expected "
                             f'{{"kind": "byte pairs", "merges": [["t", "h"], ...]}}') from None

    def save(self, path):
        """Write it as JSON, a merge in each line."""
        stored = self.to_dict()
        lines = ",\n".join("  " + json.dumps(merge) for merge in stored["merges"])
        content = f'{{"kind": {json.dumps(stored["kind"])}, "merges": [\n{lines}\n]}}\n'
        Path(path).write_text(content, encoding="utf-8", newline="\n")

    @classmethod
    def load(cls, path):
        """The tokenizer that save wrote. FileNotFoundError, or ValueError for another content."""
        try:
            return cls.from_dict(json.loads(Path(path).read_text(encoding="utf-8")))
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no tokenizer at {path}: check the path") from None
        except (ValueError, RecursionError) as error:  # what is no JSON or no UTF-8 is a ValueError
            raise ValueError(f"{path} holds no tokenizer: {error}") from None


_NEVER = (float("inf"),)  # a rank behind all others


def apply_merges(symbols, merged):
    """Apply the merge of the lowest rank until none applies: a list of what is left.

    symbols: ids, or whatever is a token; merged: {(left, right): (rank, their join)}.
    """
    while len(symbols) > 1:
        pair = min(zip(symbols, symbols[1:]), key=lambda pair: merged.get(pair, _NEVER))
        if pair not in merged:
            break
        symbols = merge_pair(symbols, pair, merged[pair][1])
    return symbols


def merge_pair(ids, pair, joined):
    """Replace the pair by the id joined wherever it stands, from the left: a new list.

    merge_pair([5, 5, 5, 6], (5, 5), 9) is [9, 5, 6].
    """
    merged, i = [], 0
    while i < len(ids):
        if i + 1 < len(ids) and (ids[i], ids[i + 1]) == pair:
            merged.append(joined)
            i += 2
        else:
            merged.append(ids[i])
            i += 1
    return merged


def learn_merges(text, vocab_size):
    """The merges of BytePairTokenizer.train: a list of (left, right) byte strings.

    Each distinct piece is kept once, with its count. A merge changes only the pieces that hold its
    pair, so only their pairs are counted anew; a heap gives the next pair, and entries of it whose
    count is out of date are corrected when they come up.
    """
    pieces = [([FIRST_BYTE + b for b in _as_bytes(piece)], count)
              for piece, count in Counter(PIECE.findall(_as_str(text))).items()]
    counts, where = Counter(), defaultdict(set)  # of each pair: how often, in which pieces
    for number, (ids, count) in enumerate(pieces):
        for pair in zip(ids, ids[1:]):
            counts[pair] += count
            where[pair].add(number)
    heap = [(-count, pair) for pair, count in counts.items()]
    heapq.heapify(heap)
    tokens = [b"", b"", b"", *(bytes([b]) for b in range(256))]
    known, merges = {token: i for i, token in enumerate(tokens)}, {}  # merges: a set in order
    while heap and len(tokens) < vocab_size:
        count, pair = heapq.heappop(heap)
        if -count != counts[pair]:
            if counts[pair]:
                heapq.heappush(heap, (-counts[pair], pair))
            continue
        if -count < 2:
            break
        left, right = (tokens[i] for i in pair)
        merges[left, right] = None  # twice, where another merge made the bytes of one side again
        joined = known.setdefault(left + right, len(tokens))
        if joined == len(tokens):
            tokens.append(left + right)
        changed = set()
        for number in where.pop(pair):
            ids, times = pieces[number]
            merged = merge_pair(ids, pair, joined)
            for old in zip(ids, ids[1:]):
                counts[old] -= times
            for new in zip(merged, merged[1:]):
                counts[new] += times
                where[new].add(number)
                changed.add(new)
            pieces[number] = merged, times
        del counts[pair]
        for new in changed:
            heapq.heappush(heap, (-counts[new], new))
    return list(merges)


def _as_str(text):
    """str as it is; bytes with each byte that is not UTF-8 as one surrogate, to be undone below."""
    return text if isinstance(text, str) else bytes(text).decode("utf-8", "surrogateescape")


def _as_bytes(piece):
    try:
        return piece.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise ValueError(f"{piece!r} holds {piece[error.start]!r}, half of a surrogate pair, which "
                         f"is no character: repair or drop it") from None
