"""A process that is killed while it saves leaves a whole checkpoint."""

import os
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from minitransformer.training import load_arrays, save_arrays


# The process writes version after version, every array filled
# with the version's number: a file that mixes two, or half of one, would be noticed.
SAVER = textwrap.dedent("""
    import os, sys, time
    import numpy as np
    from minitransformer.training import checkpoint

    path, pause = sys.argv[1:]

    def stop_here(*_):
        print("paused", flush=True)
        time.sleep(60)

    version = 0
    while version < 3 or pause == "never":
        version += 1
        if version == 3:
            if pause == "writing":
                write, seen = np.lib.format.write_array, []
                def write_array(*args, **kwargs):
                    seen.append(write(*args, **kwargs))
                    if len(seen) == 2:
                        stop_here()
                np.lib.format.write_array = write_array
            elif pause == "fsync":
                os.fsync = stop_here
            elif pause == "replace":
                os.replace = stop_here
        arrays = {f"a{i}": np.full(300_000, version, np.float32) for i in range(4)}
        checkpoint.save_arrays(path, arrays, {"version": version})
        if version == 1:
            print("saved", flush=True)
""")


def start_saver(path, pause):
    process = subprocess.Popen([sys.executable, "-c", SAVER, str(path), pause],
                               stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "saved\n"
    return process


def kill(process):
    process.kill()  # SIGKILL; TerminateProcess on Windows: neither can be caught
    process.wait()
    process.stdout.close()


def version_of(path):
    """The version of a file that must be whole."""
    arrays, metadata = load_arrays(path)
    assert len(arrays) == 4
    for array in arrays.values():
        assert np.all(array == metadata["version"])
    return metadata["version"]


@pytest.mark.parametrize("pause", ["writing", "fsync", "replace"])
def test_killed_while_saving_the_previous_checkpoint_is_whole(tmp_path, pause):
    path = tmp_path / "run [1].npz"  # brackets mean something to glob
    process = start_saver(path, pause)
    assert process.stdout.readline() == "paused\n"
    kill(process)
    assert version_of(path) == 2
    assert len(os.listdir(tmp_path)) == 2, "the killed process was to leave its temporary file"
    save_arrays(path, {f"a{i}": np.full(3, 9.0) for i in range(4)}, {"version": 9})
    assert version_of(path) == 9
    assert os.listdir(tmp_path) == [path.name], "the next save removes what was left over"


def test_killed_at_any_moment_a_whole_checkpoint_remains(tmp_path):
    path = tmp_path / "checkpoint.npz"
    left_over = 0
    for i in range(8):
        process = start_saver(path, "never")
        time.sleep(0.005 * (1 + 3 * i % 7))
        kill(process)
        assert version_of(path) >= 1
        left_over += len(os.listdir(tmp_path)) > 1
    assert left_over, "no kill fell into the middle of a save: the test tests nothing"
