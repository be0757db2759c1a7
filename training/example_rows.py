"""What both ways to examples share: settings, what evenings knew, and how rows are written."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, Literal

import numpy as np
import pyarrow as pa
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from etl import tables
from etl.asked_keys import only_asked
from etl.surfaces import Surface
from training import user_side
from training.assemble import USER_COLUMNS, Rows
from training.inputs import Inputs
from training.item_side import mapped_items

LATE_DAYS: Final = 7
"""Days after its own by which an action or impression must have arrived to become an example:
later, no night has the evening at hand, in a range no more than alone."""

Describe = Callable[..., pa.Table]
"""Takes an evening, its requests, their users' states, and ``items``, ``surface``, ``config``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ExamplesConfig:
    """How much of a user's day becomes examples."""

    num_negatives: int = 50
    """Candidates without an action, sampled for each user and day; each stands for as many as were
    not drawn."""
    max_impressions: int = 200
    """Impressions of a user and day, sampled without looking at what came of them; each stands for
    as many as were not drawn. Bots and whoever scrolls all day are held by it too."""
    salt: str = "examples"
    """Seeds the samples together with user, day and item or impression."""
    num_buckets: int = 4
    """Groups of users in memory one at a time; no row depends on it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Evenings:
    """What was known on the evenings before the days to make."""

    users: DataFrame
    """Rows of ``tables.FEATURES_USER_DAILY``, from ``LATE_DAYS + 1`` days before the first on."""
    candidates: DataFrame
    """Rows of ``tables.CANDIDATES`` of one surface, of the same evenings."""
    pairs: DataFrame
    """Rows of ``tables.FEATURES_USER_PAIRS`` from the full partition before them on."""
    item_sides: Mapping[date, str]
    """Their item sides, already sent with ``SparkContext.addFile``."""

    @property
    def key(self) -> list[str]:
        """What ``served`` has one row for."""
        return ["feature_date", "user_id"]

    def asked(self, keys: DataFrame) -> "Evenings":
        """Leave out most of what no request of ``keys`` (feature_date, user_id) asks for."""
        of_evening = keys.withColumnRenamed("feature_date", "arrival_date")
        key = ["arrival_date", "user_id"]
        return replace(
            self,
            users=only_asked(self.users, of_evening, key),
            candidates=only_asked(self.candidates, of_evening, key),
            pairs=only_asked(self.pairs, of_evening, ["user_id"]),
        )

    def served(self, how: Literal["inner", "left"]) -> DataFrame:
        """List who could be served on each evening: features, words and ``candidates``.

        Who had opted out is not among them: nothing is learned from him.

        Args:
            how: ``inner`` leaves out who had no candidates.
        """
        willing = self.users.where(~F.col("is_personalisation_off"))
        proposed = self.candidates.withColumnRenamed("items", "candidates")
        both = willing.join(proposed, ["arrival_date", "user_id"], how)
        evening = F.col("arrival_date").alias("feature_date")
        return both.select(evening, "user_id", "candidates", *USER_COLUMNS)


def evening_before() -> Column:
    """The evening whose features an impression joins."""
    return F.date_sub("shown_date", 1)


def days_late() -> Column:
    """Days between an impression and its arrival; negative where a clock was ahead."""
    return F.date_diff("arrival_date", "shown_date")


def described(
    asked: DataFrame,
    known: Evenings,
    examples: Describe,
    *,
    surface: Surface,
    config: ExamplesConfig,
) -> DataFrame:
    """Let ``examples`` describe each evening's requests by what was known then.

    Args:
        asked: Requests: user_id, feature_date, day (of arrival) and what ``examples`` wants.
        known: What was known on their evenings.
        examples: Chooses and describes the examples of some users and one evening.
        surface: For which surface.
        config: How much of a user's day becomes examples.

    Returns:
        Rows of ``tables.EXAMPLES[surface.name]``.
    """
    sides = known.item_sides

    def kernel(evening: date, asked: pa.Table, state: pa.Table) -> pa.Table:
        items = mapped_items(sides[evening])
        return examples(evening, asked, state, items=items, surface=surface, config=config)

    return user_side.answer(
        asked,
        user_side.state_of(known.pairs),
        kernel=kernel,
        schema=tables.EXAMPLES[surface.name].schema,
        num_buckets=config.num_buckets,
    )


def written(
    rows: Rows,
    inputs: Inputs,
    own: Mapping[str, pa.Array],
    *,
    asked: pa.Table,
    evening: date,
) -> pa.Table:
    """Write rows as examples.

    Args:
        rows: R rows.
        inputs: Their features.
        own: Their columns of ``tables.EXAMPLES`` that are neither keys nor features.
        asked: The users' requests that they are of: user_id and day, their arrival.
        evening: The day before they were shown.

    Returns:
        R rows of ``tables.EXAMPLES``.
    """
    user, num_rows = pa.array(rows.user_R), len(rows.item_R)
    shown = evening + timedelta(days=1)
    columns = {
        **own,
        "arrival_date": asked.column("day").take(user),
        "user_id": asked.column("user_id").take(user),
        "item_no": pa.array(rows.item_R.astype(np.int32)),
        "shown_date": pa.array([shown] * num_rows, pa.date32()),
        "feature_date": pa.array([evening] * num_rows, pa.date32()),
        **inputs.columns(),
    }
    return pa.table({name: columns[name] for name in _NAMES})


_NAMES: Final = next(iter(tables.EXAMPLES.values())).column_names
