"""The record of a run: a CSV file with one row for each step, and a picture of its losses."""

from pathlib import Path
from typing import NamedTuple


class LogRow(NamedTuple):
    """One step. Both losses are those of the parameters before the step's update."""

    step: int               # 1 is the first update
    loss: float             # on the step's batch, as trained: with dropout and label smoothing
    val_loss: float | None  # on the validation batches; None where it was not measured
    lr: float
    grad_norm: float        # before clipping
    tokens: int             # real target tokens in the step's batch


class RunLog:
    """Appends rows to a CSV file; `rows` keeps them all. path=None keeps them in memory only.

    The rows up to last_step that the file already holds are kept and later ones dropped: a run
    resumed from an older checkpoint makes these anew.
    """

    def __init__(self, path, last_step=0):
        self.rows = []
        self.path = None if path is None else Path(path)
        if self.path is None:
            return
        if last_step and self.path.is_file():
            self.rows = [row for row in read_log(self.path) if row.step <= last_step]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        lines = [",".join(LogRow._fields) + "\n", *map(_as_line, self.rows)]
        self.path.write_text("".join(lines), encoding="utf-8", newline="\n")

    def append(self, row):
        """Add a row; the file holds it when this returns."""
        self.rows.append(row)
        if self.path:
            with open(self.path, "a", encoding="utf-8", newline="\n") as file:
                file.write(_as_line(row))


def read_log(path):
    """The rows of a CSV file that RunLog wrote. A last line cut off by a crash is left out.

    Raises FileNotFoundError; ValueError, naming file and line, for other content.
    """
    lines = Path(path).read_bytes().split(b"\n")[:-1]  # behind the last end of line: cut off
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            step, loss, val_loss, lr, grad_norm, tokens = line.decode("utf-8").split(",")
            rows.append(LogRow(int(step), float(loss), float(val_loss) if val_loss else None,
                               float(lr), float(grad_norm), int(tokens)))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {line[:60]!r} is no row of a log ({error}): "
                             f"it is damaged; without this file the run can still be "
                             f"resumed") from None
    return rows


def plot_losses(rows, path):
    """Save a picture of the losses by step. Raises ImportError where matplotlib is missing."""
    from matplotlib.figure import Figure  # optional: pip install matplotlib
    from matplotlib.ticker import LogLocator

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([row.step for row in rows], [row.loss for row in rows],
              color="#0072B2", linewidth=0.8, label="training")
    measured = [row for row in rows if row.val_loss is not None]
    if measured:
        axes.plot([row.step for row in measured], [row.val_loss for row in measured],
                  color="#D55E00", marker="o", markersize=3, label="validation")
    if all(row.loss > 0 for row in rows):
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")  # 0.5, not 5 x 10^-1
        axes.minorticks_off()
    axes.set(xlabel="step", ylabel="loss (nats per token)")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def _as_line(row):
    # repr of a float reads back as the same float, so a continued file equals an unbroken one.
    return ",".join("" if value is None else repr(value) for value in row) + "\n"
