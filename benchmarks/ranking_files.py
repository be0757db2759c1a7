"""Tables of examples from elsewhere: which column is what, and the rows in the order of their time.

A mapping is TOML: ``user``, ``item``, ``time``, ``labels = {task = column}``, and of features
``categorical``, ``numeric`` and ``lists``. The first label is what rankings are about; the others
may follow from it. Shapes: N rows, F numbers.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, parquet

_KEYS: Final = ("user", "item", "time", "labels", "categorical", "numeric", "lists")
_NEEDED: Final = ("user", "item", "time", "labels")
_SEPARATORS: Final = ("|", ";", ",", " ")
"""Between the elements of a list that is written as one word."""


class UnusableTableError(ValueError):
    """A table or its mapping is not what it should be; the message names the column."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Mapped:
    """Which column is what."""

    user: str
    item: str
    time: str
    labels: Mapping[str, str]
    """Columns by task, in the mapping's order."""
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    lists: tuple[str, ...] = ()

    @property
    def columns(self) -> list[str]:
        """All columns that are read, each once."""
        named = (self.user, self.item, self.time, *self.labels.values())
        return list(dict.fromkeys((*named, *self.categorical, *self.numeric, *self.lists)))


@dataclass(frozen=True, slots=True)
class Listed:
    """A list of words in each row, flat: element e belongs to row ``row_E[e]``."""

    row_E: np.ndarray
    """int64, ascending."""
    word_E: pa.StringArray


@dataclass(frozen=True, slots=True)
class Rows:
    """N rows, oldest first."""

    time_N: np.ndarray
    """int64, ascending: microseconds of the epoch, or the table's own numbers."""
    user_N: np.ndarray
    """int64 from 0."""
    item_N: np.ndarray
    """int64 from 0."""
    item_names: pa.StringArray
    """What items are called, by number."""
    labels: Mapping[str, np.ndarray]
    """By task bool, or float32 where it is a share; NaN where it is not known."""
    numbers: Mapping[str, np.ndarray]
    """float32, N each; NaN where nothing finite is known."""
    words: Mapping[str, pa.DictionaryArray]
    """N each; null where nothing is known."""
    lists: Mapping[str, Listed] = field(default_factory=dict)
    is_dated: bool = False
    """Whether times are of the epoch."""

    def __len__(self) -> int:
        return len(self.time_N)


def mapping(path: Path) -> Mapped:
    """Read a mapping.

    Raises:
        UnusableTableError: If it is no TOML, lacks a key or has one that is unknown.
    """
    try:
        found = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UnusableTableError(f"{path} should be a mapping in TOML: {error}") from error
    missing = [key for key in _NEEDED if not found.get(key)]
    unknown = sorted(found.keys() - set(_KEYS))
    if missing or unknown:
        raise UnusableTableError(
            f"{path} should have {', '.join(_NEEDED)}; missing: {', '.join(missing) or 'none'}; "
            f"unknown: {', '.join(unknown) or 'none'}"
        )
    return Mapped(
        user=found["user"],
        item=found["item"],
        time=found["time"],
        labels=found["labels"],
        categorical=tuple(found.get("categorical", ())),
        numeric=tuple(found.get("numeric", ())),
        lists=tuple(found.get("lists", ())),
    )


def read(path: Path, mapped: Mapped) -> Rows:
    """Read a table, Parquet or CSV.

    Raises:
        UnusableTableError: If a column is missing or holds what it should not.
    """
    table = _table(path, mapped)
    time_N, is_dated = _times(table, mapped.time)
    order = np.argsort(time_N, kind="stable")
    table = table.take(pa.array(order))
    user, item = (_words(table, name) for name in (mapped.user, mapped.item))
    for name, column in ((mapped.user, user), (mapped.item, item)):
        if column.null_count:
            raise UnusableTableError(
                f"{name} should be known in every row, {column.null_count} lack it"
            )
    return Rows(
        time_N[order],
        user.indices.to_numpy().astype(np.int64),
        item.indices.to_numpy().astype(np.int64),
        item.dictionary,
        {task: _label(table, name) for task, name in mapped.labels.items()},
        {name: _numbers(table, name) for name in mapped.numeric},
        {name: _words(table, name) for name in mapped.categorical},
        {name: _listed(table, name) for name in mapped.lists},
        is_dated,
    )


def _table(path: Path, mapped: Mapped) -> pa.Table:
    if not path.is_file():
        raise UnusableTableError(f"there is no file {path}")
    try:
        is_parquet = path.read_bytes()[:4] == b"PAR1"
        known = parquet.read_schema(path).names if is_parquet else csv.open_csv(path).schema.names
        missing = [name for name in mapped.columns if name not in known]
        if missing:
            raise UnusableTableError(
                f"{path} lacks {', '.join(missing)}; it has {', '.join(known)}"
            )
        found = (
            parquet.read_table(path, columns=mapped.columns)
            if is_parquet
            else _of_csv(path, mapped)
        )
    except pa.ArrowException as error:
        raise UnusableTableError(
            f"{path} should be Parquet or CSV with a header: {error}"
        ) from error
    if not found.num_rows:
        raise UnusableTableError(f"{path} has no rows")
    return found


def _of_csv(path: Path, mapped: Mapped) -> pa.Table:
    words = {mapped.user, mapped.item, *mapped.categorical, *mapped.lists}
    convert = csv.ConvertOptions(
        include_columns=mapped.columns,
        column_types={name: pa.string() for name in words},
        strings_can_be_null=True,
    )
    return csv.read_csv(path, convert_options=convert)


def _whole(table: pa.Table, name: str) -> pa.Array:
    column = table.column(name).combine_chunks()
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _times(table: pa.Table, name: str) -> tuple[np.ndarray, bool]:
    """Times as numbers, and whether they are microseconds of the epoch."""
    column = _whole(table, name)
    if column.null_count:
        raise UnusableTableError(
            f"{name} should be known in every row, {column.null_count} lack it"
        )
    try:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            column = column.cast(pa.timestamp("us"))
        if pa.types.is_temporal(column.type):
            column = column.cast(pa.timestamp("us"))
            return column.cast(pa.int64()).to_numpy(), True
        return column.cast(pa.float64()).to_numpy().astype(np.int64), False
    except pa.ArrowException as error:
        raise UnusableTableError(f"{name} should be a time or a number: {error}") from error


def _words(table: pa.Table, name: str) -> pa.DictionaryArray:
    column = _whole(table, name)
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), None, column)
    return column.cast(pa.string()).dictionary_encode()


def _numbers(table: pa.Table, name: str) -> np.ndarray:
    try:
        column = _whole(table, name).cast(pa.float64())
    except pa.ArrowException as error:
        raise UnusableTableError(f"{name} should hold numbers: {error}") from error
    found = column.to_numpy(zero_copy_only=False).astype(np.float32)
    return np.where(np.isfinite(found), found, np.float32(np.nan))


def _label(table: pa.Table, name: str) -> np.ndarray:
    found = _numbers(table, name)
    known = found[~np.isnan(found)]
    if len(known) and not 0 <= known.min() <= known.max() <= 1:
        raise UnusableTableError(
            f"{name} should be 0 or 1, or a share between; it goes from {known.min()} to "
            f"{known.max()}"
        )
    is_flag = len(known) == len(found) and bool(np.isin(known, (0, 1)).all())
    return found.astype(bool) if is_flag else found


def _listed(table: pa.Table, name: str) -> Listed:
    column = _whole(table, name)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        bare = pc.replace_substring_regex(column.cast(pa.string()), r"[\[\]\"']", "")
        column = pc.split_pattern(pc.utf8_trim_whitespace(bare), _separator(bare))
    if not (pa.types.is_list(column.type) or pa.types.is_large_list(column.type)):
        raise UnusableTableError(f"{name} should hold lists, it is {column.type}")
    words = pc.utf8_trim_whitespace(pc.list_flatten(column).cast(pa.string()))
    row_E = pc.list_parent_indices(column).to_numpy().astype(np.int64)
    is_word = pc.fill_null(pc.not_equal(words, ""), False).to_numpy(zero_copy_only=False)
    return Listed(row_E[is_word], words.filter(pa.array(is_word)))


def _separator(words: pa.StringArray) -> str:
    """What most often stands between elements."""
    counts = [pc.sum(pc.count_substring(words, one)).as_py() or 0 for one in _SEPARATORS]
    return max(zip(counts, _SEPARATORS, strict=True), key=lambda both: both[0])[1]
