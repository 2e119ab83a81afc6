"""Files of sentence pairs: one pair a line, source and target with a tab between them."""

from pathlib import Path


def read_pairs(path):
    """A UTF-8 text file -> list of (source, target), both without surrounding spaces.

    Blank lines are skipped. Raises FileNotFoundError when there is no such file, and ValueError,
    with the number of the line, when it is not UTF-8, a line has not exactly one tab or a side of
    it is empty, or when the file holds no pair.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {str(path)!r}: expected a text file with one "
                                f"pair a line, source and target with a tab between them")
    content = path.read_bytes()
    try:
        text = content.decode("utf-8-sig")  # some editors put a mark of three bytes in front
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}, line {line}: the byte {content[error.start]:#04x} is not UTF-8; "
                         f"save the file in the encoding UTF-8") from None
    pairs = [_split_line(path, number, line)
             for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if not pairs:
        raise ValueError(f"{path} holds no pairs: expected one a line, source and target with a "
                         f"tab between them")
    return pairs


def _split_line(path, number, line):
    sides = tuple(side.strip() for side in line.split("\t"))
    if len(sides) != 2:
        raise ValueError(f"{path}, line {number}: {len(sides) - 1} tabs in {line[:60]!r}; expected "
                         f"one, between source and target")
    if not all(sides):
        empty = "target" if sides[0] else "source"
        raise ValueError(f"{path}, line {number}: the {empty} is empty in {line[:60]!r}")
    return sides
