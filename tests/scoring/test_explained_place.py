import pytest

from etl.surfaces import LIVE_STREAMS, PRODUCT_FEED
from scoring.explained_place import NoSlatesError, place_of, suppression_of, verdict_of
from tests.scoring.explained_evenings import catalogue_item
from tests.scoring.published_rows import DEFAULT, SEGMENT, place, row, slates
from tests.training.known_evening import Row, item_daily, own_item, state_of

OF_SEGMENT = row(SEGMENT, [place(4), place(5)], audience="segment")


def test_a_users_own_slate_comes_before_what_stands_in_for_it() -> None:
    own = row("ann", [place(1), place(2)], reserve=[place(3)])

    found = place_of(2, slates(OF_SEGMENT, DEFAULT, own))
    reserve = place_of(3, slates(OF_SEGMENT, DEFAULT, own))

    assert (found.served_from, found.rank, found.reserve_rank, found.num_items) == (
        "own",
        2,
        None,
        2,
    )
    assert found.shown == place(2)
    assert (reserve.rank, reserve.reserve_rank, reserve.shown) == (None, 1, place(3))


@pytest.mark.parametrize(
    ("of_segment", "served_from"),
    [
        ([OF_SEGMENT], "segment"),
        ([row(SEGMENT, [], audience="segment")], "default"),
        ([], "default"),
    ],
)
def test_an_empty_slate_gives_way_to_the_segments_then_the_default_row(
    of_segment: list[Row], served_from: str
) -> None:
    own = row("ann", [], short_reason="personalisation_off")

    found = place_of(5, slates(own, DEFAULT, *of_segment))

    assert found.served_from == served_from
    assert found.short_reason == "personalisation_off"
    assert found.rank == (2 if served_from == "segment" else None)


def test_a_day_without_slates_is_refused() -> None:
    with pytest.raises(NoSlatesError, match="no slates"):
        place_of(1, slates())


def test_a_user_who_opted_out_is_told_where_his_segments_row_has_it() -> None:
    own = row("ann", [], short_reason="personalisation_off")
    stands = place_of(5, slates(own, DEFAULT, OF_SEGMENT))

    found = verdict_of(
        stands, surface=PRODUCT_FEED, item=catalogue_item(5), suppressed=None, standing=None
    )

    assert found.code == "opted_out"
    assert "the segment row" in found.sentence
    assert "place 2 of 2" in found.sentence


def test_an_item_of_another_type_is_pointed_to_its_surface() -> None:
    item = catalogue_item(5, item_type="short_video")

    found = verdict_of(
        place_of(5, slates(DEFAULT)),
        surface=PRODUCT_FEED,
        item=item,
        suppressed="silent",
        standing=None,
    )

    assert found.code == "wrong_type"
    assert found.sentence.endswith("--surface short_videos")


@pytest.mark.parametrize(
    ("pair", "daily", "reason"),
    [
        (own_item(1, num_hides=1, num_orders=1), {"item_no": 1}, "hidden"),
        (own_item(1, num_orders=1), {"item_no": 1}, "bought"),
        (own_item(1, num_clicks=9), {"item_no": 1}, None),
        (own_item(2, num_orders=1), {"item_no": 1, "is_sold_out": True}, "sold_out"),
        (own_item(2, num_orders=1), {"item_no": 2}, "silent"),
    ],
)
def test_what_keeps_every_source_from_proposing_is_found(
    pair: Row, daily: Row, reason: str | None
) -> None:
    state = state_of({"items": [pair]})

    found = suppression_of(1, surface=PRODUCT_FEED, state=state, item_daily=item_daily(daily))

    assert found == reason


def test_an_order_in_a_live_slot_suppresses_nothing() -> None:
    state = state_of({"items": [own_item(1, num_orders=1)]})
    daily = item_daily({"item_no": 1, "item_type": "live_slot", "item_id": "h@sun-20"})

    assert suppression_of(1, surface=LIVE_STREAMS, state=state, item_daily=daily) is None


def test_a_user_without_history_suppresses_nothing() -> None:
    daily = item_daily({"item_no": 1})

    found = suppression_of(1, surface=PRODUCT_FEED, state=state_of(None), item_daily=daily)

    assert found is None
