"""Which of the models' tests are slow."""

import pytest


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items):
    """Entry by entry, the whole encoder-decoder takes long; quick are its random directions."""
    for item in items:
        if "test_gradient_is_exact[encoder_decoder" in item.nodeid:
            item.add_marker(pytest.mark.slow)
