"""The proofs that attack the real thing: small in ``make test``, whole in ``make drill``."""

import pytest

from tests.orchestration.conftest import definitions

__all__ = ["definitions"]


@pytest.fixture(scope="session")
def is_whole(request: pytest.FixtureRequest) -> bool:
    """Whether this is ``make drill``, where a proof takes the time that it needs."""
    return bool(request.config.getoption("--drill"))


@pytest.fixture(scope="session")
def drill(*, is_whole: bool) -> None:
    """Leave a proof that has no small size to ``make drill``."""
    if not is_whole:
        pytest.skip("a long proof: make drill")
