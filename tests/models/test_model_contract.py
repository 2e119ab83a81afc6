"""What every model promises, on each of its check cases."""

import contract
import pytest


@pytest.mark.parametrize("case", contract.case_params("model"))
class TestEveryModel(contract.Contract):
    kind, bar = "model", 1e-11
