"""Judges rankers on each night's examples, and keeps track of who serves.

A night is judged by everybody who could serve it: the fused order, the incumbent, and rankers
fitted tonight, each calibrated on what it has not learned from. The champion of one night is the
incumbent of the next, so a range walks its nights in one pass. What a person decided stands above
the rule on its day, and until the next decision where it is pinned.

A model whose files cannot be read does not end the night: who served before it serves again, and
the champion's row says so.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta

from etl.days import one_day
from etl.silver.attribution import WINDOW_DAYS
from etl.surfaces import Surface
from etl.tables.ranking import RANKER_NAMES
from orchestration import decisions
from orchestration.contenders import Bench, Contender
from orchestration.decisions import Decision
from orchestration.judgements import Judgement, Past, Row
from orchestration.table_asset import Night
from training import calibrations, evaluate, labels, promote, tasks
from training.evaluate import Occasion
from training.judged import Judged
from training.promote import Champion, named
from training.rankers.ranker import NONE, Batch, UnknownModelError
from training.registry import MissingLibraryError
from training.tasks import Task

_UNUSABLE = (UnknownModelError, MissingLibraryError)


def judge_nights(night: Night, surface: Surface) -> Iterator[tuple[date, Judgement]]:
    """Judge every night of the run, each beside the champion of the night before."""
    past = Past(night, surface)
    for day in night.days:
        found = _Judging(Bench(night, surface, day), past).judgement()
        past.of_run[day] = found
        yield day, found


class _Judging:
    """One night's judgement of one surface."""

    def __init__(self, bench: Bench, past: Past) -> None:
        self._bench, self._past, self._day = bench, past, bench.day
        self._findings: list[str] = []
        path = bench.night.workspace.home.decisions
        self._decisions = decisions.read(path, bench.surface.name)

    def judgement(self) -> Judgement:
        """Make everybody ready, judge, and choose."""
        incumbent, serving = self._usable(self._past.before(self._day))
        decision = decisions.of_day(self._decisions, self._day)
        decided, chosen = (None, None) if decision is None else self._decided(decision)
        fresh = [one for ranker in RANKER_NAMES if (one := self._fresh(ranker)) is not None]
        contenders = _distinct([serving, chosen, *fresh])
        for one in contenders:
            self._bench.calibrate(one)
        batch = self._bench.read(self._day)
        champion, reports = self._judged(incumbent, serving, batch, contenders)
        return Judgement(
            champion=decided or champion,
            reports=reports,
            calibrators=[row for one in contenders for row in self._bench.calibrator_rows(one)],
            importance=[
                row
                for one in fresh
                if len(batch)
                for row in self._bench.importance_rows(one, self._batch_for(one))
            ],
            findings=tuple(self._findings),
        )

    def _usable(self, champion: Champion) -> tuple[Champion, Contender | None]:
        """Load who serves, or who served before him where his files cannot be read."""
        reasons = []
        serving = champion
        while serving.ranker != NONE:
            try:
                loaded = self._bench.loaded(serving.ranker, serving.model_date)
            except _UNUSABLE as error:
                reasons.append(f"{named(serving)} cannot serve: {error}")
                serving = self._past.earlier(serving.since, serving)
            else:
                return self._back(serving, reasons), loaded
        return self._back(serving, reasons), None

    def _back(self, champion: Champion, reasons: list[str]) -> Champion:
        if not reasons:
            return champion
        reason = f"{named(champion)} serves again. {'. '.join(reasons)}"
        return replace(champion, since=self._day, decided_by=promote.RULE, reason=reason)

    def _decided(self, decision: Decision) -> tuple[Champion | None, Contender | None]:
        """Load whom a person chose; nobody where his files cannot be read."""
        by, why = decision.decided_by, decision.reason
        pin = " (pinned)" if decision.is_pinned else ""
        champion = Champion(
            decision.surface,
            decision.ranker,
            decision.model_date,
            self._day,
            by,
            f"{why}{pin}",
        )
        if champion.ranker == NONE:
            return champion, None
        try:
            return champion, self._bench.loaded(decision.ranker, decision.model_date)
        except _UNUSABLE as error:
            self._findings.append(f"{by} chose {named(champion)}, which cannot serve: {error}")
            return None, None

    def _fresh(self, ranker: str) -> Contender | None:
        """Load what was fitted tonight; a file that cannot be read leaves the others alone."""
        if not self._bench.is_fitted_tonight(ranker):
            return None
        try:
            return self._bench.loaded(ranker, self._day)
        except _UNUSABLE as error:
            self._findings.append(f"{ranker} {self._day}: {error}")
            return None

    def _judged(
        self,
        incumbent: Champion,
        serving: Contender | None,
        batch: Batch,
        contenders: list[Contender],
    ) -> tuple[Champion, list[Row]]:
        """Judge on the night's own examples; nothing is found of a night without any."""
        if not len(batch):
            return incumbent, []
        judged, old = self._orders(batch, self._day)
        of_each = {id(one): one.judged(self._batch_for(one)) for one in contenders}
        if serving is not None:
            old = of_each[id(serving)]
        judged += of_each.values()
        fresh = [one for one in contenders if one.model_date == self._day]
        champion = self._chosen(incumbent, batch, old, [(one, of_each[id(one)]) for one in fresh])
        now = self._tasks(is_delayed=False) if batch.given.has_positions else self._tasks()
        reports = self._rows(batch, judged, (self._day, now), beside=old)
        return champion, [*reports, *self._matured(batch)]

    def _chosen(
        self,
        incumbent: Champion,
        batch: Batch,
        old: Judged,
        fresh: list[tuple[Contender, Judged]],
    ) -> Champion:
        """Ask the rule, unless a person has pinned who serves."""
        found = promote.decide(
            incumbent,
            batch,
            old,
            [one.challenging(judged) for one, judged in fresh],
            night=self._day,
            seed=self._bench.seed,
        )
        self._findings += found.findings
        pinned = decisions.pinned_on(self._decisions, self._day)
        is_held = pinned is not None and incumbent.decided_by != promote.RULE
        if pinned is None or not is_held or found.champion is incumbent:
            return found.champion
        self._findings.append(f"{named(incumbent)} stays: {pinned.decided_by} has pinned it")
        return incumbent

    def _orders(self, batch: Batch, day: date) -> tuple[list[Judged], Judged]:
        """What stands beside everybody: the fused order, then popularity."""
        fused = evaluate.fused_order(batch, day)
        popularity = self._bench.read.popularity(one_day(day))
        return [fused, evaluate.popular_order(batch, day, popularity)], fused

    def _matured(self, batch: Batch) -> list[Row]:
        """Measure what is delayed, on the newest day whose labels are mature.

        Judged is who served on that day, as he was calibrated then: he was fitted before it, as
        whoever serves now was not.
        """
        day = self._day - timedelta(days=WINDOW_DAYS)
        champion = self._past.on(day)
        if not batch.given.has_positions or champion is None:
            return []
        known = self._bench.read(day)
        if not len(known):
            return []
        judged, beside = self._orders(known, day)
        served = self._served(champion, day)
        if served is not None:
            judged, beside = [*judged, served], served
        return self._rows(known, judged, (day, self._tasks(is_delayed=True)), beside=beside)

    def _batch_for(self, contender: Contender) -> Batch:
        return self._bench.read_for(contender.model, self._day)

    def _served(self, champion: Champion, day: date) -> Judged | None:
        if champion.ranker == NONE:
            return None
        try:
            model = self._bench.loaded(champion.ranker, champion.model_date).model
            known = calibrations.load(self._past.calibrations_on(day, champion))
        except _UNUSABLE:
            return None
        batch = self._bench.read_for(model, day)
        return evaluate.scored(model, champion.model_date, batch, known)

    def _tasks(self, *, is_delayed: bool | None = None) -> tuple[Task, ...]:
        every = tasks.of_surface(self._bench.surface.name)
        return tuple(one for one in every if is_delayed is None or one.is_delayed == is_delayed)

    def _rows(
        self,
        batch: Batch,
        judged: list[Judged],
        what: tuple[date, tuple[Task, ...]],
        *,
        beside: Judged,
    ) -> list[Row]:
        day, measured = what
        occasion = Occasion(
            surface=self._bench.surface.name,
            night=self._day,
            examples_date=day,
            maturity=labels.maturity(batch, day, self._day),
            tasks=measured,
        )
        seed = self._bench.seed
        return list(evaluate.rows(batch, judged, occasion, beside=beside, seed=seed))


def _distinct(contenders: list[Contender | None]) -> list[Contender]:
    """Keep each model once, the first of them."""
    found: dict[tuple[str, date], Contender] = {}
    for one in contenders:
        if one is not None:
            found.setdefault((one.ranker, one.model_date), one)
    return list(found.values())
