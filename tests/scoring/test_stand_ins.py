from etl.surfaces import PRODUCT_FEED, SHORT_VIDEOS
from scoring.explore import ExplorationConfig
from scoring.slates import SlateConfig
from scoring.stand_ins import build
from tests.training.known_evening import EVENING, Row, lists_of_sources, side_of

SIDE = side_of(
    *({"item_no": n, "seller_id": f"s{n}", "is_eligible": n != 9} for n in range(12)),
    {"item_no": 20, "item_type": "short_video", "seller_id": "s0"},
)
LISTS = lists_of_sources(
    {
        ("all", "*"): [1, 2, 3, 9, 4, 5, 6],
        ("segment", "de||"): [7, 9, 2],
    }
)
CONFIG = SlateConfig(k=4, reserve_share=0.25, exploration=ExplorationConfig(rate=0.9))


def made(**changed: object) -> dict[str, Row]:
    """Rows by their key."""
    same = {"segments": ["de||"], "surface": PRODUCT_FEED, "evening": EVENING, "config": CONFIG}
    given = same | changed
    lists = given.pop("lists", LISTS)
    rows = build(lists, SIDE, **given).to_pylist()
    return {row["audience_key"]: row for row in rows}


def numbers(places: list[Row]) -> list[int]:
    return [place["item_no"] for place in places]


def test_the_default_row_is_popularity_of_what_may_be_shown() -> None:
    row = made()["*"]
    assert (row["audience"], row["segment"], row["ranker"]) == ("default", "", "none")
    assert numbers(row["items"]) == [1, 2, 3, 4]
    assert numbers(row["reserve"]) == [5]
    assert {tuple(place["sources"]) for place in row["items"]} == {("popularity",)}


def test_a_segments_own_list_comes_first_and_everybodys_fills_it_up() -> None:
    row = made()["de||"]
    assert (row["audience"], row["segment"]) == ("segment", "de||")
    assert numbers(row["items"]) == [7, 2, 1, 3]
    assert [place["sources"] for place in row["items"]] == [
        ["popularity_in_segment"],
        ["popularity_in_segment"],
        ["popularity"],
        ["popularity"],
    ]
    assert row["short_reason"] is None


def test_a_segment_in_which_nobody_acted_gets_the_defaults_items() -> None:
    rows = made(segments=["de||", "fr||", "||"])
    assert sorted(rows) == ["*", "de||", "fr||"]
    assert (rows["fr||"]["audience"], rows["fr||"]["segment"]) == ("segment", "fr||")
    for part in ("items", "reserve", "short_reason"):
        assert rows["fr||"][part] == rows["*"][part]


def test_nothing_is_drawn_into_a_row_that_many_share() -> None:
    for row in made().values():
        assert not any(place["is_exploration"] for place in row["items"])
        assert {place["propensity"] for place in row["items"]} == {1.0}


def test_the_caps_of_users_slates_hold_here_too() -> None:
    lists = lists_of_sources({("all", "*"): [4, 8, 0, 2, 6, 1]})
    side = side_of(*({"item_no": n, "seller_id": f"s{n % 4}"} for n in range(12)))
    config = SlateConfig(k=4, reserve_share=0.25, caps={"seller_cap": 2})
    [row] = build(
        lists, side, segments=[], surface=PRODUCT_FEED, evening=EVENING, config=config
    ).to_pylist()
    assert numbers(row["items"]) == [4, 8, 2, 6]
    assert numbers(row["reserve"]) == [1]


def test_a_surface_without_popular_items_has_a_default_row_that_says_so() -> None:
    rows = made(surface=SHORT_VIDEOS, lists=lists_of_sources({}), segments=[])
    assert list(rows) == ["*"]
    assert (rows["*"]["items"], rows["*"]["short_reason"]) == ([], "only 0 candidates")
