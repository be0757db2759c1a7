"""Reads a log's lines as a load and a night would, and counts what they give.

Each line goes through the real adapter and gets silver's own verdict, on the day on which ``load``
would let it arrive. Two things are seen only later: ``file_cut_off`` (bronze) and repetitions of
lines of other files (silver).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Dict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Final

import msgspec

from etl.features.needs import unmet
from etl.silver import envelope_line
from etl.silver.envelope_line import FIELDS
from etl.silver.parse import DUPLICATE_DAYS
from etl.silver.verdict import Rejected
from etl.sources.adapter import Adapter
from etl.sources.envelope import Envelope
from etl.sources.load import ARRIVAL_HOUR, LoadError, arrival_days, dated
from etl.sources.report import Contents, Example, Lack, Outlook, Rejection
from etl.surfaces import ALL

_NUM_EXAMPLES: Final = 3
_ANY_DAY: Final = date(1970, 1, 1)
_ID, _TYPE, _USER, _ITEM_TYPE, _ITEM, _SURFACE = (
    FIELDS.index(name)
    for name in ("event_id", "event_type", "user_id", "item_type", "item_id", "surface")
)


@dataclass(slots=True)
class _Tally:
    """Counts of what was judged."""

    num_rejected: Counter[str] = field(default_factory=Counter)
    examples: defaultdict[str, list[Example]] = field(default_factory=lambda: defaultdict(list))
    events: list[tuple] = field(default_factory=list)
    """Values of ``FIELDS``"""
    num_repeated: int = 0
    last_day: dict[str, date] = field(default_factory=dict)
    """Of each event id, the arrival day of its last line."""


def contents(adapter: Adapter, lines: Sequence[bytes], numbers: Sequence[int]) -> Contents:
    """Count what lines give.

    Args:
        adapter: Reads them.
        lines: Some of a file's, its first among them.
        numbers: The line number of each.

    Raises:
        HeaderError: If the file lacks a column that the mapping names.
    """
    envelopes = list(adapter.envelopes(lines))
    by_day: defaultdict[date, list[Envelope]] = defaultdict(list)
    for day, envelope in dated(envelopes):
        by_day[day].append(envelope)
    arrivals, refusal = _arrivals(by_day)
    # Where no line says when, each is rejected for what it lacks, whatever the day.
    tally = _tally(arrivals or {_ANY_DAY: envelopes}, numbers)
    return _counted(tally, list(arrivals), refusal)


def _arrivals(
    by_day: Dict[date, list[Envelope]],
) -> tuple[dict[date, list[Envelope]], str | None]:
    """Give each line its arrival day as ``load`` does; its event day where load would refuse."""
    if not by_day:
        return {}, "no line says when it happened in a way that the mapping reads"
    parts, refusal = {day: [day] for day in by_day}, None
    try:
        parts = arrival_days(Counter({day: len(lines) for day, lines in by_day.items()}))
    except LoadError as error:
        refusal = str(error)
    return {
        arrival: [envelope for day in parts[arrival] for envelope in by_day[day]]
        for arrival in sorted(parts)
    }, refusal


def _tally(arrivals: Dict[date, list[Envelope]], numbers: Sequence[int]) -> _Tally:
    tally = _Tally()
    for arrival, envelopes in arrivals.items():
        for envelope in envelopes:
            found = _read(envelope, arrival)
            if isinstance(found, Rejected):
                _count_rejected(tally, found, numbers[envelope.line - 1])
            else:
                _count_event(tally, found, arrival)
    return tally


def _read(envelope: Envelope, arrival: date) -> tuple | Rejected:
    arrived = datetime.combine(arrival, time(ARRIVAL_HOUR), UTC)
    arrival_us = int(arrived.timestamp()) * 1_000_000
    line = msgspec.json.encode(envelope)
    return envelope_line.read(line, source=envelope.file, arrival_us=arrival_us)


def _count_event(tally: _Tally, event: tuple, arrival: date) -> None:
    previous = tally.last_day.get(event[_ID])
    if previous is not None and (arrival - previous).days <= DUPLICATE_DAYS:
        tally.num_repeated += 1
    else:
        tally.events.append(event)
    tally.last_day[event[_ID]] = arrival


def _count_rejected(tally: _Tally, rejection: Rejected, number: int) -> None:
    tally.num_rejected[rejection.reason] += 1
    examples = tally.examples[rejection.reason]
    if len(examples) < _NUM_EXAMPLES:
        examples.append(Example(number, rejection.detail, rejection.sample))


def _counted(tally: _Tally, days: Sequence[date], refusal: str | None) -> Contents:
    columns: list[tuple] = list(zip(*tally.events, strict=True)) or [()] * len(FIELDS)
    event_types = Counter(columns[_TYPE])
    filled = tuple(_filled(columns, len(tally.events)))
    lacks = unmet(event_types=event_types, fields=[name for name, _ in filled])
    return Contents(
        num_events=len(tally.events),
        num_repeated=tally.num_repeated,
        rejections=tuple(
            Rejection(reason, num, tuple(tally.examples[reason]))
            for reason, num in tally.num_rejected.most_common()
        ),
        filled=filled,
        first_day=days[0] if days else None,
        last_day=days[-1] if days else None,
        num_days=len(days),
        num_users=len(set(columns[_USER]) - {None}),
        num_items=len(_items(tally.events)),
        event_types=tuple(event_types.most_common()),
        surfaces=tuple(_outlooks(tally.events)),
        lacks=tuple(Lack(need.what, need.features) for need in lacks),
        refusal=refusal,
    )


def _filled(columns: Sequence[tuple], num_events: int) -> Iterator[tuple[str, float]]:
    for name, values in zip(FIELDS, columns, strict=True):
        num = sum(value is not None for value in values)
        if num:
            yield name, num / num_events


def _items(events: Iterable[tuple]) -> set[tuple[str, str]]:
    return {(event[_ITEM_TYPE], event[_ITEM]) for event in events if event[_ITEM] is not None}


def _outlooks(events: Sequence[tuple]) -> Iterator[Outlook]:
    num_items = Counter(item_type for item_type, _ in _items(events))
    shown = Counter(event[_SURFACE] for event in events if event[_TYPE] == "impression")
    for surface in ALL:
        yield Outlook(surface.name, num_items[surface.item_type], shown[surface.name])
