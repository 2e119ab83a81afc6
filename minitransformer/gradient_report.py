"""What a gradient check found: an entry for each array, and the table of all of them."""

from typing import NamedTuple


class GradientEntry(NamedTuple):
    """What the check found for one array."""

    name: str
    error: float              # |a - n| / (|a| + |n|) over the coordinates tried
    analytic_norm: float
    numeric_norm: float
    worst_index: tuple        # the coordinate where the two differ most, with both values
    worst_analytic: float
    worst_numeric: float
    tried: int                # coordinates tried, out of
    total: int


class GradientReport:
    """The entries of one check. print(report) shows them as a table."""

    def __init__(self, entries, method, seed):
        self.entries = entries
        self.method = method
        self.seed = seed

    @property
    def worst(self):
        """The entry with the largest error."""
        return max(self.entries, key=lambda entry: entry.error)

    def passed(self, tolerance):
        """True when every array's error is at most tolerance."""
        return self.worst.error <= tolerance

    def __str__(self):
        rows = [("array", "relative error", "tried", "worst at", "backward", "measured")]
        for e in self.entries:
            rows.append((e.name, f"{e.error:.1e}", f"{e.tried} of {e.total}",
                         str(list(e.worst_index)), f"{e.worst_analytic:.6g}",
                         f"{e.worst_numeric:.6g}"))
        widths = [max(len(row[i]) for row in rows) for i in range(6)]
        lines = [f"gradient check, {self.method}, seed {self.seed}"]
        for row in rows:
            cells = [text.ljust(w) if i == 0 else text.rjust(w)
                     for i, (text, w) in enumerate(zip(row, widths, strict=True))]
            lines.append("  ".join(cells))
        return "\n".join(lines)

    __repr__ = __str__
