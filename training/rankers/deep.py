"""The deep ranker: attention over histories, crosses, a trunk, and heads over all impressions."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from training.inputs import is_of_user
from training.rankers import deep_fitting, deep_ranker, factorization
from training.rankers.deep_config import NetworkConfig
from training.rankers.deep_fitting import LEARNING, Plan, ReadConfig
from training.rankers.deep_ranker import Deep
from training.rankers.deep_reader import Reader
from training.rankers.deep_training import TrainingConfig
from training.rankers.event_pairs import EventPairs
from training.rankers.factorization import FactorizationConfig
from training.rankers.ranker import Days, MissingHistoriesError
from training.split import Split

NAME: Final = "deep"


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


def load(files: Mapping[str, bytes]) -> Deep:
    """Make the model again from what its ``save`` wrote.

    Raises:
        UnknownModelError: If a file is missing, cut off, or of another version.
    """
    return deep_ranker.of_files(NAME, files)


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
    known, tasks, places = deep_fitting.read_days(days, split, config.read)
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
    plan = Plan(reader, tasks, config.read, config.network, config.training, seed)
    return deep_fitting.learned(NAME, days, split, plan)


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
