"""Every check case is proved once in a run of pytest, which ends by printing the table."""

import pytest

from minitransformer.checks import HEADER, all_cases, format_row, make_row, prove_case

PROOFS = pytest.StashKey[dict]()


def pytest_configure(config):
    config.stash[PROOFS] = {}


@pytest.fixture
def prove(request):
    """prove(kind, case): the CaseProof, kept for the table."""
    def run(kind, case):
        proofs = request.config.stash[PROOFS].setdefault((kind, case.pair), {})
        if case.what not in proofs:
            proofs[case.what] = prove_case(case)
        return proofs[case.what]
    return run


def pytest_terminal_summary(terminalreporter, config):
    """The rows of which every case was proved in this run."""
    proofs = config.stash[PROOFS]
    if not proofs:
        return
    rows = [make_row(*key, list(proofs[key].values())) for key, cases in all_cases().items()
            if len(proofs.get(key, ())) == len(cases)]
    if rows:
        terminalreporter.section("every gradient, proved")
        for line in [HEADER, *map(format_row, rows)]:
            terminalreporter.write_line(line)
