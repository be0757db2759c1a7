"""``nightmarket champion``: let a person choose who serves a surface, with his name and reason."""

import getpass
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from etl import surfaces, tables
from etl.days import one_day
from etl.lake_files import LakeFiles
from etl.surfaces import Surface
from orchestration import champions, decisions
from orchestration.commands._days import console, day_of
from orchestration.decisions import Decision
from orchestration.holding import hold
from orchestration.judgements import JUDGED
from orchestration.settings import Settings
from training.rankers.ranker import NONE


def command(  # noqa: PLR0913
    surface: Annotated[str, typer.Argument(help="The surface.")],
    *,
    ranker: Annotated[str, typer.Option(help="Who is to serve; none: the fused order.")],
    reason: Annotated[str, typer.Option(help="Why: it stands in rankers/champions.")],
    model_date: Annotated[
        str | None, typer.Option(metavar="YYYY-MM-DD", help="The night it was fitted on.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who decides; the user of this machine.")] = None,
    pin: Annotated[bool, typer.Option("--pin", help="No rule chooses until you do.")] = False,
) -> None:
    """Write the choice into the newest made day; slates made from then on use it."""
    from orchestration.planning import selection
    from orchestration.runs import BACKFILL, Request, run

    where = _surface(surface)
    if not reason.strip():
        raise typer.BadParameter("--reason is empty; whoever reads rankers/champions asks why")
    settings = Settings()
    home, said = settings.at_home, console()
    files = LakeFiles(home.lake, home.first_day())
    day = _newest(files)
    decision = Decision(
        day=day,
        surface=where.name,
        ranker=ranker,
        model_date=day if ranker == NONE else _fitted_on(model_date),
        decided_by=by or getpass.getuser(),
        reason=reason.strip(),
        is_pinned=pin,
    )
    hold(home, "nightmarket champion")
    _require_usable(decision, where, files, home.models)
    decisions.add(home.decisions, decision)
    # A night without training has no fits; the choice needs none of that night.
    fits = tables.RANKERS.values()
    left_out = tuple(t.path for t in fits if files.missing_days(t, one_day(day)))
    run(Request(one_day(day), selection(*JUDGED), BACKFILL, left_out), home, said)
    chosen = champions.champion_of(files, where, day)
    said.print(
        f"{where.name} of {day}: {chosen.ranker} {chosen.model_date}, {chosen.decided_by}: "
        f"{chosen.reason}. Slates made from now on use it; make {day}'s again and publish them: "
        f"nightmarket night --day {day}"
    )


def _surface(name: str) -> Surface:
    if name not in surfaces.NAMES:
        raise typer.BadParameter(f"no surface {name!r}; there are {', '.join(surfaces.NAMES)}")
    return surfaces.named(name)


def _fitted_on(model_date: str | None) -> date:
    if model_date is None:
        raise typer.BadParameter("--model-date names the model; nothing is found as the latest")
    return day_of(model_date)


def _newest(files: LakeFiles) -> date:
    made = files.made_days(tables.RANKERS_CHAMPIONS)
    if not made:
        raise typer.BadParameter("no night has been judged yet: nobody serves")
    return max(made)


def _require_usable(decision: Decision, surface: Surface, files: LakeFiles, models: Path) -> None:
    """Refuse a model that was not fitted by then, or whose files cannot be read."""
    if decision.ranker == NONE:
        return
    if decision.ranker not in tables.RANKERS:
        known = ", ".join((*tables.RANKERS, NONE))
        raise typer.BadParameter(f"no ranker {decision.ranker!r}; there are {known}")
    if decision.model_date > decision.day:
        raise typer.BadParameter(f"{decision.model_date} is after the newest day, {decision.day}")
    fit = champions.fit_of(files, surface, decision.ranker, decision.model_date)
    if fit is None:
        raise typer.BadParameter(
            f"no {decision.ranker} was fitted for {surface.name} on {decision.model_date}"
        )
    champions.model_of(models, fit)
