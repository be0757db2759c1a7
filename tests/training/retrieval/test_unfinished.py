from tests.training.known_evening import ago, batch_of, own_item, side_of
from training.retrieval.unfinished import propose

ITEMS = side_of(
    {"item_no": 1},
    *({"item_no": n, "item_type": "short_video", "duration_ms": 10_000.0} for n in (5, 6)),
    {"item_no": 7, "item_type": "short_video", "duration_ms": None},
    {"item_no": 8, "item_type": "live_slot", "item_id": "h@mon-10", "duration_ms": 10_000.0},
)


def proposed(*states: list[dict], num_items: int = 10) -> list[tuple[int, int, float]]:
    found = propose(batch_of(*({"items": items} for items in states)), ITEMS, num_items=num_items)
    columns = (found.user_P, found.item_P, found.score_P)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_what_was_looked_at_or_carted_and_not_ordered_is_proposed() -> None:
    own = [
        own_item(1, num_clicks=1),
        own_item(2, num_carts=1),
        own_item(3, num_clicks=5, num_orders=1),
        own_item(4, num_hides=1),
    ]
    assert [item for _, item, _ in proposed(own)] == [1, 2]


def test_the_strongest_come_first_as_decayed_to_the_evening() -> None:
    own = [
        own_item(1, num_clicks=1, affinity=3.0, affinity_at=ago(14)),
        own_item(2, num_clicks=1, affinity=1.0, affinity_at=ago(0)),
        own_item(3, num_clicks=1, affinity=2.0, affinity_at=ago(7)),
    ]
    assert proposed(own) == [(0, 2, 1.0), (0, 3, 1.0), (0, 1, 0.75)]
    assert [item for _, item, _ in proposed(own, num_items=2)] == [2, 3]


def test_a_video_is_open_until_nine_tenths_of_it_are_watched() -> None:
    own = [
        own_item(5, num_clicks=1, watch_ms=8_999),
        own_item(6, num_clicks=1, watch_ms=9_000),
        own_item(7, watch_ms=99_000),
        own_item(8, watch_ms=99_000),
    ]
    assert [item for _, item, _ in proposed(own)] == [5, 7, 8]


def test_each_user_is_proposed_his_own() -> None:
    found = proposed([own_item(1, num_clicks=1)], [], [own_item(1, num_clicks=1)])
    assert [(user, item) for user, item, _ in found] == [(0, 1), (2, 1)]
