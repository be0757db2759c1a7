from etl.surfaces import LIVE_STREAMS, PRODUCT_FEED
from scoring.explained_links import links_of
from tests.training.known_evening import (
    END,
    EVENING,
    Row,
    ago,
    batch_of,
    own_group,
    own_item,
    shelf_of,
    user_daily,
)

ITEMS: tuple[Row, ...] = (
    {"item_no": 1, "title": "Red hat", "host_id": "h1"},
    {"item_no": 2, "item_type": "short_video", "product_ids": ["p1"]},
    {"item_no": 3, "item_type": "live_slot", "item_id": "h1@sun-20", "host_id": "h1"},
)
STATE: Row = {
    "items": [
        own_item(1, num_clicks=1, affinity=2.0, affinity_at=ago(7)),
        own_item(2, watch_ms=9_000, last_watch_at=ago(3)),
    ],
    "hosts": [own_group("host_id", "h1", affinity=3.0), own_group("host_id", "h9", affinity=9.0)],
}
SAID: Row = {
    "active_hours": [0] * 20 + [3, 0, 0, 1],
    "query_words": [{"word": "red", "searched_date": EVENING}],
    "followed_hosts": [{"host_id": "h1", "followed_at": END}],
}


def told(item_no: int) -> dict[str, str]:
    items = shelf_of(*ITEMS, surface=PRODUCT_FEED).items
    users = user_daily({"user_id": "ann", **SAID})
    return links_of(item_no, batch_of(STATE, said=[SAID]), users=users, items=items)


def test_a_product_is_tied_by_what_shows_it_by_words_and_by_its_host() -> None:
    assert told(1) == {
        "watched_products": "he saw what shows it 3.0 days ago",
        "searched": "share of its title's words that he searched for: 50%",
        "followed_hosts": "he follows h1",
        "host_affinity": "share of h1 in his hosts: 100%",
    }


def test_a_video_is_tied_by_the_products_it_shows() -> None:
    assert told(2) == {"showing_products": "weighted events with products it shows: 1.00"}


def test_a_slot_is_tied_by_its_hour() -> None:
    assert LIVE_STREAMS.item_type == ITEMS[2]["item_type"]
    assert told(3)["live_presence"] == "share of his active hours: 75%"


def test_nothing_ties_a_user_to_an_item_of_the_past() -> None:
    assert told(99) == {}
