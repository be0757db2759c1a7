from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from etl.arrow import arrow_schema
from etl.surfaces import PRODUCT_FEED, SHORT_VIDEOS
from etl.tables import CANDIDATES
from etl.tables.retrieval import SOURCE_CODES
from scoring.fusion import CandidatesConfig, Fused, fuse
from tests.training.known_evening import (
    EVENING,
    Row,
    batch_of,
    lists_of_sources,
    own_group,
    own_item,
    side_of,
    visit,
)
from training.item_side import ItemSide
from training.retrieval import covisitation, new_items, popularity, unfinished
from training.retrieval.proposals import Proposals
from training.retrieval.source_lists import SourceLists
from training.user_side import UserBatch

CONFIG = CandidatesConfig(num_candidates=8)
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
    groups = [own_group("category", f"c{n}", affinity=float(rng.random())) for n in range(3)]
    short = [visit(n) for n in rng.permutation(own).tolist()]
    return {"items": items, "categories": groups, "short": short}


def drawn_lists(rng: np.random.Generator) -> SourceLists:
    def some(most: int) -> list[int]:
        return rng.permutation(NUM_ITEMS + 2)[:most].tolist()

    weights = {n: {to: float(rng.random()) for to in some(6)} for n in range(0, NUM_ITEMS, 2)}
    categories = {("category", f"c{n}"): some(5) for n in range(3)}
    return lists_of_sources(
        {("all", "*"): some(12), ("segment", "de||"): some(6), **categories},
        new_items={"*": some(5), "c1": some(3)},
        covisitation=weights,
    )


class Evening:
    """Five users, lists, and items of which one in five is sold out."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.states = [drawn_state(rng) for _ in range(5)]
        self.segments = ["de||" if n % 2 else "||" for n in range(len(self.states))]
        self.lists = drawn_lists(rng)
        self.sold_out = set(range(0, NUM_ITEMS, 5))
        rows = ({"item_no": n, "is_sold_out": n in self.sold_out} for n in range(NUM_ITEMS))
        self.side = side_of(*rows)

    def batch(self, *users: int) -> UserBatch:
        chosen = users or range(5)
        return batch_of(
            *(self.states[n] for n in chosen), segments=[self.segments[n] for n in chosen]
        )

    def fused(self, *users: int, config: CandidatesConfig = CONFIG) -> list[list[Row]]:
        batch = self.batch(*users)
        return rows_of(fuse(batch, self.side, self.lists, surface=PRODUCT_FEED, config=config))

    def proposed(self, config: CandidatesConfig) -> dict[str, Proposals]:
        """What each source says by itself."""
        batch, lists, most = self.batch(), self.lists, config.num_by_source
        categories = {"num_categories": config.num_categories}
        return {
            "popularity": popularity.propose(batch, lists, num_items=most["popularity"]),
            "popularity_in_categories": popularity.propose_in_categories(
                batch, lists, num_items=most["popularity_in_categories"], **categories
            ),
            "popularity_in_segment": popularity.propose_in_segment(
                batch, lists, num_items=most["popularity_in_segment"]
            ),
            "covisitation": covisitation.propose(
                batch, lists, num_items=most["covisitation"], config=config.seeds
            ),
            "unfinished": unfinished.propose(batch, num_items=most["unfinished"]),
            "new_items": new_items.propose(batch, lists, num_items=most["new_items"], **categories),
        }

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
                part = config.weight_by_source[name] / (config.rank_offset + rank)
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
    [own] = rows_of(fuse(batch_of(None), products(5), lists, surface=PRODUCT_FEED, config=CONFIG))
    code = SOURCE_CODES["popularity"]
    assert [c["proposals"] for c in own] == [
        [{"source": code, "rank": rank, "score": score}]
        for rank, score in ((1, 3.0), (2, 2.0), (3, 1.0))
    ]


def products(num_items: int) -> ItemSide:
    return side_of(*({"item_no": n} for n in range(num_items)))


def test_what_was_bought_or_hidden_is_nobodys_candidate() -> None:
    lists = lists_of_sources({("all", "*"): [1, 2, 3]}, covisitation={3: {1: 1.0, 4: 1.0}})
    own = [own_item(1, num_orders=1), own_item(2, num_hides=1), own_item(3, num_clicks=1)]
    batch = batch_of({"items": own, "short": [visit(3)]}, None)

    fused = rows_of(fuse(batch, products(5), lists, surface=PRODUCT_FEED, config=CONFIG))

    assert {c["item_no"] for c in fused[0]} == {3, 4}
    assert {c["item_no"] for c in fused[1]} == {1, 2, 3}
    # Places that others held are closed up: the first left is the source's first.
    assert [p["rank"] for c in fused[0] for p in c["proposals"]] == [1, 1, 1]


def test_only_items_of_the_surface_that_are_in_stock_are_candidates() -> None:
    items = side_of(
        {"item_no": 1, "is_sold_out": True},
        {"item_no": 2, "item_type": "short_video"},
        {"item_no": 3},
    )
    lists = lists_of_sources({("all", "*"): [1, 2, 3, 9]})
    for surface, wanted in ((PRODUCT_FEED, [3]), (SHORT_VIDEOS, [2])):
        [own] = rows_of(fuse(batch_of(None), items, lists, surface=surface, config=CONFIG))
        assert [c["item_no"] for c in own] == wanted


@pytest.mark.parametrize("dropped", SOURCE_CODES)
def test_a_source_is_dropped_by_one_line_of_config(dropped: str) -> None:
    evening = Evening(1)
    left = {name: n for name, n in CONFIG.num_by_source.items() if name != dropped}
    for num_by_source in (left, {**CONFIG.num_by_source, dropped: 0}):
        config = replace(CONFIG, num_by_source=num_by_source, num_candidates=100)
        fused = evening.fused(config=config)
        codes = {p["source"] for own in fused for c in own for p in c["proposals"]}
        assert codes == set(SOURCE_CODES.values()) - {SOURCE_CODES[dropped]}


def test_without_lists_and_histories_everybody_has_an_empty_row() -> None:
    nothing = lists_of_sources({})
    fused = fuse(batch_of(None, {}), products(2), nothing, surface=PRODUCT_FEED, config=CONFIG)
    assert rows_of(fused) == [[], []]
