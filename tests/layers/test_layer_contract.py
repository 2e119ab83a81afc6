"""What every layer promises, on each of its check cases."""

import contract
import pytest


@pytest.mark.parametrize("case", contract.case_params("layer"))
class TestEveryLayer(contract.Contract):
    kind, bar = "layer", 1e-12
