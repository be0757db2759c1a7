"""Makes retrieval/latent_interests: how users of a group respond to what they are shown.

Groups are everybody, a segment, and those who are interested in a category: so the table says which
categories point to which. The source reads it to try out on a user what he has not shown an
interest in (``latent_response``). What he was shown and did there, in features/user_pairs, is
the account of what was spent on him and what it returned; where a log has no impressions nobody
could say when to stop, and nothing is proposed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F

from etl.arrow import offsets_of, ranges, run_starts
from etl.features.positions import PARTS
from etl.tables import RETRIEVAL_LATENT_INTERESTS
from training import user_side
from training.lookup import key, taken
from training.retrieval.latent_response import (
    Account,
    Asked,
    LatentConfig,
    Responses,
    drawn,
)
from training.retrieval.proposals import Proposals, from_lists, strongest, summed
from training.retrieval.source_lists import Arrays, Named, SourceLists
from training.seeds import streams
from training.user_side import Lists, UserBatch, codes_in

EVERYBODY: Final = "*"
_NO_SEGMENT: Final = "||"


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponsesConfig:
    """How users are counted."""

    max_looks: int = 3
    """Looks of one user at one category that count at most, and his clicks in proportion. What a
    policy takes for an interest it shows a hundred times and everything else once: by looks the
    table would tell what the policy knows already."""
    num_categories: int = 200
    """Categories kept of a segment or of the interested: those most looked at."""
    num_buckets: int = 4
    """Groups of users in memory one at a time; no row depends on it."""


def build(users: DataFrame, *, pairs: DataFrame, config: ResponsesConfig) -> DataFrame:
    """Count what users of every group looked at and clicked, up to each evening.

    Args:
        users: Rows of ``tables.FEATURES_USER_DAILY``; the result has their days.
        pairs: Rows of ``tables.FEATURES_USER_PAIRS`` from the full partition before the first
            evening on.
        config: How users are counted.

    Returns:
        Rows of ``tables.RETRIEVAL_LATENT_INTERESTS``.
    """
    willing = user_side.segments(users.where(~F.col("is_personalisation_off")))

    def kernel(evening: date, who: pa.Table, state: pa.Table) -> pa.Table:
        categories = Lists.of(state.column("categories"))
        return counted(evening, who.column("segment"), categories, config.max_looks)

    counts = user_side.answer(
        willing.select("user_id", "segment", F.col("arrival_date").alias("feature_date")),
        pairs.select("user_id", "arrival_date", "categories"),
        kernel=kernel,
        schema=RETRIEVAL_LATENT_INTERESTS.schema,
        num_buckets=config.num_buckets,
    )
    group = ("arrival_date", "scope", "scope_value")
    sums = (F.sum(name).alias(name) for name in ("num_users", "looks", "clicks"))
    total = counts.groupBy(*group, "category").agg(*sums)
    most_first = Window.partitionBy(*group).orderBy(F.desc("looks"), "category")
    place = F.row_number().over(most_first)
    is_kept = (F.col("scope") == "all") | (F.col("place") <= config.num_categories)
    kept = total.withColumn("place", place).where(is_kept)
    return kept.select(RETRIEVAL_LATENT_INTERESTS.column_names)


def counted(
    evening: date, segment_U: pa.ChunkedArray, categories: Lists, max_looks: int
) -> pa.Table:
    """Count some users' looks and clicks by group and category.

    Args:
        evening: As of which day.
        segment_U: Their segments.
        categories: Their features/user_pairs.categories.
        max_looks: Of one user at one category that count at most.

    Returns:
        Columns of ``tables.RETRIEVAL_LATENT_INTERESTS``, to be added up.
    """
    vocabulary = categories.words("category").unique()
    account = Account.of(categories, vocabulary, len(segment_U))
    most = max_looks * PARTS
    # Looks to the thousandth, so that the product stays below 2^63.
    looks_k = np.maximum(account.looks_Q, most) // 1000
    clicks_Q = account.clicks_Q * most * (PARTS // 1000) // looks_k
    looks_Q = np.minimum(account.looks_Q, most)
    parts = []
    for scope, names, group_X, at in _groups(account, vocabulary, segment_U):
        counts = _summed(key(group_X, account.code_Q[at]), looks_Q[at], clicks_Q[at])
        parts.append(_rows(evening, (scope, names), vocabulary, counts))
    return pa.concat_tables(parts)


def _groups(
    account: Account, vocabulary: pa.Array, segment_U: pa.ChunkedArray
) -> Iterator[tuple[str, pa.Array, np.ndarray, np.ndarray]]:
    """Name the groups of each scope, and say which pairs of the account lie in which."""
    seen = np.flatnonzero(account.looks_Q > 0)
    yield "all", pa.array([EVERYBODY]), np.zeros(len(seen), np.int64), seen
    encoded = segment_U.combine_chunks().dictionary_encode()
    is_told_U = pc.not_equal(segment_U, _NO_SEGMENT).to_numpy()
    told = seen[is_told_U[account.user_Q[seen]]]
    of_U = encoded.indices.to_numpy().astype(np.int64)
    yield "segment", encoded.dictionary, of_U[account.user_Q[told]], told
    interest = np.flatnonzero(account.is_interest_Q)
    indptr = offsets_of(account.user_Q[seen], len(segment_U)).astype(np.int64)
    query, element = ranges(indptr, account.user_Q[interest])
    of, other = account.code_Q[interest][query], seen[element]
    is_other = of != account.code_Q[other]
    yield "category", vocabulary, of[is_other], other[is_other]


def _summed(
    key_X: np.ndarray, looks_X: np.ndarray, clicks_X: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Add up integers by key: keys ascending, how many, looks, clicks."""
    order = np.argsort(key_X, kind="stable")
    first = np.flatnonzero(run_starts(key_X[order]))
    if not len(order):
        return (key_X,) * 4
    sums = (np.add.reduceat(part[order], first) for part in (looks_X, clicks_X))
    return key_X[order][first], np.diff(np.r_[first, len(order)]), *sums


def _rows(
    evening: date,
    scope: tuple[str, pa.Array],
    vocabulary: pa.Array,
    counts: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray],
) -> pa.Table:
    key_X, num_users, looks, clicks = counts
    return pa.table(
        {
            "arrival_date": pa.array([evening] * len(key_X), pa.date32()),
            "scope": pa.array([scope[0]] * len(key_X), pa.string()),
            "scope_value": scope[1].take(pa.array(key_X >> 32)),
            "category": vocabulary.take(pa.array(key_X & 0xFFFFFFFF)),
            "num_users": pa.array(num_users),
            "looks": pa.array(looks),
            "clicks": pa.array(clicks),
        }
    )


def arrays_of(rows: pa.Table) -> Arrays:
    """Lay out one evening for ``training.array_file``, as ``latent_response.Responses`` reads it.

    Args:
        rows: Rows of ``tables.RETRIEVAL_LATENT_INTERESTS`` of one day.
    """
    everybody = _of_scope(rows, "all")
    categories = everybody.column("category").combine_chunks()
    looks, clicks = (everybody.column(name).to_numpy() for name in ("looks", "clicks"))
    arrays: Arrays = {
        "latent_categories": categories,
        "latent_rate": clicks / looks,
        "latent_clicks": clicks / PARTS,
        "latent_seed": np.array([_seed(word) for word in categories.to_pylist()], np.int64),
    }
    for kind in ("segment", "category"):
        of_kind = _of_scope(rows, kind)
        encoded = of_kind.column("scope_value").combine_chunks().dictionary_encode()
        code = codes_in(of_kind.column("category").combine_chunks(), categories)
        group = encoded.indices.to_numpy().astype(np.int64)
        arrays |= {
            f"latent_{kind}_names": encoded.dictionary,
            f"latent_{kind}_indptr": offsets_of(group, len(encoded.dictionary)).astype(np.int64),
            f"latent_{kind}_code": code,
        }
        for name in ("looks", "clicks"):
            arrays[f"latent_{kind}_{name}"] = of_kind.column(name).to_numpy() / PARTS
    return arrays


def _of_scope(rows: pa.Table, scope: str) -> pa.Table:
    found = rows.filter(pc.equal(rows.column("scope"), scope))
    return found.sort_by([("scope_value", "ascending"), ("category", "ascending")])


def _seed(word: str) -> int:
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest(), "little", signed=True)


def propose(
    batch: UserBatch, lists: SourceLists, *, surface: str, num_items: int, config: LatentConfig
) -> Proposals:
    """Propose what is popular in categories of a high drawn lift.

    The score is the lift times the item's users of 7 days over its place in the category, so that
    many categories come early, and popular ones before others: more people love them.

    Args:
        batch: Users on one evening.
        lists: Of the surface, with what ``arrays_of`` laid out.
        surface: Its name, which seeds the draws.
        num_items: Proposed to one user at most.
        config: How interests are guessed.
    """
    responses = Responses.of(lists.arrays, config)
    popular = _first_of(lists.named("popularity_category"), config.per_category)
    list_C = popular.places(responses.categories)
    stream_U = streams(batch.user_id, day=batch.evening, surface=surface, purpose=config.salt)
    account = Account.of(batch.categories, responses.categories, batch.num_users)
    tried = drawn(
        Asked(account, batch.segment, stream_U),
        responses,
        best_C=taken(popular.score_E, taken(popular.indptr, list_C, otherwise=-1), otherwise=0),
        num_categories=num_items,
        config=config,
    )
    query, element, place = from_lists(list_C[tried.item_P], popular.indptr)
    score = tried.score_P[query] * popular.score_E[element] / (place + 1)
    found = summed(tried.user_P[query], popular.item_E[element], score)
    return strongest(found, num_items)


def _first_of(named: Named, num_items: int) -> Named:
    """Cut every list off behind its first items."""
    query, element, place = from_lists(np.arange(len(named.indptr) - 1), named.indptr)
    kept = element[place < num_items]
    indptr = offsets_of(query[place < num_items], len(named.indptr) - 1).astype(np.int64)
    return Named(named.names, indptr, named.item_E[kept], named.score_E[kept])
