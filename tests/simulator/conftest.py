from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from simulator.simulate import make
from tests.simulator import dirty_shop, slated_shop
from tests.simulator.dirty_shop import Silver
from tests.simulator.slated_shop import Slated


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dirty shop's folder."""
    root = tmp_path_factory.mktemp("dirty-shop")
    make(root, dirty_shop.SHOP, lambda _: None)
    return root


@pytest.fixture(scope="session")
def silver(shop: Path, spark: SparkSession) -> Silver:
    """What silver makes of it."""
    return dirty_shop.read(shop / "landing", spark)


@pytest.fixture(scope="session")
def slated(silver: Silver, spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Slated:
    """Slates of its last evenings."""
    return slated_shop.made(silver, tmp_path_factory.mktemp("sent"), spark)
