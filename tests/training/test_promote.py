from dataclasses import replace
from datetime import date

import numpy as np
import pyarrow as pa

from etl.tables import RANKERS_CHAMPIONS
from tests.training.rankers.conformance import batch_of
from training.evaluate import Judged
from training.inputs import NUMERIC, WORDS, Inputs
from training.promote import Champion, decide, first
from training.rankers.ranker import NONE

NIGHT, FITTED = date(2026, 1, 20), date(2026, 1, 13)
FUSED = first("product_feed", date(2026, 1, 1))
SERVING = replace(FUSED, ranker="gbdt", model_date=date(2026, 1, 6), since=date(2026, 1, 6))


def decided(incumbent: Champion, old: list[int], new: list[int]) -> Champion:
    """Judge on one click a user: for each user the places at which both rankers put it."""
    num_users = len(old)
    user_N = np.repeat(np.arange(num_users), 5)
    click = np.tile(np.arange(5) == 0, num_users)
    nothing = pa.array([None] * len(user_N), pa.string()).dictionary_encode()
    numeric_NF = np.zeros((len(user_N), len(NUMERIC)), np.float32)
    given = Inputs(numeric_NF, dict.fromkeys(WORDS, nothing), np.arange(len(user_N)))
    batch = batch_of(given, {"click": click, "order": click}, np.ones(len(user_N)), user_N)

    def placing(name: str, fitted: date, places: list[int]) -> Judged:
        # The click scores between the others, so that it takes its place among them.
        score = np.tile([0.0, 4.0, 3.0, 2.0, 1.0], num_users)
        score[::5] = 4.5 - np.array(places)
        return Judged(name, fitted, {"click": score}, {})

    return decide(
        incumbent,
        batch,
        placing(incumbent.ranker, incumbent.model_date, old),
        placing("gbdt", FITTED, new),
        night=NIGHT,
        seed=1,
    )


def test_the_fused_order_serves_first() -> None:
    assert (FUSED.ranker, FUSED.decided_by) == (NONE, "rule")


def test_a_ranker_that_is_better_replaces_the_fused_order() -> None:
    found = decided(FUSED, [1, 1, 1, 1, 1], [0, 0, 0, 0, 0])
    assert (found.ranker, found.model_date, found.since) == ("gbdt", FITTED, NIGHT)
    assert found.reason == (
        "the fused order was replaced: NDCG@10 differs by +0.3691 [+0.3691, +0.3691] over 5 users"
    )


def test_a_ranker_that_is_no_better_leaves_the_fused_order() -> None:
    assert decided(FUSED, [1, 1, 1, 1, 1], [1, 1, 1, 1, 1]) is FUSED


def test_a_newer_ranker_replaces_an_older_that_may_be_as_good() -> None:
    found = decided(SERVING, [0, 1, 0, 1, 0, 1], [1, 0, 1, 1, 0, 1])
    assert (found.model_date, found.since) == (FITTED, NIGHT)
    assert found.reason.startswith("gbdt 2026-01-06 was replaced")


def test_a_newer_ranker_that_is_shown_to_be_worse_does_not_serve() -> None:
    assert decided(SERVING, [0] * 8, [1] * 7 + [0]) is SERVING


def test_nobody_is_replaced_on_the_word_of_four_users() -> None:
    assert decided(FUSED, [4] * 4, [0] * 4) is FUSED


def test_a_champion_is_a_row_of_the_table() -> None:
    row = SERVING.row(NIGHT)
    assert list(row) == RANKERS_CHAMPIONS.column_names
    assert (row["arrival_date"], row["since_date"]) == (NIGHT, date(2026, 1, 6))
