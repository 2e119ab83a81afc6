"""Text to ids and back. The first three ids mean the same in every vocabulary."""

import re

from minitransformer.shapes import expect_ids

PAD, START, END = 0, 1, 2  # filler after a sequence; before its first token; after its last
WORD = re.compile(r"\w+|[^\w\s]")  # a run of letters and digits, or one other visible character


class CharacterTokenizer:
    """One id for each character: the i-th of `characters` has id 3 + i, after PAD, START and END.

    `characters` is a string without repetitions; usually it comes from `from_texts`.
    """

    def __init__(self, characters):
        if not characters:
            raise ValueError("a tokenizer needs at least one character, and got none")
        if len(set(characters)) < len(characters):
            repeated = next(c for c in characters if characters.count(c) > 1)
            raise ValueError(f"the character {repeated!r} is there {characters.count(repeated)} "
                             f"times: each has one id, so give each once")
        self.characters = characters
        self._ids = {character: END + 1 + i for i, character in enumerate(characters)}

    @classmethod
    def from_texts(cls, texts):
        """The tokenizer of all characters that occur in the texts, in the order of their codes.

        Raises ValueError when there is no text, or no character in any.
        """
        characters = sorted(set().union(*texts))
        if not characters:
            raise ValueError("the texts are empty: there is no character to make a vocabulary of")
        return cls("".join(characters))

    @property
    def vocab_size(self):
        """How many ids there are, the three special ones included."""
        return END + 1 + len(self.characters)

    def encode(self, text):
        """text -> list of ids, one a character, without START and END.

        Raises ValueError naming the first character that the vocabulary lacks, and its position.
        """
        try:
            return [self._ids[character] for character in text]
        except KeyError:
            position = next(i for i, character in enumerate(text) if character not in self._ids)
        raise ValueError(
            f"the character {text[position]!r} at position {position} of "
            f"{_excerpt(text, position)} is not in the vocabulary of {len(self.characters)} "
            f"characters ({self.characters[:40]!r}{'...' if len(self.characters) > 40 else ''})")

    def decode(self, ids):
        """Ids -> text. It ends before the first END; PAD and START leave no trace.

        Raises ValueError for an id outside the vocabulary, TypeError when ids are not integers.
        """
        ids = list(ids)
        if ids:
            expect_ids("ids", ids, self.vocab_size)
        if END in ids:
            ids = ids[:ids.index(END)]
        return "".join(self.characters[i - END - 1] for i in ids if i > END)

    def decode_stream(self, ids):
        """Yield the text of ids one after another, up to the first END."""
        for i in ids:
            if i == END:
                return
            yield self.decode([i])

    def to_dict(self):
        """What JSON needs to store: from_dict makes an equal tokenizer of it."""
        return {"kind": "characters", "characters": self.characters}

    @classmethod
    def from_dict(cls, stored):
        """The tokenizer that to_dict described. Raises ValueError when stored is something else."""
        if not isinstance(stored, dict) or stored.get("kind") != "characters" \
                or not isinstance(stored.get("characters"), str):
            raise ValueError(f"this does not describe a CharacterTokenizer: {str(stored)[:80]!r}; "
                             f'expected {{"kind": "characters", "characters": "..."}}')
        return cls(stored["characters"])


class WordTokenizer:
    """One id for each word and each punctuation mark: the i-th of `words` has id 3 + i.

    It reads only: where words were separated by a space and where not is forgotten, so there is
    no way back to the text. That is enough for the source of a translation.
    """

    def __init__(self, words):
        if not words:
            raise ValueError("a tokenizer needs at least one word, and got none")
        self.words = list(words)
        self._ids = {word: END + 1 + i for i, word in enumerate(self.words)}
        if len(self._ids) < len(self.words):
            repeated = next(w for w in self.words if self.words.count(w) > 1)
            raise ValueError(f"the word {repeated!r} is there {self.words.count(repeated)} times: "
                             f"each has one id, so give each once")

    @classmethod
    def from_texts(cls, texts):
        """The tokenizer of all words that occur in the texts, sorted. ValueError for no word."""
        words = sorted(set().union(*map(cls.split, texts)))
        if not words:
            raise ValueError("the texts are empty: there is no word to make a vocabulary of")
        return cls(words)

    @property
    def vocab_size(self):
        """How many ids there are, the three special ones included."""
        return END + 1 + len(self.words)

    @staticmethod
    def split(text):
        """ "forty-seven" -> ["forty", "-", "seven"]"""
        return WORD.findall(text)

    def encode(self, text):
        """text -> list of ids, one a word or mark. Raises ValueError naming an unknown word."""
        words = self.split(text)
        for word in words:
            if word not in self._ids:
                raise ValueError(f"the word {word!r} in {_excerpt(text, text.index(word))} is not "
                                 f"among the {len(self.words)} words of the vocabulary "
                                 f"({' '.join(self.words)[:60]} ...)")
        return [self._ids[word] for word in words]

    def to_dict(self):
        """What JSON needs to store: from_dict makes an equal tokenizer of it."""
        return {"kind": "words", "words": self.words}

    @classmethod
    def from_dict(cls, stored):
        """The tokenizer that to_dict described. Raises ValueError when stored is something else."""
        if not isinstance(stored, dict) or stored.get("kind") != "words" \
                or not isinstance(stored.get("words"), list) \
                or not all(isinstance(word, str) for word in stored["words"]):
            raise ValueError(f"this does not describe a WordTokenizer: {str(stored)[:80]!r}; "
                             f'expected {{"kind": "words", "words": [...]}}')
        return cls(stored["words"])


def _excerpt(text, position, width=20):
    """The text near a position, quoted; dots where it was cut."""
    start, stop = max(0, position - width), position + width + 1
    return repr("..." * (start > 0) + text[start:stop] + "..." * (stop < len(text)))
