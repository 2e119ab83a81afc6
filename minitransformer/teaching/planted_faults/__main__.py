"""python -m minitransformer.teaching.planted_faults: measure all faults, and write the file."""

from minitransformer.teaching.planted_faults.results import measure

if __name__ == "__main__":
    measure()
