"""`python -m minitransformer COMMAND`: the command line."""

import sys

from minitransformer.cli import main

if __name__ == "__main__":  # a benchmark's child processes import this file and must not start anew
    sys.exit(main())
