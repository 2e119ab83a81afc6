"""What every pair of variants promises, on each of its check cases."""

import contract
import pytest


@pytest.mark.parametrize("case", contract.case_params("variant"))
class TestEveryVariant(contract.Contract):
    kind, bar = "variant", 1e-12
