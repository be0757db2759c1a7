"""The slates of those without one: a row for each segment, and the default row.

Both are popularity-of-7-days under the same caps as users' slates; a segment's own list comes
first and is filled up from the whole surface's. Without exploration: nobody's response is learned
from a row that many share.
"""

from collections.abc import Collection
from dataclasses import fields, replace
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import arrow_schema
from etl.surfaces import Surface
from etl.tables import SLATES
from etl.tables.retrieval import SOURCE_CODES
from scoring.explore import unexplored
from scoring.grid import layout
from scoring.rank import Ranked
from scoring.rerank import choose
from scoring.slate_rows import Chosen, rows_of
from scoring.slates import SlateConfig, groups_of
from training import promote
from training.assemble import Rows
from training.inputs import SCORED_POSITION
from training.item_side import ItemSide
from training.retrieval.source_lists import Named, SourceLists

EVERYBODY: Final = "*"
NO_SEGMENT: Final = "||"
"""Of users of whom the log says neither country nor platform nor language."""


def build(  # noqa: PLR0913
    lists: SourceLists,
    items: ItemSide,
    *,
    segments: Collection[str],
    surface: Surface,
    evening: date,
    config: SlateConfig,
) -> pa.Table:
    """Make the segments' rows and the default row of one night.

    Args:
        lists: The evening's popularity, overall and by segment.
        items: The evening's item side.
        segments: Of the evening's users: one in which nobody acted for 7 days gets the default's
            items, so that whoever needs a row of his segment finds one.
        surface: For which surface.
        evening: The day after whose end the slates are made.
        config: What a slate looks like.

    Returns:
        Rows of ``tables.SLATES[surface.name]`` with audience ``segment`` and ``default``.
    """
    eligible = items.item_no_N[items.eligible(surface)]
    overall = _list(lists.named("popularity_all"), EVERYBODY)
    by_segment = lists.named("popularity_segment")
    names = by_segment.names.to_pylist()

    def made(audience: str, keys: list[str], own: list[dict[int, float]]) -> pa.Table:
        rows = _together([_rows(one, overall, eligible) for one in own])
        return rows_of(
            _choose(rows, items, config, num_rows=len(keys)),
            audience=audience,
            keys=pa.array(keys, pa.string()),
            segments=pa.array(["" if key == EVERYBODY else key for key in keys], pa.string()),
            is_off=[False] * len(keys),
            evening=evening,
            champion=promote.first(surface.name, evening),
        )

    own = [_list(by_segment, name) for name in names]
    of_segments = [made("segment", names, own)] if names else []
    default = made("default", [EVERYBODY], [overall])
    quiet = sorted({*segments} - {*names, NO_SEGMENT})
    of_quiet = [_of_segment(default, segment) for segment in quiet]
    return pa.concat_tables([*of_segments, default, *of_quiet]).cast(
        arrow_schema(SLATES[surface.name].schema)
    )


def _of_segment(default: pa.Table, segment: str) -> pa.Table:
    words = {"audience": "segment", "audience_key": segment, "segment": segment}
    for name, word in words.items():
        at = default.column_names.index(name)
        default = default.set_column(at, name, pa.array([word]))
    return default


def _list(named: Named, name: str) -> dict[int, float]:
    """One list: distinct users of 7 days by item_no."""
    place = int(named.places(pa.array([name]))[0])
    if place < 0:
        return {}
    part = slice(*named.indptr[place : place + 2])
    return dict(zip(named.item_E[part].tolist(), named.score_E[part].tolist(), strict=True))


def _rows(own: dict[int, float], overall: dict[int, float], eligible: np.ndarray) -> Rows:
    """Value by the own list; by the overall one, as a fraction below 1, where that is silent."""
    item_R = np.intersect1d(np.array([*own, *overall], np.int64), eligible)
    most = max(overall.values(), default=0.0) + 1
    value = [own.get(item, 0.0) + overall.get(item, 0.0) / most for item in item_R.tolist()]
    is_own = np.array([item in own for item in item_R.tolist()], bool)
    in_segment, in_all = SOURCE_CODES["popularity_in_segment"], SOURCE_CODES["popularity"]
    value_R = np.array(value, np.float64)
    return Rows(
        user_R=np.zeros(len(item_R), np.int64),
        item_R=item_R,
        fused_R=value_R,
        row_P=np.arange(len(item_R)),
        source_P=np.where(is_own & (own != overall), in_segment, in_all).astype(np.int8),
        rank_P=(np.argsort(np.argsort(-value_R, kind="stable")) + 1).astype(np.int16),
        score_P=value_R.astype(np.float32),
        position_R=np.full(len(item_R), SCORED_POSITION, np.float32),
    )


def _together(parts: list[Rows]) -> Rows:
    """Put the candidates of several rows one behind another, as if they were of several users."""
    starts = np.cumsum([0, *(len(part.item_R) for part in parts)])
    numbered = [
        replace(part, user_R=part.user_R + number, row_P=part.row_P + starts[number])
        for number, part in enumerate(parts)
    ]
    columns = {
        field.name: np.concatenate([getattr(part, field.name) for part in numbered])
        for field in fields(Rows)
    }
    return Rows(**columns)


def _choose(rows: Rows, items: ItemSide, config: SlateConfig, *, num_rows: int) -> Chosen:
    groups = groups_of(rows, items)
    grid = layout(rows.user_R, rows.item_R, rows.fused_R, groups=groups, num_users=num_rows)
    exploited = choose(grid, num_places=config.k + config.num_reserve, caps=config.caps)
    explored = unexplored(exploited, k=config.k)
    return Chosen(rows, Ranked(rows.fused_R, None), items, grid, exploited, explored, config.k)
