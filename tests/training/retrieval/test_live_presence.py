import numpy as np
import pytest

from etl.surfaces import LIVE_STREAMS
from tests.training.known_evening import batch_of, own_group, shelf_of
from training.retrieval.live_presence import PresenceConfig, presence, propose

CONFIG = PresenceConfig(spread_hours=0.01, prior_days=3.0, num_most_clicked=0)
"""Hours do not touch one another."""
SLOTS = tuple(
    {"item_no": n, "item_type": "live_slot", "item_id": f"{host}@sat-{hour:02}", **words}
    for n, (host, hour, words) in enumerate(
        [
            ("h0", 8, {"host_id": "h0", "category": "shoes"}),
            ("h0", 20, {"host_id": "h0", "category": "shoes"}),
            ("h1", 20, {"host_id": "h1", "category": "hats"}),
            ("h2", 20, {"host_id": "h2", "category": "bags"}),
        ]
    )
)


def hours(**days: int) -> dict:
    return {"active_hours": [days.get(f"h{hour}", 0) for hour in range(24)]}


def scores(state: dict, said: dict, config: PresenceConfig = CONFIG) -> dict[int, float]:
    shelf = shelf_of(*SLOTS, surface=LIVE_STREAMS)
    found = propose(batch_of(state, said=[said]), shelf, num_items=10, config=config)
    assert found.score_P.tolist() == sorted(found.score_P.tolist(), reverse=True)
    return dict(zip(found.item_P.tolist(), found.score_P.tolist(), strict=True))


def test_what_he_likes_counts_as_often_as_he_is_there() -> None:
    state = {
        "hosts": [own_group("host_id", "h0", affinity=3.0), own_group("host_id", "h1")],
        "categories": [own_group("category", "shoes")],
    }

    found = scores(state, hours(h20=9, h8=3))

    at_8, at_20 = (3 + 3 / 24) / 15, (9 + 3 / 24) / 15
    assert found == {
        0: pytest.approx((0.75 + 1) * at_8),
        1: pytest.approx((0.75 + 1) * at_20),
        2: pytest.approx(0.25 * at_20),
    }


def test_of_whom_no_hours_are_known_is_there_at_any() -> None:
    found = scores({"hosts": [own_group("host_id", "h0")]}, hours())
    assert found == {0: pytest.approx(1 / 24), 1: pytest.approx(1 / 24)}


def test_the_most_clicked_are_proposed_to_everybody() -> None:
    clicked = PresenceConfig(spread_hours=0.01, prior_days=24.0, prior_share=0.1)

    found = scores({"hosts": [own_group("host_id", "h2")]}, hours(h8=1), clicked)

    at_8, at_20 = 2 / 25, 1 / 25
    assert found == {
        0: pytest.approx(0.1 * at_8),
        1: pytest.approx(0.05 * at_20),
        2: pytest.approx(0.1 / 3 * at_20),
        3: pytest.approx((1 + 0.1 / 4) * at_20),
    }


def test_who_came_at_an_hour_may_come_an_hour_earlier_or_later() -> None:
    days_UH = np.zeros((1, 24), np.int64)
    days_UH[0, 23] = 8

    [there_H] = presence(days_UH, PresenceConfig(spread_hours=1.0, prior_days=0.0))

    assert there_H[22] == pytest.approx(there_H[0])
    assert there_H[0] / there_H[23] == pytest.approx(np.exp(-0.5))
    assert there_H[1] / there_H[23] == pytest.approx(np.exp(-2.0))
    assert there_H.argmin() == 11


@pytest.mark.parametrize("config", [CONFIG, PresenceConfig()])
def test_presences_are_shares(config: PresenceConfig) -> None:
    counts_UH = np.random.default_rng(0).integers(0, 28, (5, 24))
    shares_UH = presence(counts_UH, config)
    np.testing.assert_allclose(shares_UH.sum(axis=1), 1)
    assert (shares_UH > 0).all()


def test_who_likes_nothing_here_is_proposed_nothing() -> None:
    assert scores({"hosts": [own_group("host_id", "h9")]}, hours(h20=9)) == {}
