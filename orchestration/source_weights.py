"""Learns what each source weighs, and reports what it brought, from what visitors were proposed."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final

import numpy as np
import pyarrow as pa

from etl import surfaces, tables
from etl.days import Days, one_day
from etl.surfaces import Surface
from etl.tables import Table
from experiments.sources import Evening, by_age, report, spread
from orchestration.learned_sources import weights_by
from orchestration.night_files import Sender
from orchestration.table_asset import Night
from training.item_side import FEATURES, ItemSide
from training.retrieval import user_groups, weights
from training.retrieval.weights import Proposed, WeightsConfig

_AGE: Final = FEATURES.index("age_days")


def learned_weights(night: Night) -> Iterator[dict[str, Any]]:
    """Learn every surface's weights on every night.

    Yields:
        Rows of ``tables.RETRIEVAL_WEIGHTS``.
    """
    for surface in surfaces.ALL:
        recent: deque[pa.Table] = deque(maxlen=WeightsConfig().num_days)
        before = night.days.first - timedelta(days=WeightsConfig().num_days - 1)
        for day in Days(max(before, night.lake.first_day), night.days.last):
            recent.append(_visitors(night, surface, day))
            if day >= night.days.first:
                yield from _rows(night, surface, day, pa.concat_tables(recent))


def _rows(
    night: Night, surface: Surface, day: date, visitors: pa.Table
) -> Iterator[dict[str, Any]]:
    config = night.workspace.settings.candidate_config(surface.name)
    given = {name: share.weight for name, share in config.mix.items() if share.num_items}
    proposed = Proposed.of(visitors, list(given))
    found = weights.fit(proposed, given, rank_offset=config.rank_offset, config=WeightsConfig())
    for group, weight_S in zip(user_groups.NAMES, found.weight_GS, strict=True):
        for source, weight in zip(given, weight_S, strict=True):
            yield {
                "arrival_date": day,
                "surface": surface.name,
                "user_group": group,
                "source": source,
                "weight": float(weight),
                "num_users": found.num_users,
            }


def reports(night: Night) -> dict[Table, list[dict[str, Any]]]:
    """Report on every surface's candidates of the evening before each of the nights.

    Returns:
        Rows of ``tables.REPORTS_SOURCES`` and ``tables.REPORTS_CANDIDATES``.
    """
    found: dict[Table, list[dict[str, Any]]] = {
        tables.REPORTS_SOURCES: [],
        tables.REPORTS_CANDIDATES: [],
    }
    for surface in surfaces.ALL:
        for day in night.days:
            if day > night.lake.first_day:
                for table, rows in _report(night, surface, day).items():
                    same = {"arrival_date": day, "surface": surface.name}
                    found[table] += [{**same, **row} for row in rows]
    return found


def _report(
    night: Night, surface: Surface, day: date
) -> Mapping[Table, Iterable[Mapping[str, Any]]]:
    config = night.workspace.settings.candidate_config(surface.name)
    files, evening = night.lake.files, day - timedelta(days=1)
    weights = weights_by(files, surface, evening)
    rows = _visitors(night, surface, day)
    if not rows.num_rows:
        return {}
    found = Evening(
        Proposed.of(rows, list(weights)),
        np.array(list(weights.values())).T,
        config.rank_offset,
        config.num_candidates,
    )
    items = ItemSide.read(Sender.of(night.lake).item_side(evening))
    age_days = items.numeric_NF[:, _AGE].tolist()
    ages = dict(zip(items.item_no_N.tolist(), age_days, strict=True))
    measures = [*by_age(found, ages), *spread(found, int(items.eligible(surface).sum()))]
    return {
        tables.REPORTS_SOURCES: report(found, list(weights)),
        tables.REPORTS_CANDIDATES: measures,
    }


def _visitors(night: Night, surface: Surface, day: date) -> pa.Table:
    """Read a day's visitors, by user."""
    return night.lake.files.arrow(tables.PROPOSALS[surface.name], one_day(day)).sort_by("user_id")
