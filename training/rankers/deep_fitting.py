"""What the networks' rankers share while they are fitted: what is read, and how it is learned.

The network (``training.rankers.deep_network``) is fed with a surface's examples, a day at a time.

Shapes: N rows, T heads.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from etl import days as calendar
from training import fields
from training.codes import CodesConfig
from training.encode import EncoderConfig
from training.fields import Fields, FieldsConfig
from training.inputs import Inputs
from training.permitted import PermittedConfig, permitted
from training.rankers import deep_distributed, deep_training, heads
from training.rankers.deep_config import Head, NetworkConfig
from training.rankers.deep_events import FlatExamples
from training.rankers.deep_model import DeepModel
from training.rankers.deep_ranker import Deep
from training.rankers.deep_reader import Reader
from training.rankers.deep_training import TrainingConfig
from training.rankers.heads import Heads
from training.rankers.ranker import Batch, Days
from training.split import Split

_CATEGORY: Final = "item_category"

LEARNING: Final = TrainingConfig(
    num_epochs=3,
    min_steps=1_000,
    batch_rows=512,
    learning_rate=1e-3,
    table_learning_rate=0.01,
    stop_after=4,
)
"""How networks learn from some ten thousand examples a day (docs/experiments.md)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadConfig:
    """What is read, and how much of it is forgotten while learning."""

    fields: FieldsConfig = field(
        default_factory=lambda: FieldsConfig(
            words=EncoderConfig(min_count=100, max_words=50_000),
            items=CodesConfig(min_count=20),
        )
    )
    """Which words and items have vectors; quantiles that numbers are laid between."""
    unknown_dropout: float = 0.1
    """Chance with which an item, or who the user is, is taken for unknown while learning."""
    word_dropout: float = 0.0
    """The same of words."""
    has_quantile_fields: bool = False
    """Whether the quantile that a number lies in has a vector besides."""
    max_places: int = 64
    """Places that are told apart."""
    min_positives: int = 100
    """Positives below which a task has no head and follows clicks by a fitted ratio."""
    permitted: PermittedConfig = field(default_factory=PermittedConfig)
    """When ranks and scores of sources may be read."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be learned."""

    reader: Reader
    tasks: Heads
    read: ReadConfig
    network: NetworkConfig
    """Sizes. What is read and what is predicted is filled in."""
    training: TrainingConfig
    seed: int

    @property
    def whole_network(self) -> NetworkConfig:
        """The sizes, with what is read and what is predicted."""
        made: dict[str, Any] = self.reader.parts(
            unknown_dropout=self.read.unknown_dropout, word_dropout=self.read.word_dropout
        )
        if self.reader.event_words:
            words = self.reader.event_words
            by = _CATEGORY if _CATEGORY in words else words[0]
            made["searched_by"] = made["event_fields"][1 + words.index(by)]
        elif self.reader.reads_histories:
            made["searched_by"] = made["event_fields"][0]
        after = self.tasks.after_click
        made["heads"] = tuple(
            Head(name=task, after="click" if task in after else None) for task in self.tasks.learned
        )
        return replace(self.network, **made)


def read_days(days: Days, split: Split, config: ReadConfig) -> tuple[Fields, Heads, int]:
    """Look through the days to learn from: fields, tasks, and how many places are told apart."""
    permits = permitted(map(days, split.fit), config.permitted)
    numeric = [name for name in permits.numeric if name != "position"]
    known = fields.fit(_Givens(days, tuple(split.fit)), config.fields, numeric=numeric)
    tasks = heads.of_batches(map(days, split.fit), config.min_positives)
    last = max((_last_place(days(day)) for day in split.fit), default=0)
    return known, tasks, min(last + 1, config.max_places)


def learned(name: str, days: Days, split: Split, plan: Plan) -> Deep:
    """Learn what is planned, each process on one thread (``training.retrieval.learned``)."""
    is_alone = plan.training.num_processes == 1
    learn = deep_training.learn if is_alone else deep_distributed.learn
    torch.set_num_threads(1)
    with threadpool_limits(1):
        found = learn(
            _blocks(days, split.fit, plan),
            _blocks(days, split.stop, plan),
            plan.whole_network,
            plan.training,
            plan.seed,
        )
    model = DeepModel.of(found.network)
    return Deep(name=name, reader=plan.reader, model=model, ratio=plan.tasks.ratio)


def _blocks(days: Days, which: calendar.Days, plan: Plan) -> Sequence[Callable[[], FlatExamples]]:
    return [partial(_examples, days, day, plan) for day in which]


def _examples(days: Days, day: date, plan: Plan) -> FlatExamples:
    batch = days(day)
    labels = [batch.label[task].astype(np.float32) for task in plan.tasks.learned]
    return FlatExamples(
        given=plan.reader.rows(batch.given),
        label_NT=torch.from_numpy(np.stack(labels, axis=1)),
        weight_N=torch.from_numpy(batch.weight_N.astype(np.float32)),
    )


@dataclass(frozen=True, slots=True)
class _Givens(Sequence[Inputs]):
    """Inputs of days, each read when it is asked for."""

    days: Days
    which: tuple[date, ...]

    def __len__(self) -> int:
        return len(self.which)

    def __getitem__(self, number: Any) -> Any:  # noqa: ANN401
        return self.days(self.which[number]).given


def _last_place(batch: Batch) -> int:
    position_N = batch.given.position_N
    known = position_N[np.isfinite(position_N)]
    return int(known.max(initial=0))
