"""What is measured of the kernels: ours beside a reference, in one run, in turns.

Each function measures one step and gives its rows. Shapes: U users, I items, D numbers of a vector.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import similaripy
from implicit.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix, diags_array

from benchmarks import retrieval_measures
from benchmarks.drawn import drawn
from benchmarks.figures import Row, medians
from training.retrieval import factors, item_cf, linear_items, top_k
from training.retrieval.factors import FactorsConfig
from training.retrieval.interactions import Interactions
from training.retrieval.item_cf import ItemCfConfig
from training.retrieval.linear_items import LinearItemsConfig
from training.retrieval.source import lists
from training.retrieval.top_k import Masks, Query

SEED: Final = 1
_BLAS_USERS: Final = 512
"""Users that sgemm multiplies at once; with these blocks it was fastest."""
_BLAS_ITEMS: Final = 1024
"""Items that it multiplies at once."""
_FAISS_THRESHOLD: Final = 20
"""Queries from which on faiss uses BLAS; what it does since 1.15 without takes four times as long.
"""
_SEEN: Final = 50
"""Items that each user has seen, in the measure of top-K."""
_ALLOWED: Final = 0.95
"""Share of items that may be listed, likewise."""
SEQUENCES_A_MINUTE: Final = 25_000
"""Sequences of 50 that SASRec should learn from in a cpu-minute."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """How much is measured."""

    rounds: int = 3
    """Times that each is run; the median counts."""
    top_users: int = 1024
    """Users listed to."""
    top_items: int = 200_000
    """Items that they are listed from."""
    top_width: int = 64
    """D of their vectors."""
    top_places: int = 100
    """K."""
    near_users: int = 50_000
    """Users of 49 items, less repeats, from whom item–item is learned."""
    near_items: int = 20_000
    """Items of theirs."""
    als_users: int = 100_000
    """Users of 100 items, who are factorised."""
    als_items: int = 50_000
    """Items of theirs."""
    sequences: int = 4096
    """Sequences of 51 items, from which SASRec learns."""
    sequence_items: int = 12_000
    """Items of theirs."""
    ease_users: int = 20_000
    """Users of 20 items, from whom EASE is learned."""
    ease_items: int = 6_000
    """Items of theirs."""
    ease_rank: int = 1000
    """Vectors of low rank."""


QUICK: Final = Sizes(
    top_users=64,
    top_items=2000,
    top_width=16,
    top_places=10,
    near_users=300,
    near_items=100,
    als_users=300,
    als_items=100,
    sequences=16,
    sequence_items=100,
    ease_users=300,
    ease_items=120,
    ease_rank=60,
)
"""So little that only whether it runs is seen."""


def top_rows(sizes: Sizes) -> list[Row]:
    """Exact top-K with masks inside, beside faiss and bare products without masks.

    Raises:
        ModuleNotFoundError: If there is no faiss.
    """
    import faiss

    faiss.omp_set_num_threads(1)
    faiss.cvar.distance_compute_blas_threshold = _FAISS_THRESHOLD
    rng = np.random.default_rng(SEED)
    shape_U, shape_I = (sizes.top_users, sizes.top_width), (sizes.top_items, sizes.top_width)
    user_UD = rng.standard_normal(shape_U).astype(np.float32)
    item_ID = rng.standard_normal(shape_I).astype(np.float32)
    seen = rng.integers(sizes.top_items, size=(sizes.top_users, _SEEN)).tolist()
    histories = Interactions.of(seen, num_items=sizes.top_items)
    query = Query(user_UD, item_ID, Masks(histories, rng.random(sizes.top_items) < _ALLOWED))
    index = faiss.IndexFlatIP(sizes.top_width)
    index.add(item_ID)
    spent = medians(
        {
            "sgemm": lambda: _multiply(user_UD, item_ID),
            "faiss": lambda: index.search(user_UD, sizes.top_places),
            "ours": lambda: top_k.top_k(query, num_items=sizes.top_places),
        },
        sizes.rounds,
    )
    micros = {name: seconds / sizes.top_users * 1e6 for name, seconds in spent.items()}
    step = (
        f"top-{sizes.top_places} of {sizes.top_items:,} × {sizes.top_width}, masks inside "
        f"({top_k.in_use().name})"
    )
    return [
        Row(
            step=step,
            against=against,
            unit="cpu-µs a user",
            reference=micros[name],
            ours=micros["ours"],
            limit=limit,
        )
        for name, against, limit in (
            ("faiss", "faiss flat, no masks", 1.05),
            ("sgemm", "bare sgemm (numpy)", 1.5),
        )
    ]


def _multiply(user_UD: np.ndarray, item_ID: np.ndarray) -> None:
    """Compute all products block by block, each in the place of the last."""
    scores_IU = np.empty((_BLAS_ITEMS, _BLAS_USERS), np.float32)
    for first in range(0, len(user_UD), _BLAS_USERS):
        users = user_UD[first : first + _BLAS_USERS]
        for start in range(0, len(item_ID), _BLAS_ITEMS):
            items = item_ID[start : start + _BLAS_ITEMS]
            np.matmul(items, users.T, out=scores_IU[: len(items), : len(users)])


def near_rows(sizes: Sizes) -> list[Row]:
    """Each item's nearest by cosine, beside a call of similaripy on the same matrix."""
    histories = drawn(sizes.near_users, sizes.near_items, num_each=49, seed=SEED)
    config = ItemCfConfig(num_neighbours=100)

    def plain() -> None:
        touched = histories.matrix()
        # similaripy fails on empty rows.
        touched = touched[:, np.unique(histories.item_N)]
        scaled = diags_array(touched.sum(axis=1) ** -config.user_power) @ touched
        similaripy.cosine(
            csr_matrix(scaled.T.astype(np.float32)),
            k=config.num_neighbours,
            shrink=config.shrink,
            verbose=False,
            num_threads=1,
            format_output="csr",
        )

    spent = medians(
        {"plain": plain, "ours": lambda: item_cf.fit(histories, config=config, seed=SEED)},
        sizes.rounds,
    )
    num_pairs = int((histories.length_U**2).sum())
    return [
        Row(
            step=f"item–item top-100, {num_pairs / 1e6:.0f} M pairs",
            against="similaripy",
            unit="cpu-s",
            reference=spent["plain"],
            ours=spent["ours"],
            limit=1.05,
        )
    ]


def als_rows(sizes: Sizes) -> list[Row]:
    """Two iterations of ALS, beside the same by implicit."""
    histories = drawn(sizes.als_users, sizes.als_items, num_each=100, seed=SEED)
    config = FactorsConfig(num_factors=64, num_rounds=2)

    def plain() -> None:
        model = AlternatingLeastSquares(
            factors=config.num_factors,
            regularization=config.l2,
            alpha=config.alpha,
            iterations=config.num_rounds,
            num_threads=1,
            random_state=SEED,
        )
        model.fit(csr_matrix(histories.matrix()), show_progress=False)

    spent = medians(
        {"plain": plain, "ours": lambda: factors.fit(histories, config=config, seed=SEED)},
        sizes.rounds,
    )
    return [
        Row(
            step=f"ALS iteration, {len(histories.item_N) / 1e6:.1f} M interactions, d=64",
            against="implicit",
            unit="cpu-s",
            reference=spent["plain"] / config.num_rounds,
            ours=spent["ours"] / config.num_rounds,
            limit=1.05,
        )
    ]


def sasrec_rows(sizes: Sizes) -> list[Row]:
    """How many sequences SASRec learns from.

    Raises:
        ModuleNotFoundError: If there is no torch.
    """
    import torch

    from training.retrieval import sasrec
    from training.retrieval.sasrec import SasrecConfig

    torch.set_num_threads(1)
    rng = np.random.default_rng(SEED)
    walks = rng.integers(sizes.sequence_items, size=(sizes.sequences, 51)).tolist()
    histories = Interactions.of(walks, num_items=sizes.sequence_items)
    config = SasrecConfig(num_epochs=1, num_negatives=512)
    work = {"ours": lambda: sasrec.fit(histories, config=config, seed=SEED)}
    spent = medians(work, sizes.rounds)["ours"]
    return [
        Row(
            step="SASRec, sequences of 50, 1 block, d=64, 512 shared negatives",
            against="the goal",
            unit="a cpu-minute",
            reference=SEQUENCES_A_MINUTE,
            ours=sizes.sequences * 60 / spent,
            limit=1.0,
            is_more_better=True,
        )
    ]


@dataclass(frozen=True, slots=True)
class Foretold:
    """Histories to learn from and to ask with, and what came then."""

    learned: Interactions
    asked: Interactions
    truth: Interactions


def ease_rows(sizes: Sizes, data: Foretold) -> list[Row]:
    """Exact EASE beside a plain one, and what low rank loses."""
    num_items = data.learned.num_items
    exact = LinearItemsConfig(max_exact_items=num_items)
    spent = medians(
        {
            "plain": lambda: plain_ease(data.learned, l2=exact.l2),
            "ours": lambda: linear_items.fit(data.learned, config=exact, seed=SEED),
        },
        sizes.rounds,
    )
    step = f"EASE of {num_items:,} items"
    cost = Row(
        step=f"{step}, exact",
        against="numpy's inverse",
        unit="cpu-s",
        reference=spent["plain"],
        ours=spent["ours"],
        limit=1.0,
    )
    low = LinearItemsConfig(max_exact_items=0, rank=sizes.ease_rank)
    found = {}
    for name, config in (("exact", exact), ("low", low)):
        source = linear_items.fit(data.learned, config=config, seed=SEED)
        listed = lists(source, data.asked, num_items=100)
        found[name] = {
            measure: retrieval_measures.mean(listed, data.truth, measure)
            for measure in ("ndcg@10", "recall@100")
        }
    return [
        cost,
        *(
            Row(
                step=f"{step}, rank {sizes.ease_rank}",
                against="exact",
                unit=measure,
                reference=found["exact"][measure],
                ours=found["low"][measure],
                limit=0.95,
                is_more_better=True,
            )
            for measure in ("ndcg@10", "recall@100")
        ),
    ]


def plain_ease(histories: Interactions, *, l2: float) -> np.ndarray:
    """Solve for B as it is written (Steck, WWW 2019): float32, I × I."""
    touched = histories.matrix()
    gram_II = (touched.T @ touched).toarray()
    gram_II[np.diag_indices(len(gram_II))] += l2
    inverse_II = np.linalg.inv(gram_II)
    weight_II = inverse_II / -np.diag(inverse_II)
    weight_II[np.diag_indices(len(weight_II))] = 0
    return weight_II
