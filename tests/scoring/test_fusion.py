from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from etl import surfaces
from etl.arrow import arrow_schema
from etl.surfaces import LIVE_STREAMS, PRODUCT_FEED, SHORT_VIDEOS
from etl.tables import CANDIDATES
from etl.tables.retrieval import SOURCE_CODES
from scoring.fusion import Fused, fuse
from scoring.mixes import MIXES, CandidatesConfig, Share
from scoring.sources import SOURCES, Asked
from tests.training.known_evening import (
    END,
    EVENING,
    Row,
    batch_of,
    lists_of_sources,
    own_group,
    own_item,
    shelf_of,
    visit,
)
from tests.training.retrieval.fitted_sources import all_fitted, is_available
from training.retrieval.learned import NIGHTLY
from training.retrieval.proposals import Proposals
from training.retrieval.shelf import Shelf
from training.retrieval.source_lists import SourceLists
from training.user_side import UserBatch

CONFIG = CandidatesConfig(num_candidates=8)
EVERY = replace(CONFIG, mix={name: Share(20, 1.0) for name in SOURCE_CODES}, num_candidates=100)
"""Every source there is, on a shelf of products, some of which are slots by name."""
NUM_ITEMS = 30


def drawn_state(rng: np.random.Generator) -> Row | None:
    """A user who visited, carted, bought and hid; one in six has no history."""
    if rng.random() < 1 / 6:
        return None
    own = np.flatnonzero(rng.random(NUM_ITEMS) < 0.3).tolist()
    counts = ("num_clicks", "num_carts", "num_orders", "num_hides")
    items = [
        own_item(
            n,
            **{c: int(rng.random() < 0.25) for c in counts},
            affinity=float(rng.integers(1, 4)),
        )
        for n in own
    ]
    groups = [
        own_group(
            "category",
            f"c{n}",
            affinity=float(rng.random()),
            examined=int(rng.integers(90_000_000)),
        )
        for n in range(3)
    ]
    hosts = [own_group("host_id", f"h{n}", affinity=float(rng.random())) for n in range(2)]
    short = [visit(n) for n in rng.permutation(own).tolist()]
    return {"items": items, "categories": groups, "hosts": hosts, "short": short}


def drawn_said(rng: np.random.Generator) -> Row:
    """Whom a user follows, what he searched for, when he is there."""
    searched = {"word": f"w{rng.integers(5)}", "searched_date": EVENING}
    followed = {"host_id": f"h{rng.integers(4)}", "followed_at": END}
    hours = rng.integers(0, 9, 24).tolist()
    return {"active_hours": hours, "query_words": [searched], "followed_hosts": [followed]}


def drawn_lists(rng: np.random.Generator) -> SourceLists:
    def some(most: int) -> list[int]:
        return rng.permutation(NUM_ITEMS + 2)[:most].tolist()

    weights = {n: {to: float(rng.random()) for to in some(6)} for n in range(0, NUM_ITEMS, 2)}
    categories = {("category", f"c{n}"): some(5) for n in range(3)}
    lists = lists_of_sources(
        {("all", "*"): some(12), ("segment", "de||"): some(6), **categories},
        new_items={"*": some(5), "c1": some(3)},
        covisitation=weights,
        responses={
            ("all", "*", "c0"): (90, 9),
            ("all", "*", "c1"): (80, 4),
            ("segment", "de||", "c1"): (30, 4),
            ("category", "c0", "c1"): (9, 2),
        },
    )
    return replace(lists, models=all_fitted())


def is_there(source: str) -> bool:
    return source not in NIGHTLY or is_available(source)


def proposes(source: str, mix: Mapping[str, Share]) -> bool:
    return is_there(source) and mix[source].num_items > 0


class Evening:
    """Five users, lists, and items of which one in five is sold out."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.states = [drawn_state(rng) for _ in range(5)]
        self.said = [{"user_id": f"u{n}", **drawn_said(rng)} for n in range(5)]
        self.segments = ["de||" if n % 2 else "||" for n in range(len(self.states))]
        self.lists = drawn_lists(rng)
        self.sold_out = set(range(0, NUM_ITEMS, 5))
        rows = [
            {
                "item_no": n,
                "is_eligible": n not in self.sold_out,
                "category": f"c{n % 4}",
                "host_id": f"h{n % 5}",
                "title": f"w{n % 6} w{n % 4}",
                "product_ids": [f"p{(n + 1) % NUM_ITEMS}"],
                "num_clicks_7d": n % 7,
                "click_rate_28d": 0.01 * (n % 9 + 1),
                "appeal": 0.2 * (n % 9 + 1),
                "category_click_rate_28d": 0.05,
            }
            for n in range(NUM_ITEMS)
        ]
        self.shelf = shelf_of(*rows)
        self.slots = shelf_of(*(slot_like(row) for row in rows), surface=LIVE_STREAMS)

    def batch(self, *users: int) -> UserBatch:
        chosen = users or range(5)
        return batch_of(
            *(self.states[n] for n in chosen),
            segments=[self.segments[n] for n in chosen],
            said=[self.said[n] for n in chosen],
        )

    def fused(self, *users: int, config: CandidatesConfig = CONFIG) -> list[list[Row]]:
        batch = self.batch(*users)
        return rows_of(fuse(batch, self.shelf, self.lists, config=config))

    def proposed(self, config: CandidatesConfig) -> dict[str, Proposals]:
        """What each source says by itself."""
        asked = Asked(self.batch(), self.shelf, self.lists, config)
        return {name: SOURCES[name](asked, config.mix[name].num_items) for name in config.mix}

    def slowly(self, user: int, config: CandidatesConfig) -> list[tuple[int, float, list[int]]]:
        """Reciprocal rank fusion of one user by plain loops: item, score, codes of its sources."""
        own = (self.states[user] or {"items": []})["items"]
        done = {e["item_no"] for e in own if e["num_orders"] or e["num_hides"]}
        may = set(range(NUM_ITEMS)) - self.sold_out - done
        score: dict[int, float] = {}
        sources: dict[int, list[int]] = {}
        for name, found in self.proposed(config).items():
            items = [n for n in found.item_P[found.user_P == user].tolist() if n in may]
            for rank, item in enumerate(items, 1):
                part = config.mix[name].weight / (config.rank_offset + rank)
                score[item] = score.get(item, 0.0) + part
                sources.setdefault(item, []).append(SOURCE_CODES[name])
        best = sorted(score, key=lambda n: (-np.float32(score[n]), n))[: config.num_candidates]
        return [(n, pytest.approx(score[n]), sorted(sources[n])) for n in best]


def rows_of(fused: Fused) -> list[list[Row]]:
    who = pa.table({"user_id": [f"u{n}" for n in range(fused.num_users)]})
    schema = arrow_schema(CANDIDATES["product_feed"].schema)
    return fused.rows(EVENING, who).cast(schema).column("items").to_pylist()


@pytest.mark.parametrize("seed", range(6))
def test_proposals_are_fused_by_weighted_reciprocal_ranks(seed: int) -> None:
    evening = Evening(seed)
    for user, own in enumerate(evening.fused()):
        said = [
            (c["item_no"], c["fused_score"], [p["source"] for p in c["proposals"]]) for c in own
        ]
        assert said == evening.slowly(user, CONFIG)
        assert len(own) <= 8


@pytest.mark.parametrize("seed", range(3))
def test_a_user_is_fused_alike_alone_and_in_a_batch(seed: int) -> None:
    evening = Evening(seed)
    assert [evening.fused(user)[0] for user in range(5)] == evening.fused()


def test_ranks_and_scores_of_a_source_are_kept_with_the_candidate() -> None:
    lists = lists_of_sources({("all", "*"): [4, 2, 3]})
    [own] = rows_of(fuse(batch_of(None), products(5), lists, config=CONFIG))
    code = SOURCE_CODES["popularity"]
    assert [c["proposals"] for c in own] == [
        [{"source": code, "rank": rank, "score": score}]
        for rank, score in ((1, 3.0), (2, 2.0), (3, 1.0))
    ]


def products(num_items: int) -> Shelf:
    return shelf_of(*({"item_no": n} for n in range(num_items)))


def slot_like(row: Row) -> Row:
    """The same item as a live slot."""
    number = row["item_no"]
    return {**row, "item_type": "live_slot", "item_id": f"{row['host_id']}@sun-{number % 24:02}"}


def test_what_was_bought_or_hidden_is_nobodys_candidate() -> None:
    lists = lists_of_sources({("all", "*"): [1, 2, 3]}, covisitation={3: {1: 1.0, 4: 1.0}})
    own = [own_item(1, num_orders=1), own_item(2, num_hides=1), own_item(3, num_clicks=1)]
    batch = batch_of({"items": own, "short": [visit(3)]}, None)

    fused = rows_of(fuse(batch, products(5), lists, config=CONFIG))

    assert {c["item_no"] for c in fused[0]} == {3, 4}
    assert {c["item_no"] for c in fused[1]} == {1, 2, 3}
    # Places that others held are closed up: the first left is the source's first.
    assert [p["rank"] for c in fused[0] for p in c["proposals"]] == [1, 1, 1]


def test_an_order_in_a_live_slot_leaves_it_a_candidate_and_a_hide_does_not() -> None:
    slots = shelf_of(
        *(slot_like({"item_no": n, "host_id": f"h{n}"}) for n in range(4)), surface=LIVE_STREAMS
    )
    lists = lists_of_sources({("all", "*"): [1, 2, 3]})
    own = [own_item(1, num_orders=2), own_item(2, num_orders=1, num_hides=1)]

    [fused] = rows_of(fuse(batch_of({"items": own}), slots, lists, config=CONFIG))

    assert [c["item_no"] for c in fused] == [1, 3]


def test_only_items_of_the_surface_that_are_in_stock_are_candidates() -> None:
    items = (
        {"item_no": 1, "is_eligible": False},
        {"item_no": 2, "item_type": "short_video"},
        {"item_no": 3},
    )
    lists = lists_of_sources({("all", "*"): [1, 2, 3, 9]})
    for surface, wanted in ((PRODUCT_FEED, [3]), (SHORT_VIDEOS, [2])):
        shelf = shelf_of(*items, surface=surface)
        [own] = rows_of(fuse(batch_of(None), shelf, lists, config=CONFIG))
        assert [c["item_no"] for c in own] == wanted


@pytest.mark.parametrize("dropped", MIXES["product_feed"])
def test_a_source_is_dropped_by_one_line_of_config(dropped: str) -> None:
    evening, mix = Evening(1), MIXES["product_feed"]
    left = {name: share for name, share in mix.items() if name != dropped}
    for changed in (left, {**mix, dropped: Share(0, 1.0)}):
        config = replace(CONFIG, mix=changed, num_candidates=100)
        codes = {
            p["source"] for own in evening.fused(config=config) for c in own for p in c["proposals"]
        }
        assert codes == {SOURCE_CODES[name] for name in left if proposes(name, mix)}


def test_every_source_is_on_some_surface_and_every_surface_knows_its_sources() -> None:
    named = {name for mix in MIXES.values() for name in mix}
    assert named == set(SOURCES) == set(SOURCE_CODES)
    assert set(MIXES) == set(surfaces.NAMES)


@pytest.mark.parametrize("source", SOURCE_CODES)
@pytest.mark.parametrize("seed", range(2))
def test_a_source_keeps_what_every_source_promises(source: str, seed: int) -> None:
    """Its best first, each item once, at most as many as asked, the same alone and in a batch."""
    if not is_there(source):
        pytest.skip(f"{NIGHTLY[source].needs} is not installed (NETWORKS=0)")
    evening = Evening(seed)

    def proposed(num_items: int, *users: int) -> list[list[tuple[int, float]]]:
        shelf = evening.slots if source == "live_presence" else evening.shelf
        asked = Asked(evening.batch(*users), shelf, evening.lists, EVERY)
        found = SOURCES[source](asked, num_items)
        assert (np.diff(found.user_P) >= 0).all()
        pairs = list(zip(found.item_P.tolist(), found.score_P.tolist(), strict=True))
        return [
            [pair for pair, user in zip(pairs, found.user_P.tolist(), strict=True) if user == n]
            for n in range(len(users) or 5)
        ]

    every = proposed(20)
    assert sum(map(len, every)) > 0
    for own in every:
        assert len({item for item, _ in own}) == len(own) <= 20
        scores = [score for _, score in own]
        assert scores == sorted(scores, reverse=True)
        assert all(0 < score < np.inf for score in scores)
    assert proposed(20) == every
    assert [proposed(20, n)[0] for n in range(5)] == every
    assert proposed(2) == [own[:2] for own in every]


def test_without_lists_and_histories_everybody_has_an_empty_row() -> None:
    nothing = lists_of_sources({})
    fused = fuse(batch_of(None, {}), products(2), nothing, config=CONFIG)
    assert rows_of(fused) == [[], []]
