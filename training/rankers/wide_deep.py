"""Wide & Deep: weights of values and of hashed crosses beside a multilayer perceptron.

Cheng et al., DLRS 2016: the wide part remembers which values went together, the deep part, on the
same fields and numbers, says what is alike; both are learned jointly and their logits added. The
crosses are those of logistic regression (``training.rankers.hashed_crosses``). The paper learns the
wide part by FTRL; here it is Adagrad with a smaller rate, as of all that is read sparsely.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from training.rankers import deep_fitting, deep_ranker, hashed_crosses
from training.rankers.deep_config import NetworkConfig
from training.rankers.deep_fitting import LEARNING, Plan, ReadConfig
from training.rankers.deep_ranker import Deep
from training.rankers.deep_reader import Reader
from training.rankers.deep_training import TrainingConfig
from training.rankers.ranker import Days
from training.split import Split

NAME: Final = "wide_deep"


@dataclass(frozen=True, kw_only=True, slots=True)
class WideDeepConfig:
    """What is crossed, how large the perceptron is, and how both learn."""

    read: ReadConfig = field(default_factory=lambda: ReadConfig(has_quantile_fields=True))
    num_crossed: int = 8
    """Fields that are crossed with one another: those that tell most about clicks."""
    hash_bits: int = 18
    """Crosses share 2^bits weights."""
    width: int = 8
    """Numbers of a field's vector."""
    trunk: tuple[int, ...] = (128, 64)
    """Widths of the perceptron's layers."""
    dropout: float = 0.1
    """Share of a layer's numbers that is dropped while it learns."""
    training: TrainingConfig = field(default_factory=lambda: LEARNING)


def fit(days: Days, split: Split, config: WideDeepConfig, seed: int) -> Deep:
    """Learn on the days of ``split``; the best weights on the stopping days are kept.

    Args:
        days: Reads one day's examples.
        split: The days to learn from and to stop on.
        config: What is crossed and how it learns.
        seed: Of everything that is drawn.

    Raises:
        NothingToLearnError: If all days to learn from, or all to stop on, are empty.
    """
    known, tasks, places = deep_fitting.read_days(days, split, config.read)
    crosses = hashed_crosses.of_telling(
        known, days(split.fit.last), config.num_crossed, hash_bits=config.hash_bits
    )
    reader = Reader(
        fields=known,
        event_words=None,
        num_short=0,
        num_long=0,
        num_places=places,
        crosses=crosses,
        has_quantile_fields=config.read.has_quantile_fields,
    )
    network = NetworkConfig(
        candidate_fields=(),
        width=config.width,
        num_crosses=0,
        trunk=config.trunk,
        dropout=config.dropout,
    )
    plan = Plan(reader, tasks, config.read, network, config.training, seed)
    return deep_fitting.learned(NAME, days, split, plan)


def load(files: Mapping[str, bytes]) -> Deep:
    """Make the model again from what its ``save`` wrote.

    Raises:
        UnknownModelError: If a file is missing, cut off, or of another version.
    """
    return deep_ranker.of_files(NAME, files)
