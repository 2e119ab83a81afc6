"""What a run shows and writes down while it goes."""

import io

import pytest

from minitransformer.training import LogRow, plot_losses, read_log
from minitransformer.training import progress as progress_module
from minitransformer.training.log import RunLog
from minitransformer.training.progress import Progress, minutes

ROWS = [LogRow(1, 2.5, None, 0.001, 1.25, 30), LogRow(2, 0.1 + 0.2, 1 / 3, 1e-5, 1.0, 40),
        LogRow(3, 2.0, None, 0.001, 0.75, 50)]


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands still until it is moved: clock[0] is now."""
    now = [100.0]
    monkeypatch.setattr(progress_module.time, "monotonic", lambda: now[0])
    return now


def row(step, val_loss=None):
    return LogRow(step, 1.25, val_loss, 0.001, 1.0, 30)


def test_into_a_file_goes_every_nth_line_and_the_last(clock):
    stream = io.StringIO()
    progress = Progress(0, 7, 3, stream)
    for step in range(1, 8):
        clock[0] += 2.0
        progress.show(row(step, val_loss=0.5 if step == 4 else None))
    progress.end()
    assert stream.getvalue() == (
        "step 3/7  loss 1.2500  15 tokens/s  0:08 left\n"
        "step 6/7  loss 1.2500  validation 0.5000  15 tokens/s  0:02 left\n"
        "step 7/7  loss 1.2500  validation 0.5000  15 tokens/s  0:00 left\n")


def test_a_resumed_run_is_timed_from_where_it_resumed(clock):
    stream = io.StringIO()
    progress = Progress(100, 104, 1, stream)
    clock[0] += 10.0
    progress.show(row(101))
    assert stream.getvalue() == "step 101/104  loss 1.2500  3 tokens/s  0:30 left\n"


def test_in_a_terminal_one_line_is_rewritten_not_too_often(clock, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    stream = Terminal()
    progress = Progress(0, 100, 50, stream)
    for step in range(1, 101):
        clock[0] += 0.01
        progress.show(row(step))
    progress.say("done")
    lines = stream.getvalue().split("\r")[1:]
    assert 8 <= len(lines) <= 12
    assert all(len(line) == 39 for line in lines[:-1])
    assert lines[-1] == "step 100/100  loss 1.2500  3,000 tokens/s  0:00 left"[:39] + "\ndone\n"


@pytest.mark.parametrize("stream", [io.StringIO(), Terminal()])
def test_zero_is_silent(stream):
    progress = Progress(0, 2, 0, stream)
    progress.show(row(1))
    progress.show(row(2))
    progress.say("nothing")
    progress.end()
    assert stream.getvalue() == ""


def test_minutes():
    assert [minutes(s) for s in (0, 9.6, 83.2, 3599.4, 3723)] == [
        "0:00", "0:10", "1:23", "59:59", "1:02:03"]


def test_rows_come_back_exactly(tmp_path):
    path = tmp_path / "run" / "log.csv"
    log = RunLog(path)
    for r in ROWS:
        log.append(r)
        assert read_log(path)[-1] == r  # at once
    text = path.read_text(encoding="utf-8").splitlines()
    assert text[0] == "step,loss,val_loss,lr,grad_norm,tokens" and text[1] == "1,2.5,,0.001,1.25,30"


def test_a_continued_log_drops_what_will_be_made_anew(tmp_path):
    path = tmp_path / "log.csv"
    log = RunLog(path)
    for r in ROWS:
        log.append(r)
    whole = path.read_bytes()
    with open(path, "a", encoding="utf-8") as file:
        file.write("4,1.0,,0.001,0.")  # cut off by a crash
    again = RunLog(path, last_step=2)
    assert again.rows == ROWS[:2] == read_log(path)
    again.append(ROWS[2])
    assert path.read_bytes() == whole


def test_a_new_run_starts_a_new_log(tmp_path):
    RunLog(tmp_path / "log.csv").append(ROWS[0])
    assert RunLog(tmp_path / "log.csv").rows == []
    assert read_log(tmp_path / "log.csv") == []


def test_without_a_path_the_rows_are_kept_in_memory():
    log = RunLog(None)
    log.append(ROWS[0])
    assert log.rows == ROWS[:1]


def test_the_loss_plot_is_a_png(tmp_path):
    pytest.importorskip("matplotlib")
    plot_losses(ROWS, tmp_path / "loss.png")
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
