"""`python -m minitransformer COMMAND`, and the script `minitransformer`: the command line."""

import os
import sys

# One thread for matrix products, unless the user says otherwise: at the translator's sizes a second
# saves a fifth of the time on an idle machine, and beside other busy programs the two wait for each
# other, ten times slower. OpenBLAS reads this when numpy is loaded, so it stands above the import.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from minitransformer.cli import main  # noqa: E402
from minitransformer.malloc import keep_freed_memory  # noqa: E402

keep_freed_memory()

if __name__ == "__main__":  # a child process of multiprocessing imports this file: start nothing
    sys.exit(main())
