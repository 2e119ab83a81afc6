"""What the command line does for large arrays at its start."""

import ctypes
import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource
import numpy as np
{setup}
def fill():
    x = np.ones(12_000_000, np.float32)  # 48 MB, above what glibc would keep by itself
fill()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(5):
    fill()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(setup):
    """Of five large arrays, made and freed after a first one, in a process of its own."""
    return int(subprocess.run([sys.executable, "-c", COUNT_FAULTS.format(setup=setup)], check=True,
                              capture_output=True, text=True).stdout)


@pytest.mark.skipif(sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"),
                    reason="only glibc is told to keep memory")
def test_the_command_line_keeps_freed_memory():
    assert page_faults("import minitransformer.__main__") < 0.1 * page_faults("")


def test_where_there_is_no_glibc_nothing_happens(monkeypatch):
    from minitransformer.malloc import keep_freed_memory

    def fails(name):
        raise OSError(name)

    for loader in (fails, lambda name: object()):
        monkeypatch.setattr(ctypes, "CDLL", loader)
        keep_freed_memory()
