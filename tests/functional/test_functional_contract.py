"""What every pair of functional promises, on each of its check cases."""

import contract
import pytest


@pytest.mark.parametrize("case", contract.case_params("pair"))
class TestEveryPair(contract.Contract):
    kind, bar = "pair", 1e-12
