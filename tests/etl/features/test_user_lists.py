"""What ``test_user_daily`` has too few events for: full lists, and what becomes of them."""

from datetime import timedelta

import pyarrow as pa

from etl.days import Days
from etl.features.user_lists import MAX_FOLLOWED, MAX_WORDS
from tests.etl.features.shop_log import FIRST, Row, event, of_day, same_bits
from tests.etl.features.test_user_daily import KEY, kernels, night_by_night

WEEK = Days(FIRST, FIRST + timedelta(days=8))


def follow(number: int, day: float, host: str) -> Row:
    return event(f"f{number:04}", "follow", day, user_id="u", host_id=host)


def search(number: int, day: float, query: str, arrived: int | None = None) -> Row:
    return event(f"s{number:04}", "search", day, arrived, user_id="u", query=query)


def evening(rows: pa.Table, day: int) -> Row:
    return of_day(rows, FIRST + timedelta(days=day)).to_pylist()[0]


def test_of_many_hosts_the_latest_followed_are_kept() -> None:
    follows = [follow(n, n / 100, f"h{n:04}") for n in range(MAX_FOLLOWED + 50)]
    again = follow(999, 8.5, "h0003")

    made = kernels([*follows, again], None, WEEK)

    assert same_bits(made, night_by_night([*follows, again], WEEK), *KEY)
    hosts = [h["host_id"] for h in evening(made, 8)["followed_hosts"]]
    assert hosts == ["h0003", *(f"h{n:04}" for n in range(MAX_FOLLOWED + 49, 50, -1))]


def test_of_many_words_the_latest_searched_are_kept_in_nights_and_ranges() -> None:
    searches = [search(n, n / 16, f"w{n:04} w{n % 30}") for n in range(130)]
    late = search(500, 1.5, "late", arrived=4)

    made = kernels([*searches, late], None, WEEK)

    assert same_bits(made, night_by_night([*searches, late], WEEK), *KEY)
    full = evening(made, 7)["query_words"]
    assert len(full) == MAX_WORDS
    assert full[0] == {"word": "w0", "searched_date": FIRST + timedelta(days=7)}


def test_a_search_is_forgotten_after_seven_event_days() -> None:
    rows = [search(1, 0.5, "old"), search(2, 1.5, "Late, LATE", arrived=3), search(3, 8.5, "new")]

    made = kernels(rows, None, WEEK)

    words = [[w["word"] for w in evening(made, n)["query_words"]] for n in (0, 2, 3, 6, 7, 8)]
    assert words == [["old"], ["old"], ["late", "old"], ["late", "old"], ["late"], ["new"]]
