"""The proof: every pair, layer and model against the complex step and central differences.

The list of what must be checked is read from the packages themselves; a pair for which nobody
wrote a case is an error.
"""

from minitransformer.checks.run import (
    HEADER,
    all_cases,
    format_row,
    make_row,
    pair_names,
    print_checks,
    prove_case,
    run_checks,
)

__all__ = ["HEADER", "all_cases", "format_row", "make_row", "pair_names", "print_checks",
           "prove_case", "run_checks"]
