"""python -m minitransformer.teaching.planted_faults: measure all faults, and write the file."""

from minitransformer.teaching.planted_faults.results import measure
from minitransformer.teaching.run_command import run_command

if __name__ == "__main__":
    run_command(__doc__, measure)
