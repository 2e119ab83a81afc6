"""GGUF files: settings, and arrays that are quantized in blocks of 32 numbers.

They are read with the package gguf, which also turns the blocks back into numbers, in NumPy. The
file stays on the disk: an array takes memory when it is asked for.
"""

import math
from pathlib import Path

import numpy as np


class GgufFile:
    """An open file. settings: {name: value}; file[name] is an array, float32 (outputs, inputs).

    Raises FileNotFoundError; ModuleNotFoundError, with the command, where the package gguf is
    missing; ValueError for a file that is damaged, cut off or something else.
    """

    def __init__(self, path):
        reader = _import_gguf().GGUFReader
        if not Path(path).is_file():
            raise FileNotFoundError(f"there is no {path}")

        class Reader(reader):
            def _get(self, offset, dtype, count=1, override_order=None):
                # The package takes what is there, so a false length would keep it busy for ever. As
                # a plain array its hundreds of thousands of small pieces cost half the time.
                self.data = np.asarray(self.data)
                end = int(offset) + np.dtype(dtype).itemsize * int(count)
                if end > len(self.data):
                    raise ValueError(f"it asks for {end} bytes and has {len(self.data)}")
                return super()._get(offset, dtype, count, override_order)

        self.path = path
        try:
            read = Reader(path)
            self.tensors = {tensor.name: tensor for tensor in read.tensors}
            self.settings = {name: field.contents() for name, field in read.fields.items()}
        except Exception as error:  # the package raises whatever its arithmetic does
            raise ValueError(f"{path} is no GGUF file, or not whole: {error}") from error

    def __getitem__(self, name):
        """The array, each time made anew. Raises KeyError, or ValueError for numbers not finite."""
        tensor = self.tensors[name]
        try:
            array = _import_gguf().dequantize(tensor.data, tensor.tensor_type)
            array = array.reshape(tensor.shape[::-1].tolist())  # the file says the innermost first
        except (NotImplementedError, ValueError) as error:
            raise ValueError(f"{self.path}: {name}: {error}") from error
        if not math.isfinite(array.sum()):
            raise ValueError(f"{self.path}: {name} holds numbers that are not finite")
        return array

    def setting(self, name, kind):
        """The value of a setting, of a type such as int. ValueError where it is not there."""
        value = self.settings.get(name)
        if not isinstance(value, kind) or isinstance(value, bool) and kind is not bool:
            raise ValueError(f"{self.path} says {name} = {str(value)[:40]!r}, expected "
                             f"{kind.__name__}")
        return value


def _import_gguf():
    try:
        import gguf
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("files in the format GGUF are read with the package gguf: "
                                  "python -m pip install gguf") from error
    return gguf
