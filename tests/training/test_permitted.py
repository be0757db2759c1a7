from dataclasses import replace

import numpy as np
import pytest

from tests.training.rankers.conformance import SPLIT, days, unseen
from training.encode import EncoderConfig
from training.inputs import NUMERIC, OF_SOURCES
from training.permitted import PermittedConfig, permitted
from training.rankers import gbdt
from training.rankers.gbdt import GbdtConfig
from training.rankers.ranker import Batch

CONFIG = PermittedConfig(min_own_percent=80)


def owned(num_own: int, num_rows: int) -> Batch:
    """Examples of which the first are ours."""
    rows = np.arange(num_rows)
    batch = unseen().batch
    parts = (batch.weight_N[rows], batch.user_N[rows], batch.evening_N[rows])
    given = batch.given.taken(rows)
    return Batch(given, {}, *parts, rows < num_own, batch.propensity_N[rows])


@pytest.mark.parametrize(("num_own", "is_read"), [(8, True), (7, False), (10, True), (0, False)])
def test_sources_are_read_from_eighty_percent_of_our_own_on(num_own: int, is_read: bool) -> None:  # noqa: FBT001
    found = permitted([owned(num_own, 10)], CONFIG)
    assert (found.num_own_examples, found.num_examples) == (num_own, 10)
    assert found.reads_source_ranks is is_read
    assert (set(found.numeric) >= OF_SOURCES) is is_read
    assert set(NUMERIC) - set(found.numeric) == (set() if is_read else OF_SOURCES)


def test_the_share_is_of_all_days_together() -> None:
    assert permitted([owned(3, 10), owned(90, 90)], CONFIG).reads_source_ranks
    assert not permitted([owned(10, 10), owned(60, 90)], CONFIG).reads_source_ranks


def test_a_place_is_read_where_any_example_has_one() -> None:
    batch = owned(10, 10)
    batch.given.numeric_NF[:, NUMERIC.index("position")] = [0, *[np.nan] * 9]
    assert "position" in permitted([batch], CONFIG).numeric
    batch.given.numeric_NF[:, NUMERIC.index("position")] = np.nan
    assert "position" not in permitted([batch], CONFIG).numeric


def test_a_ranker_fitted_on_anothers_impressions_does_not_see_what_sources_say() -> None:
    config = GbdtConfig(num_rounds=5, max_depth=2, encoder=EncoderConfig(min_count=10))

    def foreign(day: object) -> Batch:
        batch = days(day)  # type: ignore[arg-type]
        return replace(batch, is_own_N=np.zeros(len(batch), bool))

    fitted = gbdt.load(gbdt.fit(foreign, SPLIT, config, 7).save())

    given = unseen().batch.given
    numeric_NF = given.numeric_NF.copy()
    numeric_NF[:, [NUMERIC.index(name) for name in sorted(OF_SOURCES)]] = 0.5
    assert not OF_SOURCES & set(fitted.columns.names)
    one, other = fitted.score(given), fitted.score(replace(given, numeric_NF=numeric_NF))
    assert all((one[task] == other[task]).all() for task in one)
