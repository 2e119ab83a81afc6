"""Run all cases and make one row for each pair, layer and model."""

import time
from typing import NamedTuple

from minitransformer import functional, layers, models, variants
from minitransformer.checks import functional as functional_cases
from minitransformer.checks import layers as layer_cases
from minitransformer.checks import models as model_cases
from minitransformer.checks import variants as variant_cases
from minitransformer.checks.case import Case
from minitransformer.gradient_check import GradientReport, check_gradients

PACKAGES = {
    "pair": (functional, functional_cases),
    "variant": (variants, variant_cases),
    "layer": (layers, layer_cases),
    "model": (models, model_cases),
}
COMPLEX_BARS = {"pair": 1e-12, "variant": 1e-12, "layer": 1e-12, "model": 1e-11}
CENTRAL_BAR = 1e-7
HEADER = (f"{'kind':<7} {'name':<22} {'complex step':>12} {'central':>8} {'cases':>5} "
          f"{'coordinates':>11} {'seconds':>7}")


class CaseProof(NamedTuple):
    """One case, checked by both methods."""

    case: Case
    complex: GradientReport
    central: GradientReport
    seconds: float


class CheckRow(NamedTuple):
    """All cases of one pair together."""

    kind: str             # a key of PACKAGES
    name: str
    complex_error: float  # the worst of all cases and arrays
    central_error: float
    cases: int
    coordinates: int      # tried by the complex step, and again by central differences
    seconds: float
    passed: bool


def pair_names(kind):
    """The names of the pairs that a package exports.

    Raises LookupError when a forward has no backward beside it.
    """
    package, _ = PACKAGES[kind]
    names = [name[:-len("_forward")] for name, value in vars(package).items()
             if name.endswith("_forward") and callable(value)]
    for name in names:
        if not hasattr(package, f"{name}_backward"):
            raise LookupError(f"{package.__name__} exports {name}_forward without its backward")
    return names


def all_cases(seed=0):
    """{(kind, pair): its cases}. Raises LookupError when a pair has no case."""
    found = {}
    for kind, (package, module) in PACKAGES.items():
        cases = module.cases(seed)
        for name in pair_names(kind):
            found[kind, name] = [case for case in cases if case.pair == name]
            if not found[kind, name]:
                raise LookupError(f"{package.__name__} exports {name}_forward, but no check case "
                                  f"covers it: add one to {module.__name__}")
    return found


def run_checks(seed=0, only=None):
    """Yield a CheckRow for each pair, layer and model, as they are done.

    only: the names to check, all when None. Raises ValueError when one of them does not exist.
    """
    found = all_cases(seed)
    names = {name for _, name in found}
    if unknown := sorted(set(only or ()) - names):
        raise ValueError(f"there is no pair named {unknown[0]!r}; there are: "
                         f"{', '.join(sorted(names))}")
    for (kind, name), cases in found.items():
        if only and name not in only:
            continue
        yield make_row(kind, name, [prove_case(case, seed) for case in cases])


def prove_case(case, seed=0):
    """A CaseProof: the case checked by complex step and by central differences."""
    start = time.perf_counter()
    reports = [check_gradients(case.forward, case.backward, *case.inputs, options=case.options,
                               seed=seed, method=method, zero=case.zero, frozen=case.frozen,
                               max_coordinates=64) for method in ("complex", "central")]
    return CaseProof(case, *reports, time.perf_counter() - start)


def make_row(kind, name, proofs):
    """The CheckRow of all CaseProofs of one pair."""
    complex_error = max(proof.complex.worst.error for proof in proofs)
    central_error = max(proof.central.worst.error for proof in proofs)
    tried = sum(entry.tried for proof in proofs for entry in proof.complex.entries)
    passed = complex_error <= COMPLEX_BARS[kind] and central_error <= CENTRAL_BAR
    return CheckRow(kind, name, complex_error, central_error, len(proofs), tried,
                    sum(proof.seconds for proof in proofs), passed)


def format_row(row):
    """One line of the table under HEADER."""
    mark = "" if row.passed else "  exceeds its bar"
    return (f"{row.kind:<7} {row.name:<22} {row.complex_error:>12.1e} {row.central_error:>8.0e} "
            f"{row.cases:>5} {row.coordinates:>11,} {row.seconds:>7.1f}{mark}")


def print_checks(seed=0, only=None):
    """Print the table row by row, as the checks are done; True when every row passed."""
    print(HEADER, flush=True)
    rows = []
    for row in run_checks(seed=seed, only=only):
        print(format_row(row), flush=True)
        rows.append(row)
    failed = [row.name for row in rows if not row.passed]
    bars = ", ".join(f"{bar:.0e} for a {kind}" for kind, bar in COMPLEX_BARS.items())
    print(f"Bars: {bars} by the complex step, {CENTRAL_BAR:.0e} by central differences. "
          + (f"Exceeded by: {', '.join(failed)}." if failed else f"All {len(rows)} rows pass."))
    return not failed
