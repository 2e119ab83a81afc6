"""Twenty faults planted in the whole Transformer, and the checks that find or miss them.

    python -m minitransformer.teaching.planted_faults   every check on every fault (some minutes)

Read in this order: fault, in_pairs, in_layers, whole, checks, training, results.
"""

from minitransformer.teaching.planted_faults import in_layers, in_pairs
from minitransformer.teaching.planted_faults.fault import Fault, planted

FAULTS = in_pairs.FAULTS + in_layers.FAULTS


def fault(name):
    """The planted fault of this name, as the last expression of a cell. ValueError if unknown."""
    found = {f.name: f for f in FAULTS}
    if name not in found:
        raise ValueError(f"there is no fault {name!r}; there are {', '.join(found)}")
    return found[name]
