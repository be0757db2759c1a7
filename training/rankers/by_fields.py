"""Rankers that learn a weight or a vector for each value of a field, an example after another.

Logistic regression and factorisation machines differ in what a row's values add up to and in how an
example changes it (``Head``); all else is here: reading the days, when to stop, tasks with too few
positives, the place's part, files.

As with trees, no place is read: p = examination(place) · σ(sum) (``training.rankers.gbdt``). A task
that only happens to who clicks is learned given the click, over all examples: p = examination ·
σ(click's sum) · σ(own sum) (``training.rankers.heads``).
Shapes: N rows, F fields.
"""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Final, Protocol

import numpy as np

from etl.features.examination import Examination, ExaminationConfig
from training import examination, fields, npz
from training.fields import Fields, FieldsConfig
from training.inputs import Inputs, Layout
from training.permitted import PermittedConfig, permitted
from training.rankers import heads
from training.rankers.ranker import Batch, Days, UnknownModelError, refused_unless_whole
from training.split import Split

_LEAST: Final = np.float32(1e-7)
_MAX_KEPT: Final = 500_000
"""Examples of which values are kept while a head learns: some 330 MB."""
_VERSION: Final = 2
"""Of what the files mean; another one is refused."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What a head learns from: N examples of one day and one task."""

    value_NF: np.ndarray
    """int32."""
    label_N: np.ndarray
    """float32, 0 … 1."""
    weight_N: np.ndarray
    """float32."""
    seen_N: np.ndarray
    """float32, in (0, 1]: the chance of what has to come first, a look or a click."""

    def __len__(self) -> int:
        return len(self.label_N)

    @property
    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """All of it, for compiled code."""
        return self.value_NF, self.label_N, self.weight_N, self.seen_N


class Head(Protocol):
    """What one task has learned so far."""

    def learn(self, lesson: Lesson, order_N: np.ndarray) -> None:
        """Learn from examples, in this order."""
        ...

    def margin(self, value_NF: np.ndarray) -> np.ndarray:
        """Add up what rows' values say: float32, N, the logarithm of odds where it is looked at."""
        ...

    def arrays(self) -> dict[str, np.ndarray]:
        """What scoring needs, the caller's to keep."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class PassesConfig:
    """How often examples are read, by which rules, and how weights are learned (``ftrl``)."""

    alpha: float = 0.05
    """Learning rate of a weight that has seen nothing."""
    beta: float = 1.0
    """How long it stays so."""
    l1: float = 0.5
    """Weights of values and crosses that would not pass it stay 0."""
    strengths: tuple[float, ...] = (100_000.0, 3_000.0, 300.0, 10.0)
    """λ2 that shrinks the others, tried in turn until one is worse on the stopping days than the
    one before."""
    num_passes: int = 4
    """Times that all days are read at most, oldest first."""
    patience: int = 1
    """Passes without a smaller loss on the stopping days that are borne; the best is kept."""
    min_positives: int = 100
    """Positives below which a head is not learned: its task follows clicks by a fitted ratio."""
    fields: FieldsConfig = field(default_factory=FieldsConfig)
    permitted: PermittedConfig = field(default_factory=PermittedConfig)
    examination: ExaminationConfig = field(default_factory=ExaminationConfig)


@dataclass(frozen=True, slots=True)
class FieldRanker:
    """Fitted heads with the fields that they were fitted on."""

    name: str
    fields: Fields
    heads: Mapping[str, Head]
    """By task; ``click`` is always there."""
    ratio: Mapping[str, float]
    """For a task without a head: its positives per click."""
    curve: Examination
    after_click: frozenset[str] = frozenset()
    """Tasks whose heads are of who clicked."""

    @property
    def layout(self) -> Layout:
        """What it reads."""
        return self.fields.layout

    @property
    def reads_histories(self) -> bool:
        """Never."""
        return False

    def margins(self, given: Inputs) -> dict[str, np.ndarray]:
        """Logarithms of each head's own odds where rows are looked at: float32, N."""
        value_NF = self.fields.values(given)
        return {task: head.margin(value_NF) for task, head in self.heads.items()}

    def score(self, given: Inputs) -> dict[str, np.ndarray]:
        """Predict every task: float32, N, in [0, 1]."""
        margin_N = self.margins(given)
        seen_N = self.curve.at(given.position_N).astype(np.float32)
        clicked_N = seen_N * _chance(margin_N["click"])
        scores = {"click": clicked_N}
        for task in sorted(self.heads.keys() - {"click"}):
            before_N = clicked_N if task in self.after_click else seen_N
            scores[task] = before_N * _chance(margin_N[task])
        return heads.followed(scores, self.ratio)

    def save(self) -> dict[str, bytes]:
        """Write rules and heads, without pickles."""
        rules = {
            "version": _VERSION,
            "ratio": dict(self.ratio),
            "examination": asdict(self.curve),
            "after_click": sorted(self.after_click),
        }
        files = {"rules.json": json.dumps(rules, sort_keys=True).encode()}
        files["fields.npz"] = npz.packed(self.fields.arrays())
        return files | {f"{task}.npz": npz.packed(h.arrays()) for task, h in self.heads.items()}


def fit(  # noqa: PLR0913
    name: str,
    days: Days,
    split: Split,
    *,
    make: Callable[[Fields, float], Head],
    config: PassesConfig,
    seed: int,
) -> FieldRanker:
    """Learn a head for each task on the days of ``split``.

    Args:
        name: The ranker's.
        days: Reads one day's examples.
        split: The days to learn from and to stop on.
        make: Makes a head that has learned nothing, held back by a strength.
        config: How often they are read.
        seed: Of the order within a day.
    """
    batches = [days(day) for day in split.fit]
    permits = permitted(batches, config.permitted)
    numeric = [one for one in permits.numeric if one != "position"]
    known = fields.fit([batch.given for batch in batches], config.fields, numeric=numeric)
    curve = examination.fit(batches, config.examination)
    tasks = heads.of_batches(batches, config.min_positives)
    click = _School(days, known, curve, "click").best(split, make, config, seed)
    learned = {"click": click}
    for task in tasks.learned[1:]:
        before = click if task in tasks.after_click else None
        school = _School(days, known, curve, task, before)
        learned[task] = school.best(split, make, config, seed)
    return FieldRanker(name, known, learned, tasks.ratio, curve, tasks.after_click)


def _chance(margin_N: np.ndarray) -> np.ndarray:
    """σ: float32, N."""
    return (1 / (1 + np.exp(-margin_N.astype(np.float64)))).astype(np.float32)


def load(
    name: str, files: Mapping[str, bytes], head_of: Callable[[dict[str, np.ndarray]], Head]
) -> FieldRanker:
    """Make a ranker again from what ``FieldRanker.save`` wrote.

    Raises:
        UnknownModelError: If a file is missing, cut off, or of another version.
    """
    needed = {"rules.json", "fields.npz", "click.npz"}
    if not needed <= files.keys():
        raise UnknownModelError(f"{name} needs {sorted(needed)}, found {sorted(files)}")
    with refused_unless_whole(name):
        rules = json.loads(files["rules.json"])
        if rules["version"] != _VERSION:
            raise UnknownModelError(f"the model is of version {rules['version']}; fit it again")
        tasks = sorted(files.keys() - {"rules.json", "fields.npz"})
        learned = {task.removesuffix(".npz"): head_of(npz.unpacked(files[task])) for task in tasks}
        known = fields.of_arrays(npz.unpacked(files["fields.npz"]))
        curve, after_click = Examination(**rules["examination"]), frozenset(rules["after_click"])
        ratio = rules["ratio"]
    return FieldRanker(name, known, learned, ratio, curve, after_click)


@dataclass(frozen=True, slots=True)
class _School:
    """Teaches one task."""

    days: Days
    fields: Fields
    curve: Examination
    task: str
    click: Head | None = None
    """What is known of the clicks that have to come first."""
    kept: dict[date, Lesson] = field(default_factory=dict)
    """Lessons of the first days: all are read some twenty times."""

    def best(
        self, split: Split, make: Callable[[Fields, float], Head], config: PassesConfig, seed: int
    ) -> Head:
        """Teach heads by one strength after another, and keep the one with the least loss."""
        first, *others = config.strengths
        best, least = self._taught(split, make(self.fields, first), config, seed)
        for strength in others:
            head, loss = self._taught(split, make(self.fields, strength), config, seed)
            if loss >= least:
                break
            best, least = head, loss
        return best

    def _taught(
        self, split: Split, head: Head, config: PassesConfig, seed: int
    ) -> tuple[Head, float]:
        best, least, since = head, np.inf, 0
        for number in range(config.num_passes):
            for day in split.fit:
                lesson = self._lesson(day)
                rng = np.random.default_rng((seed, number, day.toordinal()))
                head.learn(lesson, rng.permutation(len(lesson)))
            loss = self._loss(head, split)
            if loss < least:
                best, least, since = deepcopy(head), loss, 0
                continue
            since += 1
            if since > config.patience:
                break
        return best, least

    def _loss(self, head: Head, split: Split) -> float:
        """Weighted log loss of the stopping days."""
        total, weight = 0.0, 0.0
        for day in split.stop:
            lesson = self._lesson(day)
            p_N = lesson.seen_N * _chance(head.margin(lesson.value_NF)).astype(np.float64)
            p_N = np.clip(p_N, _LEAST, 1 - _LEAST)
            loss_N = lesson.label_N * np.log(p_N) + (1 - lesson.label_N) * np.log1p(-p_N)
            total -= float(lesson.weight_N @ loss_N)
            weight += float(lesson.weight_N.sum())
        return total / weight if weight else 0.0

    def _lesson(self, day: date) -> Lesson:
        if day in self.kept:
            return self.kept[day]
        lesson = self._of(self.days(day))
        if sum(map(len, self.kept.values())) + len(lesson) <= _MAX_KEPT:
            self.kept[day] = lesson
        return lesson

    def _of(self, batch: Batch) -> Lesson:
        label_N = batch.label[self.task].astype(np.float32)
        is_known = ~np.isnan(label_N)
        value_NF = self.fields.values(batch.given)[is_known]
        seen_N = self.curve.at(batch.given.position_N)[is_known].astype(np.float32)
        if self.click is not None:
            seen_N *= _chance(self.click.margin(value_NF))
        weight_N = batch.weight_N[is_known].astype(np.float32)
        return Lesson(value_NF, label_N[is_known], weight_N, seen_N)
