"""`python -m minitransformer COMMAND`, and the script `minitransformer`: the command line."""

import os
import sys

# One thread for matrix products, unless the user says otherwise: at this project's sizes a second
# gains little, and beside other busy programs the threads wait for each other: twenty times slower
# was measured. OpenBLAS reads this when numpy is loaded, so it stands above the import.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from minitransformer.cli import main  # noqa: E402

if __name__ == "__main__":  # a child process of multiprocessing imports this file: start nothing
    sys.exit(main())
