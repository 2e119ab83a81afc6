"""How a training run is going: one live line in a terminal, plain lines elsewhere."""

import shutil
import sys
import time


class Progress:
    """Shows step, loss, tokens per second and time left, from step `first` to step `last`.

    In a terminal one line is rewritten, at most ten times a second. Into a file or a notebook
    every print_every-th step prints a line, and the last. print_every=0 is silent everywhere.
    """

    def __init__(self, first, last, print_every, stream=None):
        self.first, self.last, self.print_every = first, last, print_every
        self.stream = sys.stdout if stream is None else stream
        self.live = self.stream.isatty()
        self.start = time.monotonic()
        self.shown_at = -1.0   # seconds after the start
        self.tokens = 0
        self.val_loss = None   # the newest, shown until there is another
        self.open_line = False

    def show(self, row):
        """Report a LogRow, if it is time to."""
        self.tokens += row.tokens
        self.val_loss = row.val_loss if row.val_loss is not None else self.val_loss
        elapsed = time.monotonic() - self.start
        if self.live:
            due = elapsed - self.shown_at > 0.1
        else:
            due = self.print_every and row.step % self.print_every == 0
        if not self.print_every or not (due or row.step == self.last):
            return
        self.shown_at = elapsed
        left = elapsed / (row.step - self.first) * (self.last - row.step)
        validation = "" if self.val_loss is None else f"  validation {self.val_loss:.4f}"
        line = (f"step {row.step:>{len(str(self.last))}}/{self.last}  loss {row.loss:.4f}"
                f"{validation}  {self.tokens / max(elapsed, 1e-9):,.0f} tokens/s  "
                f"{minutes(left)} left")
        if self.live:
            width = shutil.get_terminal_size().columns - 1  # the last column would wrap
            self.stream.write("\r" + line[:width].ljust(width))
        else:
            self.stream.write(line + "\n")
        self.open_line = self.live
        self.stream.flush()

    def say(self, text):
        """Print a line of its own."""
        self.end()
        if self.print_every:
            print(text, file=self.stream, flush=True)

    def end(self):
        """Leave the live line as it stands."""
        if self.open_line:
            print(file=self.stream, flush=True)
        self.open_line = False


def minutes(seconds):
    """83.2 -> "1:23"; from an hour on "1:02:03"."""
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
