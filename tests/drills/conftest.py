"""The proofs that attack the real thing: small in ``make test``, whole in ``make drill``."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.drills.small_disk import Disk, NoSmallDiskError, mounted


@pytest.fixture(scope="session")
def is_whole(request: pytest.FixtureRequest) -> bool:
    """Whether this is ``make drill``, where a proof takes the time that it needs."""
    return bool(request.config.getoption("--drill"))


@pytest.fixture(scope="session")
def drill(*, is_whole: bool) -> None:
    """Leave a proof that has no small size to ``make drill``."""
    if not is_whole:
        pytest.skip("a long proof: make drill")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    """A disk that can be made full."""
    try:
        with mounted(tmp_path / "disk") as found:
            yield found
    except NoSmallDiskError as error:
        pytest.skip(str(error))
