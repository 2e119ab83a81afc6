"""GPT-2's tokenizer from its files: byte-level pairs whose ids, merges and pieces are given.

SmolLM2 and Whisper use the same one with other merges. What `data/byte_pair.py` learns for a text
of one's own is here read from a file, and cut into pieces by GPT-2's rule, so that every id is the
one that the weights were trained on.
Source: Radford et al. 2019 (its encoder.py).
"""

import functools
import json
import re
import unicodedata
from pathlib import Path

from minitransformer.data.byte_pair import apply_merges
from minitransformer.data.text import text_of_parts
from minitransformer.shapes import expect_ids

# A contraction; letters, digits or other visible characters, each with the one space before them;
# white space, but not the last of it where a word follows. Of an outline (see there), so [a-z] is
# every letter and [0-9] every digit.
PIECE = re.compile(r"'(?:[stmd]|re|ve|ll)| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+",
                   re.ASCII)
DIGIT = re.compile("([0-9])")
KNOWN_PIECES = 100_000  # so many pieces' ids are remembered


def byte_letters():
    """In files a token is text, a letter for each byte: 256 letters, the b-th for the byte b.

    Bytes that are a visible character of Latin-1 stand for themselves; the others, in their order,
    are the characters from 256 on. So a space is "Ġ" and a line's end "Ċ".
    """
    visible = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return "".join(chr(byte if byte in visible else next(others)) for byte in range(256))


class ByteLevelTokenizer:
    """Text to the ids of a model made elsewhere, and back.

    tokens: {token in byte letters: id}; merges: pairs (left, right) of tokens in the order in which
    they are applied; special: {name: id} of the tokens that no text makes, such as "<|endoftext|>".
    split_digits: every digit is a piece of its own, as SmolLM2 has it.
    Raises ValueError for a merge of what is no token, and for an id that is there twice or is none.
    """

    def __init__(self, tokens, merges, *, special, split_digits=False):
        self.special = dict(special)
        self.split_digits = split_digits
        byte_of = {letter: byte for byte, letter in enumerate(byte_letters())}
        ids = {**tokens, **special}
        self._bytes = {}  # of each id
        for token, i in ids.items():
            if type(i) is not int or not 0 <= i < 2**31:
                raise ValueError(f"the id of the token {token!r} is {i!r:.60}, expected a whole "
                                 f"number from 0 on")
            if i in self._bytes:
                raise ValueError(f"the id {i} of the token {token!r} is there twice")
            try:
                self._bytes[i] = b"" if token in special else bytes(map(byte_of.get, token))
            except TypeError:
                raise ValueError(f"the token {token!r} is not written in byte letters") from None
        self.vocab_size = max(self._bytes) + 1
        self._of_byte = [tokens.get(letter) for letter in byte_letters()]  # some files lack some
        self._merged = {}  # (id, id): (rank, id of the join)
        for rank, (left, right) in enumerate(merges):
            try:
                self._merged[ids[left], ids[right]] = rank, ids[left + right]
            except KeyError as error:
                raise ValueError(f"merge {rank} joins {left!r} and {right!r}, but {error} is no "
                                 f"token") from None
        self._ids_of = functools.lru_cache(KNOWN_PIECES)(self._encode_piece)

    @classmethod
    def from_json(cls, path):
        """The tokenizer of a tokenizer.json. FileNotFoundError, or ValueError for another kind."""
        try:
            stored = json.loads(Path(path).read_text(encoding="utf-8"))
            model, before = stored["model"], stored["pre_tokenizer"]
            before = before.get("pretokenizers", [before])
            if model["type"] != "BPE" or before[-1]["type"] != "ByteLevel":
                raise ValueError(f"it is of the kind {model['type']} after {before[-1]['type']}")
            merges = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge)
                      for merge in model["merges"]]
            special = {added["content"]: added["id"] for added in stored["added_tokens"]}
            tokens = {token: i for token, i in model["vocab"].items() if token not in special}
            return cls(tokens, merges, special=special, split_digits=before[0]["type"] == "Digits")
        except FileNotFoundError:
            raise FileNotFoundError(f"there is no tokenizer at {path}: check the path") from None
        except (TypeError, LookupError, AttributeError, ValueError, RecursionError) as error:
            raise ValueError(f"{path} holds no byte-level tokenizer: {error}") from error

    def split(self, text):
        """ "I'll be 24" -> ["I", "'ll", " be", " 24"], or [..., " be", " ", "2", "4"]."""
        outlined = outline(text)
        parts = DIGIT.split(outlined) if self.split_digits else [outlined]
        pieces, place = [], 0
        for part in parts:
            for piece in PIECE.findall(part):
                pieces.append(text[place:place + len(piece)])
                place += len(piece)
        return pieces

    def encode(self, text):
        """text -> list of ids. No text makes a special token: those are put in by their ids.

        Raises ValueError for half of a surrogate pair, and for the rare control character whose
        byte has no token in the file.
        """
        return [i for piece in self.split(text) for i in self._ids_of(piece)]

    def _encode_piece(self, piece):
        try:
            ids = [self._of_byte[byte] for byte in piece.encode("utf-8")]
        except UnicodeEncodeError as error:
            half = piece[error.start]
            raise ValueError(f"{piece!r} holds {half!r}, half of a surrogate pair, which is no "
                             f"character: repair or drop it") from None
        if None in ids:
            lacking = piece.encode("utf-8")[ids.index(None)]
            raise ValueError(f"{piece!r} holds the byte {lacking:#04x}, which this vocabulary has "
                             f"no token for: drop that character")
        return apply_merges(ids, self._merged)

    def decode_bytes(self, ids):
        """Ids -> the bytes that were encoded; special tokens leave no trace.

        Raises ValueError for an id outside the vocabulary, TypeError when ids are not integers.
        """
        ids = list(ids)
        if ids:
            expect_ids("ids", ids, self.vocab_size)
        return b"".join(self._bytes.get(i, b"") for i in ids)

    def decode(self, ids):
        """Ids -> text; bytes that are not UTF-8 become U+FFFD. Raises as decode_bytes does."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def decode_stream(self, ids):
        """Yield the text of ids one by one, as text_of_parts has it; joined, what decode gives."""
        return text_of_parts(self.decode_bytes([i]) for i in ids)


class _Outlines(dict):
    """{code of a character: what stands for it in an outline}, filled as characters come up."""

    def __missing__(self, code):
        character = chr(code)
        if code >= 128:
            kind = "Z" if character.isspace() else unicodedata.category(character)[0]
            character = {"L": "a", "N": "0", "Z": "\t"}.get(kind, "!")
        self[code] = character
        return character


_OUTLINES = _Outlines()


def outline(text):
    """The text in ASCII, character for character: a letter is "a", a number "0", a blank a tab.

    Characters below 128 are themselves, all others "!". Python's \\w and \\d know no class of
    letters alone, or of every number; an outline needs neither.
    """
    return text if text.isascii() else text.translate(_OUTLINES)
