"""What is measured of the ranker of trees: scoring a night's candidates, and learning.

Shapes: N rows, F features.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from hashlib import sha256
from statistics import median
from typing import Final

import numpy as np
import xgboost as xgb

from benchmarks import gbdt_fits, gbdt_world
from benchmarks.figures import Row, medians
from benchmarks.gbdt_fits import Fitted, Ready
from benchmarks.gbdt_world import EVENING, Evening
from etl.days import Days
from etl.surfaces import PRODUCT_FEED
from scoring.hours import Hours
from scoring.rank import Ranked, Serving, rank
from scoring.value import ValueConfig
from training.inputs import Inputs
from training.promote import Champion
from training.rankers import gbdt
from training.rankers.gbdt import Gbdt, GbdtConfig
from training.rankers.item_effects import ItemEffects
from training.rankers.ranker import Batch
from training.split import Split

Works = dict[str, Callable[[], object]]
_SEED: Final = 1
_FIRST: Final = date(2026, 1, 1)
_READY: Final = "inplace_predict, ready matrix"
_SCORED: Final = 0.9
"""Of what xgboost predicts of a ready matrix, assembling included."""
_BESIDES: Final = {"assembling": 0.35, "encoding": 0.35}
"""Parts of what all of it may take, 1 / 0.9; trees by the kernel leave them that. Encoding is with
what the factorisation machine says."""
_LEARNED: Final = 1.05
"""Times as long as xgboost alone may learning take, the factorisation machine left out."""
_OF_MACHINE: Final = 0.5
"""Of the same, what the machine may take."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Sizes:
    """How much is measured."""

    rounds: int = 3
    """Times that each is run; the median counts."""
    items: int = 20_000
    """Items of the shop."""
    users: int = 2_000
    """Users that are scored at once."""
    candidates: int = 200
    """Candidates of each; as many items each of those was shown who are learned from."""
    day_users: int = 70
    """Users of a day that is learned from."""
    days: int = 3
    """Days that are learned from; one more is stopped on."""
    trees: int = 100
    """Trees of each head."""


QUICK: Final = Sizes(items=300, users=3, candidates=20, day_users=60, trees=4)
"""So little that only whether it runs is seen."""


@dataclass(frozen=True, slots=True)
class Learning:
    """Drawn days, of which both heads grow all the trees that are asked for."""

    batches: Mapping[date, Batch]
    split: Split
    config: GbdtConfig

    @classmethod
    def of(cls, sizes: Sizes) -> "Learning":
        """Draw them."""
        items = gbdt_world.shop(sizes.items, _SEED)
        stop = _FIRST + timedelta(days=sizes.days)
        split = Split(Days(_FIRST, stop - timedelta(days=1)), Days(stop, stop))
        batches = {
            day: gbdt_world.shown(
                items, users=sizes.day_users, each=sizes.candidates, seed=day.toordinal()
            )
            for day in (*split.fit, *split.stop)
        }
        config = GbdtConfig(num_rounds=sizes.trees, stop_after=sizes.trees, min_positives=1)
        return cls(batches, split, config)

    def fitted(self) -> Fitted:
        """Fit as a night does."""
        return gbdt_fits.fitted(self.batches.__getitem__, self.split, self.config, _SEED)

    def ready(self, days: Days, model: Gbdt) -> Ready:
        """Join days into one encoded matrix."""
        return Ready.of([self.batches[day] for day in days], model)


@dataclass(frozen=True, slots=True)
class Scoring:
    """An evening's candidates, and a fitted ranker with all its trees and an effect an item."""

    evening: Evening
    given: Inputs
    ready_NF: np.ndarray
    model: Gbdt
    serving: Serving

    @classmethod
    def of(cls, sizes: Sizes) -> "Scoring":
        """Draw them, and fit."""
        fitted = Learning.of(sizes).fitted()
        items = gbdt_world.shop(sizes.items, _SEED)
        factor_I = np.random.default_rng(_SEED).lognormal(sigma=0.3, size=sizes.items)
        heads = {
            task: growth.trees
            for task, growth in zip(fitted.model.heads, fitted.growths, strict=True)
        }
        effects = ItemEffects(items.item_no_N, factor_I.astype(np.float32))
        files = replace(fitted.model, heads=heads, effects=effects).save()
        model = gbdt.load(files)
        evening = gbdt_world.evening(items, users=sizes.users, each=sizes.candidates, seed=_SEED)
        _, given = evening.described()
        champion = Champion(PRODUCT_FEED.name, gbdt.NAME, EVENING, EVENING, "rule", "")
        serving = Serving(champion, sha256(b"".join(files.values())).hexdigest(), files)
        return cls(evening, given, model.columns.matrix(given), model, serving)

    def plain(self) -> dict[str, np.ndarray]:
        """What xgboost alone says of the ready matrix, from where its trees begin."""
        begins, begun_N = self.model.columns.begins, self.ready_NF[:, -1]
        return {
            task: head.inplace_predict(self.ready_NF, base_margin=begun_N if begins(task) else None)
            for task, head in self.model.heads.items()
        }

    def scored(self) -> dict[str, np.ndarray]:
        """What the ranker says of assembled candidates."""
        return self.model.score(self.given)

    def ranked(self) -> Ranked:
        """What the kernel of slates does up to the candidates' values."""
        rows, given = self.evening.described()
        hours = Hours.of(rows, users=self.evening.asked, items=self.evening.items)
        return rank(rows, given, serving=self.serving, config=ValueConfig(), hours=hours)


def scoring_rows(sizes: Sizes) -> list[Row]:
    """Rows a cpu-second through all heads; then what is done besides predicting, by the row."""
    asked = Scoring.of(sizes)
    works: Works = {
        "plain": asked.plain,
        "encoding and scoring": asked.scored,
        "assembling, encoding, scoring, valuing": asked.ranked,
        "assembling": asked.evening.described,
        "encoding": partial(asked.model.columns.matrix, asked.given),
    }
    spent = medians(works, sizes.rounds)
    plain, num_rows = spent.pop("plain"), len(asked.given)
    step = f"{len(asked.model.heads)} heads, {sizes.candidates} candidates a user"
    rates = [
        Row(
            step=f"{step}: {part}",
            against=_READY,
            unit="rows a cpu-second",
            reference=num_rows / plain,
            ours=num_rows / seconds,
            limit=_SCORED,
            is_more_better=True,
        )
        for part, seconds in spent.items()
        if part not in _BESIDES
    ]
    return rates + [
        Row(
            step=f"{step}: {part}",
            against=_READY,
            unit="cpu-µs a row",
            reference=1e6 * plain / num_rows,
            ours=1e6 * spent[part] / num_rows,
            limit=limit,
        )
        for part, limit in _BESIDES.items()
    ]


def learning_rows(sizes: Sizes) -> list[Row]:
    """Cpu-seconds of a fit and of its parts, beside xgboost alone on the same matrices."""
    learning = Learning.of(sizes)
    fits = [learning.fitted()]
    model, growths = fits[0].model, fits[0].growths
    learned, judged = (
        learning.ready(days, model) for days in (learning.split.fit, learning.split.stop)
    )
    works: Works = {
        "fit": lambda: fits.append(learning.fitted()),
        "matrices": lambda: [_matrices(learned, judged, task) for task in model.heads],
        "growing": lambda: [growth.plain() for growth in growths],
        "bare": partial(growths[0].unstopped, is_ours=False),
        "bare, ours": partial(growths[0].unstopped, is_ours=True),
    }
    spent = medians(works, sizes.rounds)
    own = {
        part: median(getattr(fit, part) for fit in fits[-sizes.rounds :])
        for part in ("matrices", "growing", "machine", "rest")
    }
    plain = spent["matrices"] + spent["growing"]
    step = f"{len(model.heads)} heads, {sizes.trees} trees, {len(learned.matrix_NF):,} rows"
    found = {
        "growing": ("binary:logistic, same matrices", spent["growing"], own["growing"]),
        "growing clicks, nothing stopped on": (
            "binary:logistic",
            spent["bare"],
            spent["bare, ours"],
        ),
        "making matrices": ("of ready rows", spent["matrices"], own["matrices"]),
        "machine": ("xgboost's matrices and growing", plain, own["machine"]),
        "all else": ("xgboost's matrices and growing", plain, own["rest"]),
        "whole fit but for the machine": (
            "xgboost's matrices and growing",
            plain,
            spent["fit"] - own["machine"],
        ),
    }
    limits = {"machine": _OF_MACHINE, "all else": _LEARNED - 1}
    return [
        Row(
            step=f"{step}: {part}",
            against=against,
            unit="cpu-seconds",
            reference=reference,
            ours=ours,
            limit=limits.get(part, _LEARNED),
        )
        for part, (against, reference, ours) in found.items()
    ]


def _matrices(learned: Ready, judged: Ready, task: str) -> tuple[xgb.DMatrix, xgb.DMatrix]:
    return xgb.QuantileDMatrix(**learned.told(task)), xgb.DMatrix(**judged.told(task))
