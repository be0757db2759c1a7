"""Shows an explanation of ``scoring.explain``, to read in a terminal.

Only the look is here; every number and every word of judgement comes with the explanation.
"""

from collections.abc import Iterator
from typing import Final, Literal

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from scoring.contributions import Contribution, Contributions
from scoring.explain import Explanation
from scoring.explained_lines import MAX_CHARACTERS
from scoring.explained_place import IN_RESERVE, IN_SLATE, Place
from scoring.explained_score import Term, Value
from scoring.explained_sources import Proposal

_STYLES: Final = {IN_SLATE: "green", IN_RESERVE: "yellow"}
_NUMBER: Final = "#"
"""Begins the heading of a column of numbers."""
_BAR: Final = 12
"""Characters of the longest bar."""


def render(found: Explanation) -> RenderableType:
    """Lay an explanation out.

    Args:
        found: What ``orchestration.explaining`` returned.
    """
    return Group(*(Padding(part, (0, 0, 1, 0)) for part in _parts(found)))


def _parts(found: Explanation) -> Iterator[RenderableType]:
    yield _head(found)
    if found.value is not None:
        yield _value(found, found.value)
    if found.proposals:
        yield _proposals(found)
    if found.contributions is not None:
        yield _contributions(found.contributions)
    yield _events(found)
    if found.lines:
        yield _lines(found)


def _grid(title: str) -> Table:
    table = Table.grid(padding=(0, 2))
    table.title, table.title_justify, table.title_style = title, "left", "bold"
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def _listed(title: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=None, padding=(0, 2))
    table.pad_edge = False
    for heading in headings:
        named = heading.removeprefix(_NUMBER)
        justify: Literal["left", "right"] = "left" if named == heading else "right"
        table.add_column(named, header_style="dim", justify=justify, overflow="fold")
    return table


def _head(found: Explanation) -> RenderableType:
    grid = _grid("")
    title = f"  {found.title}" if found.title else ""
    grid.add_row("item", Text(f"{found.item}{title}  (item_no {found.item_no})"))
    grid.add_row("user", Text(f"{found.user}  (segment {found.segment})"))
    grid.add_row("slate", f"{found.surface}, made after {found.day} ended")
    style = _STYLES.get(found.verdict.code, "red")
    grid.add_row("verdict", Text(found.verdict.sentence, f"bold {style}"))
    grid.add_row("ordered by", _champion(found))
    for name, said in _shown(found.place):
        grid.add_row(name, said)
    if found.is_made_alike is False:
        said = "today's settings give another score or place than what was stored that night"
        grid.add_row("note", Text(said, "yellow"))
    return grid


def _champion(found: Explanation) -> Text:
    place, champion = found.place, found.champion
    if place.ranker == "none":
        return Text("the fused candidate order: no ranker serves")
    said = f"{place.ranker}, fitted on {place.model_date}, since {champion['since']}"
    return Text(f"{said}: {champion['reason']}")


def _shown(place: Place) -> Iterator[tuple[str, str]]:
    if place.short_reason is not None:
        yield "short", place.short_reason
    if place.shown is None:
        return
    is_drawn = place.shown["is_exploration"]
    rate = f"{place.shown['propensity']:.4f}, " + ("drawn" if is_drawn else "not drawn")
    yield "propensity", f"{rate} by exploration"
    yield "rules", ", ".join(place.shown["rules"]) or "none moved it"


def _value(found: Explanation, value: Value) -> RenderableType:
    grid = _grid("Value")
    grid.add_row("value", f"{value.value:.6f} = {value.formula}")
    if value.terms:
        grid.add_row("terms", " + ".join(_term(one, value) for one in value.terms))
        grid.add_row("price", "not known" if value.price_cents is None else _cents(value))
    if value.presence is not None:
        grid.add_row("presence", f"{value.presence:.4f} of his active hours are the slot's")
    standing = found.standing
    if standing is not None:
        of_all = f"of {standing.num_candidates} candidates"
        grid.add_row("by value", f"place {standing.rank_by_value} {of_all}")
        fused = (
            f"place {standing.rank_by_fused_score} {of_all}, fused score {standing.fused_score:.6f}"
        )
        grid.add_row("by sources", fused)
    return grid


def _term(one: Term, value: Value) -> str:
    said = f"{one.worth:g} · {one.predicted:.6f}"
    if one.uncalibrated != one.predicted:
        said += f" (uncalibrated {one.uncalibrated:.6f})"
    return f"{said} · {value.price_term:.4f}" if one.task == "order" else said


def _cents(value: Value) -> str:
    return f"{value.price_cents:,.0f} cents"


def _proposals(found: Explanation) -> RenderableType:
    table = _listed("Who proposed it", "source", "#rank", "#score", "#of fused", "because")
    for one in found.proposals:
        table.add_row(one.source, *_figures(one), Text(one.because))
        for seed in one.seeds:
            at = f"{seed.visited_at:%Y-%m-%d %H:%M}"
            said = f"{seed.item_id}, last on {at}, weight {seed.weight:.4f}"
            table.add_row("", "", Text(f"{seed.score:.4f}", "dim"), "", Text(said, "dim"))
    if found.beyond is None:
        return table
    beyond = found.beyond
    said = (
        f"place {beyond.rank_by_fused_score} of {beyond.num_proposed} proposed, by fused score; "
        f"{beyond.num_kept} are kept"
    )
    return Group(table, Text(said, "yellow"))


def _figures(one: Proposal) -> tuple[str, str, str]:
    if one.rank is None:
        return "–", "–", "–"
    return str(one.rank), f"{one.score:.4f}", f"{one.part:.4f}"


def _contributions(found: Contributions) -> RenderableType:
    title = "What its features add to the log-odds of a click"
    table = _listed(title, "feature", "#value", "#adds", "", "why it is read")
    most = max((abs(one.log_odds) for one in found.largest), default=1.0) or 1.0
    table.add_row(Text("where nothing is known", "dim"), "", f"{found.base:+.3f}", "", "")
    for one in found.largest:
        bar = "█" * round(_BAR * abs(one.log_odds) / most)
        style = "green" if one.log_odds > 0 else "red"
        added = f"{one.log_odds:+.3f}"
        table.add_row(one.feature, Text(_said(one)), added, Text(bar, style), Text(one.why, "dim"))
    others = Text(f"{found.num_others} others", "dim")
    table.add_row(others, "", f"{found.others:+.3f}", "", "")
    table.add_row(Text("log-odds", "bold"), "", f"{found.log_odds:+.3f}", "", "")
    return table


def _said(one: Contribution) -> str:
    if one.value is None:
        return "not known"
    if isinstance(one.value, str):
        return one.value
    return f"{one.value:,.4g} {one.unit}"


def _events(found: Explanation) -> RenderableType:
    if not found.events:
        return Text("No events lead here: neither his with it, nor anybody's of the week.", "dim")
    whose = "His events with it and with what led to it"
    if not found.is_own_evidence:
        whose = "None of his events lead here; what others did with it in the week"
    more = f" ({len(found.events)} of {found.num_events})" if not _is_all(found) else ""
    table = _listed(whose + more, "when (UTC)", "user", "event", "item", "line")
    for one in found.events:
        place = f"{one.arrival_date}/{one.source}/{one.file_name}:{one.line_number}"
        at = f"{one.event_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(at, Text(one.user_id), one.event_type, Text(one.item_id), Text(place, "dim"))
    return table


def _is_all(found: Explanation) -> bool:
    return len(found.events) == found.num_events


def _lines(found: Explanation) -> RenderableType:
    table = _listed(f"Raw lines (at most {MAX_CHARACTERS} characters each)", "#line", "as it came")
    for line in found.lines:
        table.add_row(Text(str(line.line_number), "dim"), Text(line.text))
    return table
