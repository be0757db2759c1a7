"""The deep ranker: attention over histories, crosses, a trunk, and heads over all impressions.

The network is ``training.rankers.deep_network``; here it is fed with a surface's examples, a day at
a time, and kept with the rules by which inputs become what it reads. Its places' part is its own,
a number for each place that heads add where an item stands (docs/experiments.md): the caller says
where, at scoring one place for all (``Inputs.at_scored_position``).

Shapes: N rows, T heads.
"""

import json
from collections.abc import Callable, Mapping, Sequence
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
from training.inputs import Inputs, Layout, is_of_user
from training.permitted import PermittedConfig, permitted
from training.rankers import (
    deep_distributed,
    deep_model,
    deep_reader,
    deep_training,
    factorization,
    heads,
)
from training.rankers.deep_config import Head, NetworkConfig
from training.rankers.deep_events import FlatExamples
from training.rankers.deep_model import DeepModel
from training.rankers.deep_reader import Reader
from training.rankers.deep_training import TrainingConfig
from training.rankers.event_pairs import EventPairs
from training.rankers.factorization import FactorizationConfig
from training.rankers.heads import Heads
from training.rankers.ranker import (
    Batch,
    Days,
    MissingHistoriesError,
    UnknownModelError,
    refused_unless_whole,
)
from training.split import Split

NAME: Final = "deep"
_VERSION: Final = 4
"""Of what the files mean; another one is refused."""
_SCORED_AT_ONCE: Final = 4096
"""Rows, about, whose histories are laid out at once."""
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


@dataclass(frozen=True, kw_only=True, slots=True)
class DeepConfig:
    """What is read, how large the network is, and how it learns."""

    read: ReadConfig = field(default_factory=ReadConfig)
    reads_histories: bool = True
    """Whether histories are read where examples have them."""
    num_short: int = 50
    """Newest events that every candidate hears."""
    num_long: int = 1_000
    """Newest events that are searched for the candidate's category."""
    pairs: EventPairs | None = field(default_factory=lambda: EventPairs(8, 18))
    """Newest events that are paired with candidates; None where none is."""
    factors: FactorizationConfig | None = field(default_factory=FactorizationConfig)
    """Of a factorisation machine whose logits the network begins from (Guo et al., DeepFM, IJCAI
    2017, with the machine learned first); None, and it begins from base rates."""
    network: NetworkConfig = field(
        default_factory=lambda: NetworkConfig(
            candidate_fields=(), width=8, num_crosses=2, trunk=(128, 64), dropout=0.1
        )
    )
    """Sizes. What is read and what is predicted is filled in by the fit."""
    training: TrainingConfig = field(default_factory=lambda: LEARNING)


@dataclass(frozen=True, kw_only=True, slots=True)
class Deep:
    """A fitted network with the rules of what it reads."""

    name: str
    reader: Reader
    model: DeepModel
    ratio: Mapping[str, float]
    """For a task without a head: its positives per click."""

    @property
    def layout(self) -> Layout:
        """The columns that it reads."""
        return self.reader.layout

    @property
    def reads_histories(self) -> bool:
        """Whether rows must come with histories."""
        return self.reader.reads_histories

    def score(self, given: Inputs) -> dict[str, np.ndarray]:
        """Predict every task: float32, N, in [0, 1].

        Raises:
            MissingColumnError: If the rows lack a column.
            MissingHistoriesError: If it reads histories and the rows have none.
        """
        parts = [self.model.score(rows) for rows in self.reader.rows(given).blocks(_SCORED_AT_ONCE)]
        names = [head.name for head in self.model.network.config.heads]
        nothing = np.empty(0, np.float32)
        scores = {name: np.concatenate([nothing, *(p[name] for p in parts)]) for name in names}
        return heads.followed(scores, self.ratio)

    def save(self) -> dict[str, bytes]:
        """Write weights and rules, without pickles."""
        said = {"version": _VERSION, "name": self.name, "ratio": dict(self.ratio)}
        rules = {"ranker.json": json.dumps(said, sort_keys=True).encode()}
        return rules | self.reader.save() | self.model.save()


def load(files: Mapping[str, bytes]) -> Deep:
    """Make the model again from what its ``save`` wrote.

    Raises:
        UnknownModelError: If a file is missing, cut off, or of another version.
    """
    return of_files(NAME, files)


def of_files(name: str, files: Mapping[str, bytes]) -> Deep:
    """Make a ranker of that name again; the rest as ``load``."""
    torch.set_num_threads(1)
    needed = {"ranker.json", "reader.json", "fields.npz"}
    if not needed <= files.keys():
        raise UnknownModelError(f"{name} needs {sorted(needed)}, found {sorted(files)}")
    with refused_unless_whole(name):
        said = json.loads(files["ranker.json"])
        if (said["version"], said["name"]) != (_VERSION, name):
            raise UnknownModelError(
                f"the files hold {said['name']} of version {said['version']}, not {name} of "
                f"version {_VERSION}; fit it again"
            )
        reader = deep_reader.load(files)
        return Deep(name=name, reader=reader, model=deep_model.load(files), ratio=said["ratio"])


def fit(days: Days, split: Split, config: DeepConfig, seed: int) -> Deep:
    """Learn on the days of ``split``; the best weights on the stopping days are kept.

    Args:
        days: Reads one day's examples.
        split: The days to learn from and to stop on.
        config: What is read and how it learns.
        seed: Of everything that is drawn.

    Raises:
        NothingToLearnError: If all days to learn from, or all to stop on, are empty.
        MissingHistoriesError: If some days have histories and others none.
    """
    known, tasks, places = read_days(days, split, config.read)
    event_words = _event_words(days, split) if config.reads_histories else None
    factors = None
    if config.factors is not None:
        alike = replace(config.factors, min_positives=config.read.min_positives)
        factors = factorization.fit(days, split, alike, seed)
    reader = Reader(
        fields=known,
        factors=factors,
        tasks=tuple(tasks.learned) if factors else (),
        event_words=event_words,
        num_short=config.num_short,
        num_long=config.num_long,
        num_places=places,
        has_quantile_fields=config.read.has_quantile_fields,
        pairs=config.pairs if event_words else None,
    )
    return learned(NAME, days, split, Plan(reader, tasks, config, seed))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be learned."""

    reader: Reader
    tasks: Heads
    config: DeepConfig
    seed: int

    @property
    def network(self) -> dict[str, Any]:
        """Parts of the network's config that the fit fills in."""
        read = self.config.read
        made = self.reader.parts(
            unknown_dropout=read.unknown_dropout, word_dropout=read.word_dropout
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
        return made


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
    network, training = replace(plan.config.network, **plan.network), plan.config.training
    is_alone = training.num_processes == 1
    learn = deep_training.learn if is_alone else deep_distributed.learn
    torch.set_num_threads(1)
    with threadpool_limits(1):
        found = learn(
            _blocks(days, split.fit, plan),
            _blocks(days, split.stop, plan),
            network,
            training,
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


def _event_words(days: Days, split: Split) -> tuple[str, ...] | None:
    """Words that events of all days have and candidates too, in these one's order."""
    found: list[set[str] | None] = []
    layout: tuple[str, ...] = ()
    for day in (*split.fit, *split.stop):
        given = days(day).given
        if len(given):
            layout = given.layout.words
            found.append(None if given.histories is None else set(given.histories.words))
    if not any(words is not None for words in found):
        return None
    if any(words is None for words in found):
        raise MissingHistoriesError("some days to learn from have histories, and others have none")
    ours = [word for word in layout if not is_of_user(word)]
    return tuple(word for word in ours if all(word in (words or ()) for words in found))
