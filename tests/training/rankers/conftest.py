from collections.abc import Iterator

import pytest
import xgboost as xgb


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> Iterator[None]:
    """Two threads wait for each other on a shared machine; the trees are the same."""
    with xgb.config_context(nthread=1):
        yield
