from dataclasses import replace

import pytest

from scoring.explain import Explanation, explain
from scoring.explore import ExplorationConfig
from scoring.slates import SlateConfig
from tests.scoring.explained_evenings import (
    FUSING,
    NO_CAPS,
    PLAIN,
    candidates,
    known,
    ranked,
    with_slate,
)
from tests.training.known_evening import EVENING, candidate, item_daily
from training.item_side import COLUMNS

ONE_A_SELLER = replace(PLAIN, caps=NO_CAPS | {"seller_cap": 1})


def explained(item_no: int, *order: int, slate: SlateConfig = PLAIN) -> Explanation:
    """An item of an evening whose candidates were proposed in this order."""
    evening = with_slate(known(item_no, ranked(*order)), slate)
    return explain(evening, slate=slate, candidates=FUSING)


def test_an_item_of_the_slate_is_explained_by_its_place_and_value() -> None:
    found = explained(2, 1, 2, 3, 4)

    assert (found.verdict.code, found.verdict.sentence) == ("in_slate", "place 2 of 2")
    assert found.is_made_alike is True
    assert found.value is not None
    assert found.value.value == pytest.approx(0.3 / 22)
    assert found.value.terms == ()
    assert found.contributions is None
    assert (found.user, found.item, found.segment, found.day) == ("ann", "p2", "DE||", EVENING)


def test_the_reserve_and_what_is_behind_it_are_told_apart() -> None:
    third, fourth = explained(3, 1, 2, 3, 4), explained(4, 1, 2, 3, 4)

    assert third.verdict.code == "in_reserve"
    assert fourth.verdict.code == "low_value"
    assert "4 of 4 candidates by value" in fourth.verdict.sentence


def test_an_item_is_capped_where_worse_ones_of_other_sellers_stand() -> None:
    sellers = [{"item_no": n, "seller_id": "s" if n < 3 else f"s{n}"} for n in (1, 2, 3, 4)]
    evening = known(2, ranked(1, 2, 3, 4), item_daily=item_daily(*sellers).select(COLUMNS))

    found = explain(with_slate(evening, ONE_A_SELLER), slate=ONE_A_SELLER, candidates=FUSING)

    assert found.verdict.code == "capped"
    assert found.standing is not None
    assert found.standing.rank_by_value == 2


def test_exploration_is_named_where_it_took_the_place() -> None:
    always = ExplorationConfig(rate=0.999999)
    found = explained(1, 1, 2, 3, 4, slate=replace(PLAIN, k=1, exploration=always))

    assert found.verdict.code == "replaced_by_exploration"
    assert found.standing is not None
    assert found.standing.drawn_instead in {"p3", "p4"}
    assert str(found.standing.drawn_instead) in found.verdict.sentence


def test_a_slate_that_todays_settings_would_not_make_is_said_to_differ() -> None:
    evening = with_slate(known(1, ranked(1, 2, 3, 4)), PLAIN)
    explored = replace(PLAIN, exploration=ExplorationConfig(rate=0.5))

    found = explain(evening, slate=explored, candidates=FUSING)

    assert found.verdict.code == "in_slate"
    assert found.is_made_alike is False


def test_an_item_whose_sources_weigh_otherwise_today_is_said_to_differ() -> None:
    evening = with_slate(known(4, ranked(1, 2, 3, 4)), PLAIN)

    alike = explain(evening, slate=PLAIN, candidates=FUSING)
    other = explain(evening, slate=PLAIN, candidates=replace(FUSING, rank_offset=5.0))

    assert alike.verdict.code == "low_value"
    assert (alike.is_made_alike, other.is_made_alike) == (True, False)


def test_each_source_says_rank_score_and_its_part_of_the_fused_score() -> None:
    proposed = candidates(
        candidate(2, 0.0619, (1, 2, 8.0), (5, 1, 0.9)), candidate(1, 0.05, (1, 1, 9.0))
    )
    evening = with_slate(known(2, proposed), PLAIN)

    found = {one.source: one for one in explain(evening, slate=PLAIN, candidates=FUSING).proposals}

    assert sorted(found) == ["popularity", "unfinished"]
    assert (found["popularity"].rank, found["popularity"].score) == (2, 8.0)
    assert found["popularity"].part == pytest.approx(0.3 / 22)
    assert found["unfinished"].part == pytest.approx(1 / 21)
    assert found["popularity"].because == "users in 7 days: 8; place 2 of all"
    assert "clicked it 1×, carted it 0×, ordered it 0×" in found["unfinished"].because


def test_covisitation_names_the_last_items_that_led_to_it_with_their_parts() -> None:
    evening = with_slate(known(1, candidates(candidate(1, 0.05, (4, 1, 2.3)))), PLAIN)

    [way] = [
        one
        for one in explain(evening, slate=PLAIN, candidates=FUSING).proposals
        if one.source == "covisitation"
    ]

    # Seeds weigh 1, 0.8, … backwards; a weight is divided by the root of its seed's sum.
    assert [(seed.item_id, seed.weight) for seed in way.seeds] == [("p7", 3.0), ("p8", 1.0)]
    assert [seed.score for seed in way.seeds] == pytest.approx([3 / 4**0.5, 0.8 * 1 / 1**0.5])


def test_a_non_candidate_is_told_how_far_it_was_from_being_one() -> None:
    evening = with_slate(known(3, ranked(1, 2)), PLAIN)

    found = explain(evening, slate=PLAIN, candidates=replace(FUSING, num_candidates=2))

    # Popularity proposes 1, 2, 3, 4; co-visitation 1 and 3; 2 is unfinished.
    assert found.verdict.code == "not_a_candidate"
    assert found.standing is None
    assert found.value is None
    assert found.beyond is not None
    assert (found.beyond.rank_by_fused_score, found.beyond.num_proposed) == (3, 4)
    assert found.beyond.num_kept == 2
    assert [one.source for one in found.proposals] == ["popularity", "covisitation"]
    assert [one.rank for one in found.proposals] == [3, 2]


def test_what_no_source_proposes_has_no_proposals() -> None:
    found = explain(with_slate(known(9, ranked(1, 2)), PLAIN), slate=PLAIN, candidates=FUSING)

    assert found.verdict.code == "not_a_candidate"
    assert found.beyond is None
    assert found.proposals == ()
