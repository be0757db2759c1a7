"""Says where a night's features and scores are not those of the training path.

Belongs here: how a difference is found, and which of its rows is shown. Where the two come from is
``scoring.parity``.
Shapes: R candidates, P places of slates and reserves, D of either that differ.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest

import numpy as np
import pyarrow as pa

from etl.arrow import flat_lists
from etl.tables.serving import PREDICTIONS
from scoring.rank import Ranked
from training import user_side
from training.assemble import Rows
from training.histories import Histories
from training.inputs import Inputs
from training.item_side import ItemSide
from training.lookup import find, key
from training.promote import Champion


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """One thing that the night and the training path do not say alike."""

    what: str
    """A feature, a field of a slate's items, or what is said of a row as a whole."""
    user: str
    item: str
    """As the log names it, or its number where the evening does not have it."""
    of_night: object
    of_training: object
    num_rows: int
    """Rows in which it differs; user, item and both values are those of the first."""

    def __str__(self) -> str:
        night, training = _said(self.of_night), _said(self.of_training)
        more = f" ({self.num_rows} rows differ)" if self.num_rows > 1 else ""
        return (
            f"{self.what} of item {self.item} for user {self.user} is {night} as the night has it, "
            f"{training} by the training path{more}"
        )


@dataclass(frozen=True, slots=True)
class Candidates:
    """R candidates by name."""

    rows: Rows
    user_U: pa.Array
    """user_id, by ``rows.user_R``."""
    items: ItemSide

    def differing(
        self, what: str, row_D: np.ndarray, night: object, training: object
    ) -> Difference:
        """Name the first of some candidates."""
        user, item_no = self.rows.user_R[row_D[0]], self.rows.item_R[row_D[0]]
        [place] = self.items.places(np.array([item_no])).tolist()
        return Difference(
            what=what,
            user=self.user_U[int(user)].as_py(),
            item=str(item_no) if place < 0 else self.items.item_id_N[place].as_py(),
            of_night=night,
            of_training=training,
            num_rows=len(row_D),
        )


@dataclass(frozen=True, slots=True)
class Places:
    """P places, as they are stored."""

    user_P: pa.Array
    """audience_key."""
    elements: pa.StructArray
    """Elements of ``items`` and ``reserve`` of ``tables.SLATES``."""

    @classmethod
    def of(cls, slates: pa.Table) -> "Places":
        """Take slates and their reserves apart."""
        parts = [flat_lists(slates.column(name)) for name in ("items", "reserve")]
        row_P = pa.array(np.concatenate([row for row, _ in parts]))
        users = slates.column("audience_key").combine_chunks()
        return cls(users.take(row_P), pa.concat_arrays([found for _, found in parts]))

    def __len__(self) -> int:
        return len(self.elements)

    def numbers(self, field: str) -> np.ndarray:
        """View a field as float64, P; NaN where it is null."""
        return self.elements.field(field).cast(pa.float64()).to_numpy(zero_copy_only=False)

    def rows_among(self, candidates: Candidates) -> np.ndarray:
        """Find places among candidates: int64, P rows of theirs, −1 where one is no candidate."""
        user_P = user_side.codes_in(self.user_P, candidates.user_U)
        item_P = self.elements.field("item_no").to_numpy().astype(np.int64)
        own_R = key(candidates.rows.user_R, candidates.rows.item_R)
        order = np.argsort(own_R)
        at_P = find(own_R[order], key(np.maximum(user_P, 0), item_P))
        found_P = np.full(len(at_P), -1, np.int64)
        is_there_P = (at_P >= 0) & (user_P >= 0)
        found_P[is_there_P] = order[at_P[is_there_P]]
        return found_P

    def differing(
        self, what: str, place_D: np.ndarray, night: object, training: object
    ) -> Difference:
        """Name the first of some places."""
        at = int(place_D[0])
        return Difference(
            what=what,
            user=self.user_P[at].as_py(),
            item=self.elements.field("item_id")[at].as_py(),
            of_night=night,
            of_training=training,
            num_rows=len(place_D),
        )


def of_features(
    night: Inputs, training: Inputs | None, candidates: Candidates, *, kind: str, within: float
) -> Iterator[Difference]:
    """Compare candidates' features, one by one.

    Args:
        night: As scoring makes them.
        training: The same rows as examples have them; None where examples are of other rows.
        candidates: Their names.
        kind: Of the examples.
        within: How far numbers may differ.
    """
    if training is None:
        what, first = f"the row (examples of {kind})", np.zeros(1, np.int64)
        yield candidates.differing(what, first, "there", "missing")
        return
    for name in (*night.layout.numeric, *night.layout.words):
        one_R, other_R = _values(night, name), _values(training, name)
        row_D = np.flatnonzero(~_alike(one_R, other_R, within))
        if len(row_D):
            first, what = row_D[0], f"feature {name} (examples of {kind})"
            yield candidates.differing(what, row_D, one_R[first], other_R[first])
    if night.histories is not None and training.histories is not None:
        yield from _of_histories(night.histories, training.histories, candidates, kind)


def _of_histories(
    night: Histories, training: Histories, candidates: Candidates, kind: str
) -> Iterator[Difference]:
    """Compare what the candidates' users had done; users' rows share a history."""
    if not len(night.of_N):
        return
    pair_2N = np.stack([night.of_N, training.of_N])
    pair_2H, place_N = np.unique(pair_2N, axis=1, return_inverse=True)
    told = [(_events(night, one), _events(training, other)) for one, other in pair_2H.T.tolist()]
    differs_H = np.array([one != other for one, other in told], bool)
    row_D = np.flatnonzero(differs_H[place_N.ravel()])
    if len(row_D):
        one, other = told[place_N.ravel()[row_D[0]]]
        first, last = _first_unlike(one, other)
        yield candidates.differing(f"the history (examples of {kind})", row_D, first, last)


def _events(told: Histories, history: int) -> list[tuple[object, ...]]:
    """What a history says, event by event."""
    at = slice(told.offset_H1[history], told.offset_H1[history + 1])
    words = [told.words[name][at].to_pylist() for name in sorted(told.words)]
    numbers = (told.item_E, told.kind_E, told.age_days_E)
    return list(zip(*(column[at].tolist() for column in numbers), *words, strict=True))


def _first_unlike(
    one: list[tuple[object, ...]], other: list[tuple[object, ...]]
) -> tuple[object, object]:
    """The first events that are not the same, with their places; None where a history ends."""
    pairs = enumerate(zip_longest(one, other))
    place, (left, right) = next(found for found in pairs if found[1][0] != found[1][1])
    return f"{left} at {place}", f"{right} at {place}"


def of_scores(
    places: Places, ranked: Ranked, candidates: Candidates, *, within: float
) -> Iterator[Difference]:
    """Compare what slates hold with what the champion says of examples.

    Args:
        places: What is stored.
        ranked: The candidates as ranked by the training path.
        candidates: Their names.
        within: How far numbers may differ.
    """
    row_P = places.rows_among(candidates)
    unknown = np.flatnonzero(row_P < 0)
    if len(unknown):
        yield places.differing("the place", unknown, "there", "no candidate")
    known = np.flatnonzero(row_P >= 0)
    for field, score_R in _fields(ranked).items():
        stored_K, made_K = places.numbers(field)[known], score_R[row_P[known]].astype(np.float64)
        differing = np.flatnonzero(~_alike(stored_K, made_K, within))
        if len(differing):
            first = differing[0]
            yield places.differing(field, known[differing], stored_K[first], made_K[first])


def of_rankers(slates: pa.Table, champion: Champion) -> Iterator[Difference]:
    """Compare who is said to have scored slates with the night's champion."""
    asked = f"{champion.ranker} {champion.model_date}"
    rows = slates.select(["audience_key", "ranker", "model_date"]).to_pylist()
    others = [row for row in rows if f"{row['ranker']} {row['model_date']}" != asked]
    if others:
        yield Difference(
            what="the ranker",
            user=others[0]["audience_key"],
            item="*",
            of_night=f"{others[0]['ranker']} {others[0]['model_date']}",
            of_training=asked,
            num_rows=len(others),
        )


def _fields(ranked: Ranked) -> Mapping[str, np.ndarray]:
    """What a slate's item holds of its scores, by field."""
    predicted = ranked.p_by_task or {}
    of_tasks = {PREDICTIONS[task]: score_R for task, score_R in predicted.items()}
    return {**of_tasks, "value": ranked.value_R}


def _values(given: Inputs, name: str) -> np.ndarray:
    """One feature: float32, or words as objects, None where nothing is known."""
    if name in given.layout.numeric:
        return given.number(name)
    return np.array(given.words[name].dictionary_decode().to_pylist(), object)


def _alike(one_N: np.ndarray, other_N: np.ndarray, within: float) -> np.ndarray:
    if one_N.dtype == object:
        return one_N == other_N
    return np.isclose(one_N, other_N, rtol=within, atol=within, equal_nan=True)


def _said(value: object) -> str:
    if isinstance(value, float | np.floating):
        return "nothing" if np.isnan(value) else f"{value:.9g}"
    return "nothing" if value is None else str(value)
