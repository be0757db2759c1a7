"""Reads the rows of one user, one item and one evening, without Spark.

Belongs here: which rows an explanation rests on. What is made of them is ``scoring.explain``.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import or_
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from etl import tables
from etl.days import one_day
from etl.lake_files import LakeFiles
from etl.surfaces import Surface
from etl.tables import Table
from etl.tables.retrieval import SOURCE_NAMES
from orchestration.champions import serving
from orchestration.learned_sources import models_by, weights_by
from scoring.explained_evening import Known
from scoring.explained_place import NoSlatesError
from scoring.explained_sources import proposed_of
from scoring.mixes import CandidatesConfig
from scoring.rank import reads_histories
from scoring.stand_ins import EVERYBODY
from training import item_side
from training.assemble import USER_WORDS
from training.retrieval.new_items import ANY_CATEGORY
from training.user_side import HISTORIES, within_90_days

Row = dict[str, Any]


class UnknownUserError(LookupError):
    """The lake knows nothing of a user that evening."""


class UnknownItemError(LookupError):
    """The lake never heard of an item."""


@dataclass(frozen=True, slots=True)
class Evening:
    """One surface's evening in the lake."""

    files: LakeFiles
    models: Path
    surface: Surface
    day: date
    config: CandidatesConfig
    """How the surface's candidates are proposed."""

    def known(self, user: str, item: str) -> tuple[Known, pa.Table]:
        """Read what the night knew of a user and an item; also his features/user_history row."""
        self.files.require_made(tables.SLATES[self.surface.name], one_day(self.day))
        item_row, user_row = self._item(item), self._user(user)
        segment = user_row["segment"][0].as_py()
        slates = self._slates(user, segment)
        pairs, history = (
            self._as_of(table, pc.field("user_id") == user)
            for table in (tables.FEATURES_USER_PAIRS, tables.FEATURES_USER_HISTORY)
        )
        candidates = self._today(tables.CANDIDATES[self.surface.name], pc.field("user_id") == user)
        seeds = _numbers(history, "short")
        ranked = _numbers(candidates, "items")
        lists = self._lists(pairs, segment, seeds)
        is_candidate = item_row["item_no"] in ranked
        champion = serving(self.files, self.models, self.surface, self.day)
        remembered = _numbers(history, "long") if reads_histories(champion) else set()
        stored = proposed_of(item_row["item_no"], candidates)
        proposed = {SOURCE_NAMES[one["source"]] for one in stored}
        models = models_by(self.files, self.models, self.surface, self.day, self.config)
        known = Known(
            evening=self.day,
            surface=self.surface,
            item=item_row,
            user=user_row,
            state=_with_histories(_one(pairs), _one(history), self.day),
            slates=slates,
            candidates=candidates,
            item_daily=self._items(
                {item_row["item_no"], *seeds, *_numbers(pairs, "items"), *ranked, *remembered},
                are_all_read=not is_candidate,
            ),
            **lists,
            names=self._names(seeds),
            serving=champion,
            models={
                name: kept.read()
                for name, kept in models.items()
                if name in proposed or not is_candidate
            },
            weights=weights_by(self.files, self.surface, self.day),
        )
        return known, history

    def _item(self, item: str) -> Row:
        """The item's row; of two types with the same id, the surface's own."""
        rows = self._as_of(tables.SILVER_ITEMS, pc.field("item_id") == item).to_pylist()
        rows.sort(key=lambda row: row["item_type"] != self.surface.item_type)
        if not rows:
            raise UnknownItemError(f"no item {item!r} was heard of up to {self.day}")
        return rows[0]

    def _user(self, user: str) -> pa.Table:
        rows = self._today(tables.FEATURES_USER_DAILY, pc.field("user_id") == user)
        if not rows.num_rows:
            raise UnknownUserError(
                f"user {user!r} has no event in the 90 days up to {self.day}: he has no slate of "
                f"his own and is given the default one (nightmarket top {user})"
            )
        [row] = rows.to_pylist()
        segment = "|".join(row[name] or "" for name in USER_WORDS)
        return rows.append_column("segment", pa.array([segment]))

    def _slates(self, user: str, segment: str) -> pa.Table:
        audience, key = pc.field("audience"), pc.field("audience_key")
        own = (audience == "user") & (key == user)
        shared = (audience == "segment") & (key == segment)
        table = tables.SLATES[self.surface.name]
        rows = self._today(table, own | shared | (audience == "default"))
        if not rows.num_rows:
            raise NoSlatesError(
                f"{self.surface.name} has no slates of {self.day}: the log has nothing that it "
                "could show"
            )
        return rows

    def _lists(self, pairs: pa.Table, segment: str, seeds: set[int]) -> dict[str, pa.Table]:
        """Read the lists of which the user can be proposed items."""
        categories = {one["category"] for found in pairs["categories"].to_pylist() for one in found}
        of_surface = pc.field("surface") == self.surface.name
        scopes = {"all": {EVERYBODY}, "category": categories, "segment": {segment}}
        in_scope = reduce(
            or_,
            (
                (pc.field("scope") == scope) & among("scope_value", values)
                for scope, values in scopes.items()
            ),
        )
        return {
            "popularity": self._today(tables.RETRIEVAL_POPULARITY, of_surface & in_scope),
            "latent_interests": self._today(tables.RETRIEVAL_LATENT_INTERESTS, in_scope),
            "new_items": self._today(
                tables.RETRIEVAL_NEW_ITEMS,
                of_surface & among("category", {ANY_CATEGORY, *categories}),
            ),
            "covisitation": self._as_of(
                tables.RETRIEVAL_COVISITATION, of_surface & among("item_no", seeds)
            ),
        }

    def _items(self, wanted: set[int], *, are_all_read: bool) -> pa.Table:
        """Read some items and what these show, or all that sources could propose."""
        if are_all_read:
            return self._described(None)
        rows = self._described(among("item_no", wanted))
        ids = {one for shown in rows.column("product_ids").to_pylist() for one in shown or ()}
        known = set(rows.column("item_no").to_pylist())
        return pa.concat_tables(
            [rows, self._described(among("item_id", ids) & ~among("item_no", known))]
        )

    def _described(self, where: pc.Expression | None) -> pa.Table:
        table, columns = tables.FEATURES_ITEM_DAILY, item_side.COLUMNS
        return self.files.arrow(table, one_day(self.day), where=where, columns=columns)

    def _names(self, item_nos: set[int]) -> dict[int, str]:
        rows = self._as_of(tables.SILVER_ITEMS, among("item_no", item_nos))
        return {row["item_no"]: row["item_id"] for row in rows.to_pylist()}

    def _today(self, table: Table, where: pc.Expression) -> pa.Table:
        return self.files.arrow(table, one_day(self.day), where=where)

    def _as_of(self, table: Table, where: pc.Expression) -> pa.Table:
        return self.files.arrow_as_of(table, self.day, where=where)


def among(name: str, values: Collection[Any]) -> pc.Expression:
    """Keep rows whose column holds one of some values."""
    # An empty set of values has no type that a column could be compared with.
    return pc.field(name).isin(sorted(values)) if values else pc.scalar(False)


def _one(rows: pa.Table) -> pa.Table:
    """The row, or one of nulls where there is none."""
    return rows.take(pa.array([0 if rows.num_rows else None], pa.int64()))


def _with_histories(pairs: pa.Table, history: pa.Table, day: date) -> pa.Table:
    """Add what the user had done, as nights do."""
    for name in HISTORIES:
        pairs = pairs.append_column(name, within_90_days(history.column(name), day))
    return pairs


def _numbers(rows: pa.Table, array: str) -> set[int]:
    """The item_nos in an array column."""
    return {one["item_no"] for found in rows.column(array).to_pylist() for one in found}
