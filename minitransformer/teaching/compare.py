"""Whether what a lesson prints and draws now is what its committed notebook shows."""

import base64
import io
import re

import numpy as np

NUMBER = re.compile(r"(?<![\w.])[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?!\w)")
RELATIVE = 1e-6     # any two numbers that agree so well are equal
ROUNDING = 1e-11    # two numbers below it are rounding errors, whatever their digits
PIXELS = 1e-4       # the part of a picture that may look different
COLOUR = 0.1        # how much a pixel's colour (0 to 1) must change to look different


def outputs_differ(old, new):
    """What differs between two lists of a cell's outputs, in words; None when nothing does."""
    if len(old) != len(new):
        return f"{len(new)} outputs instead of {len(old)}"
    for a, b in zip(old, new):
        if a["output_type"] != b["output_type"] or a.get("name") != b.get("name"):
            return f"{b['output_type']} instead of {a['output_type']}"
        a, b = _by_kind(a), _by_kind(b)
        if a.keys() != b.keys():
            return f"{sorted(b)} instead of {sorted(a)}"
        for kind in a:
            differ = pictures_differ if kind == "image/png" else texts_differ
            if words := differ(a[kind], b[kind]):
                return words
    return None


def _by_kind(output):
    """{kind of content: text} of one output: a stream's text, an error's message, or its data."""
    if output["output_type"] == "stream":
        return {"text": output["text"]}
    if output["output_type"] == "error":
        return {"error": f"{output['ename']}: {output['evalue']}"}
    return dict(output["data"])


def texts_differ(old, new):
    """The first line that differs, in words. Numbers may differ by rounding, whole ones not."""
    old_lines, new_lines = str(old).splitlines(), str(new).splitlines()
    for a, b in zip(old_lines, new_lines):
        # Spaces are compared loosely: a number that gains a minus sign shifts its column.
        same_words = NUMBER.sub("0", a).split() == NUMBER.sub("0", b).split()
        if not same_words or not all(map(numbers_agree, NUMBER.findall(a), NUMBER.findall(b))):
            return f"prints {b.strip()!r}, committed is {a.strip()!r}"
    if len(old_lines) != len(new_lines):
        return f"prints {len(new_lines)} lines instead of {len(old_lines)}"
    return None


def numbers_agree(a, b):
    """Whether two printed numbers are equal up to rounding: whole numbers must be the same.

    One unit in the last printed place is allowed from three significant digits on.
    """
    if a == b:
        return True
    if not (set(a) & set(".eE") and set(b) & set(".eE")):
        return False
    x, y = float(a), float(b)
    apart, size = abs(x - y), max(abs(x), abs(y))
    return (size < ROUNDING or apart <= RELATIVE * size
            or apart <= 1.01 * max(_last_place(a), _last_place(b)))


def _last_place(text):
    """The value of one unit in the last printed digit, 0 for fewer than three digits."""
    mantissa, _, exponent = text.lower().lstrip("+-").partition("e")
    decimals = len(mantissa.partition(".")[2])
    digits = mantissa.replace(".", "").lstrip("0")
    return 10.0 ** (int(exponent or 0) - decimals) if len(digits) >= 3 else 0.0


def pictures_differ(old, new):
    """How two PNGs in base64 differ, in words; None when they look the same."""
    if old == new:
        return None
    a, b = _pixels(old), _pixels(new)
    if a.shape != b.shape:
        return f"draws a picture of {b.shape[1]} x {b.shape[0]}, committed is " \
               f"{a.shape[1]} x {a.shape[0]}"
    part = float(np.mean(np.max(np.abs(a - b), axis=-1) > COLOUR))
    if part > PIXELS:
        return f"draws a picture in which {part:.2%} of the pixels are different"
    return None


def _pixels(png):
    from matplotlib.image import imread
    return imread(io.BytesIO(base64.b64decode(png)), format="png")[..., :3]
