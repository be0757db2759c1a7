"""What a check is: one promise about a table, what is measured of it, and between which bounds.

Measures are declared as Spark SQL over the table's columns, so that all of a table's are taken in
one pass (``data_quality.profile``). A check turns into a Great Expectations expectation over the
profile, where its measure is the column that bears its name.
"""

from dataclasses import dataclass
from typing import Final, Literal

Severity = Literal["critical", "warning"]
"""``critical`` blocks what follows; ``warning`` does not."""

NUM_ROWS: Final = "number of rows"
NUM_ROWS_TO_USUAL: Final = "number of rows is near the usual of the week before"
SOME_ROWS: Final = "something arrived"
NUM_USUAL_DAYS: Final = "the week before is known"
ABSENT_NUMBER: Final = "-1.7976931348623157E308D"
"""The smallest double, for ``never_null_in``: no measure of ours is it."""
ABSENT_WORD: Final = "char(1)"
"""A word that no log says, for ``never_null_in``."""
ABSENT_TIME: Final = "timestamp'0001-01-01'"
"""An instant before all logs, for ``never_null_in``."""
ABSENT_DAY: Final = "date'0001-01-01'"
"""A day before all logs, for ``never_null_in``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """How many rows do not keep a promise."""

    by: str
    """SQL predicate that is true for a row that breaks it."""
    shows: tuple[str, ...]
    """SQL expressions that an example shows beside the row's key."""
    spread_of: str | None = None
    """Column whose smallest and largest value the day's result reports."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeated:
    """How many rows repeat the key of another row."""

    key: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """One number of a whole day, for which no single row is to blame."""

    aggregate: str
    """SQL aggregate over the day's rows; null where it says nothing."""
    is_share: bool = False
    """Whether people are told it in percent."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """What rows of one table name, or know."""

    table_path: str
    things: tuple[str, ...]
    """SQL expressions, named alike on both sides; one of them may explode an array."""
    where: str = "true"


@dataclass(frozen=True, kw_only=True, slots=True)
class Unknown:
    """How many rows name something that another table of the same day does not know."""

    named: Side
    known: Side


@dataclass(frozen=True, kw_only=True, slots=True)
class Given:
    """A number that is there without looking at rows: from their number and the days before."""


Measure = Broken | Repeated | Figure | Unknown | Given


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One promise of a table."""

    name: str
    """In words; unique within the table's suite, and the name of its column in the profile."""
    severity: Severity
    measure: Measure
    low: float | None = None
    """Smallest value of the measure that keeps the promise; None is no bound."""
    high: float | None = None
    """Largest value of the measure that keeps the promise; None is no bound."""


Suite = tuple[Check, ...]


def rule(
    name: str,
    holds: str,
    *,
    shows: tuple[str, ...],
    severity: Severity = "critical",
    spread_of: str | None = None,
) -> Check:
    """Promise that ``holds`` is not false for any row; where it is null, nothing is promised."""
    broken = Broken(by=f"NOT ({holds})", shows=shows, spread_of=spread_of)
    return Check(name=name, severity=severity, measure=broken, low=0, high=0)


def never_null(*columns: str) -> Suite:
    """Promise that columns always have a value."""
    return tuple(rule(f"{c} is never null", f"{c} IS NOT NULL", shows=(c,)) for c in columns)


def not_empty(*columns: str) -> Suite:
    """Promise that words and ids have characters."""
    return tuple(rule(f"{c} is not empty", f"{c} <> ''", shows=(c,)) for c in columns)


def within(
    column: str, low: float, high: float = float("inf"), *, severity: Severity = "critical"
) -> Check:
    """Promise that a number, where there is one, is finite and not outside its range."""
    # In Spark NaN is larger than infinity: one comparison refuses both.
    is_open = high == float("inf")
    end = f"{column} < double('Infinity')" if is_open else f"{column} <= {high!r}"
    said = "∞" if is_open else f"{high:g}"
    return rule(
        f"{column} is in {low:g} … {said}",
        f"{column} >= {low!r} AND {end}",
        shows=(column,),
        severity=severity,
        spread_of=column,
    )


def at_least(low: float, *columns: str) -> Suite:
    """Promise that numbers, where there are any, are finite and not below ``low``."""
    return tuple(within(column, low) for column in columns)


def probability(column: str) -> Check:
    """Promise that a propensity, where logged, is in (0, 1]."""
    return rule(
        f"{column} is in (0, 1]",
        f"{column} > 0 AND {column} <= 1",
        shows=(column,),
        spread_of=column,
    )


def one_of(column: str, values: tuple[str, ...]) -> Check:
    """Promise that a word, where there is one, is of a closed list."""
    listed = ", ".join(f"'{value}'" for value in values)
    return rule(
        f"{column} is one of its closed list",
        f"{column} IN ({listed})",
        shows=(column,),
    )


def each(
    array: str, name: str, holds: str, *, severity: Severity = "critical", whole: str | None = None
) -> Check:
    """Promise something of every element ``x`` of an array; examples show the elements that fail.

    Args:
        array: The column.
        name: What is promised of an element, in words.
        holds: SQL predicate over ``x``, never null.
        severity: Whether a broken promise blocks.
        whole: SQL predicate over the array that says the same without a lambda: Spark interprets
            lambdas, at ten times the cost. Needed where arrays are long.
    """
    return rule(
        f"{array}: {name}",
        whole or f"forall({array}, x -> {holds})",
        shows=(f"slice(filter({array}, x -> NOT ({holds})), 1, 2) AS {array}",),
        severity=severity,
    )


def complete(array: str, *fields: str) -> Check:
    """Promise that fields of an array's elements are never null, which Delta does not keep."""
    return each(
        array, f"{', '.join(fields)} never null", " AND ".join(f"x.{f} IS NOT NULL" for f in fields)
    )


def never_null_in(array: str, absent: dict[str, str], *, is_optional: bool = False) -> Check:
    """Promise what ``complete`` does, of long arrays: without a lambda.

    Args:
        array: The column.
        absent: By field, a literal that no element may hold; ``array`` or ``boolean`` for a field
            of that type, which has none.
        is_optional: Whether there may be no array at all.
    """
    every = " AND ".join(_no_null(f"{array}.{field}", value) for field, value in absent.items())
    return each(
        array,
        f"{', '.join(absent)} never null",
        " AND ".join(f"x.{field} IS NOT NULL" for field in absent),
        whole=f"{array} IS NULL OR ({every})" if is_optional else every,
    )


def _no_null(values: str, absent: str) -> str:
    # Looking for what is not there says null where there are nulls, and else false.
    if absent == "array":
        return f"flatten({values}) IS NOT NULL"
    if absent == "boolean":
        return f"(array_contains(cast({values} AS array<tinyint>), -1Y) <=> false)"
    return f"(array_contains({values}, {absent}) <=> false)"


def from_zero(array: str, name: str, *fields: str, is_finite: bool = False) -> Check:
    """Promise that numbers of an array's elements are not below 0; null ones are not looked at.

    Args:
        array: The column.
        name: What is promised, in words.
        fields: Of its elements.
        is_finite: Whether they are doubles, neither infinite nor NaN.
    """

    def holds(least: str, most: str) -> str:
        is_below = f" AND {most} < double('Infinity')" if is_finite else ""
        return f"coalesce({least} >= 0{is_below}, true)"

    every = (
        holds(f"array_min({array}.{field})", f"array_max({array}.{field})") for field in fields
    )
    return each(
        array,
        name,
        " AND ".join(holds(f"x.{field}", f"x.{field}") for field in fields),
        whole=" AND ".join(every),
    )


def ascending(array: str, field: str) -> Check:
    """Promise that an array is ordered by a field of its elements, without repetition."""
    values = f"{array}.{field}"
    return rule(
        f"{array}: by {field}, each once",
        f"{values} = sort_array(array_distinct({values}))",
        shows=(f"{values} AS {array}_{field}",),
    )


def descending(array: str, field: str) -> Check:
    """Promise that an array has the element with the largest number first."""
    values = f"{array}.{field}"
    return rule(
        f"{array}: largest {field} first",
        f"{values} = sort_array({values}, false)",
        shows=(f"{values} AS {array}_{field}",),
    )


def distinct(array: str, field: str) -> Check:
    """Promise that no two elements of an array name the same."""
    values = f"{array}.{field}"
    return rule(
        f"{array}: each {field} once",
        f"size(array_distinct({values})) = size({values})",
        shows=(f"{values} AS {array}_{field}",),
    )


def at_most(array: str, num_elements: int) -> Check:
    """Promise that an array has no more elements than its table says."""
    return rule(
        f"{array}: at most {num_elements:,}",
        f"size({array}) <= {num_elements}",
        shows=(f"size({array}) AS num_{array}",),
    )


def unique(*key: str) -> Check:
    """Promise that no two rows of a day share these columns."""
    name = f"({', '.join(key)}) is unique"
    return Check(name=name, severity="critical", measure=Repeated(key=key), low=0, high=0)


def knows(name: str, *, named: Side, known: Side, severity: Severity = "critical") -> Check:
    """Promise that what rows of one table name is known to the other on the same day."""
    return Check(
        name=name,
        severity=severity,
        measure=Unknown(named=named, known=known),
        low=0,
        high=0,
    )


def figure(
    name: str,
    aggregate: str,
    *,
    severity: Severity,
    low: float | None = None,
    high: float | None = None,
) -> Check:
    """Promise that a number of the whole day is within its bounds."""
    measure = Figure(aggregate=aggregate)
    return Check(name=name, severity=severity, measure=measure, low=low, high=high)


def share(name: str, aggregate: str, *, severity: Severity, high: float) -> Check:
    """Promise that a share of the whole day is no larger than ``high``."""
    measure = Figure(aggregate=aggregate, is_share=True)
    return Check(name=name, severity=severity, measure=measure, high=high)
