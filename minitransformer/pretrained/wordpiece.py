"""BERT's tokenizer: words and punctuation first, then each word in the longest known pieces."""

import re
import unicodedata
from pathlib import Path

LONGEST_WORD = 100  # characters; a longer one is unknown
CHINESE = ((0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
           (0x2B740, 0x2B81F), (0x2B920, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F))
NOT_WRITTEN = ("Cc", "Cf", "Co", "Cs")  # Unicode's classes: control, format, private, surrogate
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


class WordPiece:
    """Text to ids and back, with the vocabulary of a BERT that knows small letters only.

    A piece that goes on within a word begins with ##: "unwinding" may be un ##wind ##ing. encode
    puts [CLS] before the text and [SEP] behind it. The five special names in the text itself, such
    as [MASK], stand for their ids, as in the original. Source: Devlin et al. 2019, and the
    algorithm of Schuster and Nakajima 2012 that it names.
    """

    def __init__(self, pieces):
        """pieces: the vocabulary, a piece's place being its id. Raises ValueError, see below."""
        self.pieces = list(pieces)
        self.ids = {piece: i for i, piece in enumerate(self.pieces)}
        if len(self.ids) != len(self.pieces):
            twice = next(piece for i, piece in enumerate(self.pieces) if self.ids[piece] != i)
            raise ValueError(f"the vocabulary holds {twice!r} twice: each piece needs one id")
        if missing := [name for name in SPECIAL if name not in self.ids]:
            raise ValueError(f"the vocabulary lacks {', '.join(missing)}: it is not one of BERT's")
        self.known_words = {}  # word: its ids, for text repeats itself

    @classmethod
    def load(cls, path):
        """From vocab.txt, one piece a line. Raises FileNotFoundError, ValueError."""
        path = Path(path)
        try:
            lines = path.read_text(encoding="utf-8").split("\n")
        except UnicodeDecodeError as error:
            raise ValueError(f"{path} is no UTF-8 text: it is not a vocabulary") from error
        try:
            return cls(lines[:-1] if lines[-1] == "" else lines)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error

    def encode(self, text, max_tokens=None):
        """[CLS], the text's ids, [SEP]: a list, of which max_tokens keeps the beginning and [SEP].

        Raises TypeError for what is no text, ValueError for a max_tokens below 2.
        """
        if not isinstance(text, str):
            raise TypeError(f"expected a text, got {type(text).__name__}: {text!r:.60}")
        if max_tokens is not None and max_tokens < 2:
            raise ValueError(f"max_tokens is {max_tokens}, expected at least 2: [CLS] and [SEP]")
        inside = []
        for part in re.split(r"(\[(?:PAD|UNK|CLS|SEP|MASK)\])", text):
            if part in SPECIAL:
                inside.append(self.ids[part])
            else:
                for word in split_words(normalize(part)):
                    inside.extend(self._word_ids(word))
        room = None if max_tokens is None else max_tokens - 2
        return [self.ids["[CLS]"], *inside[:room], self.ids["[SEP]"]]

    def tokens(self, text):
        """The pieces of encode, as text."""
        return [self.pieces[i] for i in self.encode(text)]

    def decode(self, ids):
        """The words of ids with a space between them; special ids but [UNK] are left out.

        Capitals, accents and the text's own spaces are lost. Raises ValueError for an id outside
        the vocabulary.
        """
        text = ""
        for i in ids:
            if not 0 <= i < len(self.pieces):
                raise ValueError(f"id {i} is not in the vocabulary, which ends at "
                                 f"{len(self.pieces) - 1}")
            piece = self.pieces[i]
            if piece.startswith("##") and text:
                text += piece[2:]
            elif piece not in SPECIAL or piece == "[UNK]":
                text += " " * bool(text) + piece
        return text

    def _word_ids(self, word):
        """The ids of a word: at each place the longest piece; [UNK] where a place has none."""
        if word not in self.known_words:
            self.known_words[word] = self._longest_pieces(word)
        return self.known_words[word]

    def _longest_pieces(self, word):
        unknown = [self.ids["[UNK]"]]
        if len(word) > LONGEST_WORD:
            return unknown
        found, start = [], 0
        while start < len(word):
            end = len(word)
            while end > start:
                piece = ("##" if start else "") + word[start:end]
                if piece in self.ids:
                    break
                end -= 1
            else:
                return unknown
            found.append(self.ids[piece])
            start = end
        return found


def normalize(text):
    """Text without control characters, accents and capitals, Chinese characters set apart."""
    if text.isascii():  # the common case, and the same result
        return "".join(c for c in text.lower() if c.isprintable() or c in "\t\n\r")
    cleaned = []
    for c in text:
        if c in "\t\n\r" or unicodedata.category(c)[0] == "Z":
            cleaned.append(" ")
        elif unicodedata.category(c) not in NOT_WRITTEN and c != "\ufffd":
            cleaned.append(f" {c} " if _is_chinese(c) else c)
    parted = unicodedata.normalize("NFD", "".join(cleaned))  # a letter, then its accents
    plain = (c for c in parted if unicodedata.category(c) != "Mn")
    return "".join(c.lower() for c in plain)  # one by one: a final sigma is a sigma


def split_words(text):
    """The words of a text and its punctuation marks, each by itself: a list."""
    words = []
    for chunk in text.split():
        start = 0
        for i, c in enumerate(chunk):
            if _is_punctuation(c):
                words.extend([chunk[start:i], c] if start < i else [c])
                start = i + 1
        if start < len(chunk):
            words.append(chunk[start:])
    return words


def _is_chinese(c):
    return any(first <= ord(c) <= last for first, last in CHINESE)


def _is_punctuation(c):
    """ASCII's signs, $ and ^ among them, and what Unicode calls punctuation."""
    if c.isascii():
        return c.isprintable() and not c.isalnum() and c != " "
    return unicodedata.category(c)[0] == "P"
