"""The learned sources by name, and what may be chosen about each on held-out items.

Those that need torch or gensim are made when they are asked for, so that without them the others
work and it can be said which are left out.
"""

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Final

from threadpoolctl import threadpool_limits

from training.retrieval.interactions import Interactions
from training.retrieval.source import Config, Parent, Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Learned:
    """One source: where it lies, with which settings, and what may be chosen."""

    name: str
    """As in results and in mixes."""
    module: str
    """Its file in ``training/retrieval``."""
    config: str
    """The name of its config there."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Where they differ from the config's defaults."""
    choices: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Values of settings that only scoring reads, to choose among on held-out items."""
    refits: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Values of settings that fitting reads, likewise."""
    needs: str | None = None
    """A package that may be absent."""
    is_warm: bool = False
    """Whether a fit can go on from an earlier one."""
    is_log: bool = False
    """Whether its scores are logarithms of chances."""
    is_optional: bool = False
    """Whether it is left out unless it is asked for by name: it costs more than it brings."""

    reads_attributes: bool = False
    """Whether it has nothing to say where nothing is known of the items themselves."""

    @property
    def is_available(self) -> bool:
        """Whether what it needs is installed."""
        return self.needs is None or find_spec(self.needs) is not None

    def configured(self, chosen: Mapping[str, Any]) -> Config:
        """Make its config."""
        return getattr(self._file, self.config)(**{**self.settings, **chosen})

    def fit(
        self,
        interactions: Interactions,
        *,
        config: Config,
        seed: int,
        parent: Parent | None = None,
    ) -> Source:
        """Fit it on one thread.

        How sums are split over threads would show in the last digits, and two threads beside a
        neighbour wait for one another: a hundred times the cpu-seconds were seen.
        """
        fit, more = self._file.fit, {"parent": parent} if parent else {}
        with threadpool_limits(1):
            return fit(interactions, config=config, seed=seed, **more)

    def load(self, files: Mapping[str, bytes]) -> Source:
        """Make it again from what it saved."""
        return self._file.load(files)

    @property
    def _file(self) -> ModuleType:
        found = importlib.import_module(f"training.retrieval.{self.module}")
        if self.needs == "torch":
            # It has threads of its own, which ``threadpool_limits`` does not reach.
            importlib.import_module("torch").set_num_threads(1)
        return found


@dataclass(frozen=True, kw_only=True, slots=True)
class SourcesConfig:
    """From how much nights fit, and for how long a model serves."""

    min_visits: int = 1_000
    """Visits below which nothing is fitted."""
    max_users: int = 500_000
    """Users whose histories are read at most, drawn by the hash of their ids."""
    cold_every: int = 4
    """Every so manieth fit of the calendar starts anew; the others go on from the one before."""
    max_age_days: int = 27
    """Days that a model serves where no newer one was fitted."""


POPULARITY: Final = Learned(name="popularity", module="most_touched", config="MostTouchedConfig")
_RECENCY: Final = {"recency": (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)}
ORDERED: Final = (
    POPULARITY,
    Learned(
        name="onward",
        module="onward",
        config="OnwardConfig",
        choices=_RECENCY | {"to_power": (0.0, 0.1, 0.2, 0.3), "from_power": (0.0, 0.2, 0.4, 0.6)},
        refits={"window": (5, 10, 20), "back": (0.0, 0.1, 0.3), "gap_power": (0.7, 1.0, 1.3)},
    ),
    Learned(
        name="item_cf",
        module="item_cf",
        config="ItemCfConfig",
        choices=_RECENCY,
        refits={"user_power": (0.0, 0.25, 0.5), "shrink": (0.0, 5.0, 20.0)},
    ),
    Learned(
        name="linear_items",
        module="linear_items",
        config="LinearItemsConfig",
        choices=_RECENCY,
        refits={"l2": (200.0, 500.0), "hidden_share": (0.0, 0.5)},
    ),
    Learned(
        name="propagation",
        module="propagation",
        config="PropagationConfig",
        choices=_RECENCY | {"to_power": (0.1, 0.2, 0.3, 0.4), "from_power": (0.3, 0.5, 0.7)},
    ),
    Learned(
        name="low_pass",
        module="low_pass",
        config="LowPassConfig",
        settings={"rank": 300},
        choices=_RECENCY | {"to_power": (-0.5, -0.3, -0.1)},
    ),
    Learned(name="user_cf", module="user_cf", config="UserCfConfig", is_optional=True),
    Learned(name="factors", module="factors", config="FactorsConfig", choices=_RECENCY),
    Learned(
        name="item2vec",
        module="item2vec",
        config="Item2vecConfig",
        choices=_RECENCY,
        needs="gensim",
    ),
    Learned(
        name="content",
        module="content",
        config="ContentConfig",
        choices=_RECENCY,
        reads_attributes=True,
    ),
    Learned(
        name="sasrec",
        module="sasrec",
        config="SasrecConfig",
        settings={"num_networks": 2, "max_places": 20_000_000},
        needs="torch",
        is_log=True,
    ),
    Learned(
        name="interests",
        module="interests",
        config="InterestsConfig",
        choices={
            "recency": (0.5, 0.7, 0.9),
            "short_share": (0.0, 0.5, 1.0),
            "to_power": (0.0, 0.1, 0.2, 0.3),
        },
        is_optional=True,
    ),
    Learned(name="two_tower", module="two_tower", config="TwoTowerConfig", needs="torch"),
)
"""For histories in order."""


def _low_pass(rank: int, *, is_optional: bool = False) -> Learned:
    """One bandwidth of the filter."""
    return Learned(
        name=f"low_pass_{rank}",
        module="low_pass",
        config="LowPassConfig",
        settings={"rank": rank},
        choices={"to_power": (-0.7, -0.5, -0.3), "value_power": (0.0, 0.5)},
        is_optional=is_optional,
    )


UNORDERED: Final = (
    POPULARITY,
    Learned(
        name="propagation",
        module="propagation",
        config="PropagationConfig",
        choices={"to_power": (0.1, 0.2, 0.3, 0.4), "from_power": (0.3, 0.5, 0.7)},
        refits={"user_power": (0.7, 1.0), "paths_power": (0.8, 1.0, 1.25)},
    ),
    *(_low_pass(rank) for rank in (64, 300, 900)),
    _low_pass(1500, is_optional=True),
    Learned(
        name="graph_filter",
        module="graph_filter",
        config="GraphFilterConfig",
        choices={
            "pass_power": (0.0, 0.25, 0.5),
            "rest_share": (0.25, 0.5, 0.75, 1.0),
            "from_power": (0.4, 0.5, 0.6),
            "to_power": (-0.6, -0.5, -0.4, -0.3),
        },
    ),
    Learned(
        name="linear_items",
        module="linear_items",
        config="LinearItemsConfig",
        settings={"l2": 20.0, "hidden_share": 0.5, "user_power": 0.5},
        refits={"l2": (20.0, 200.0), "hidden_share": (0.0, 0.5), "user_power": (0.0, 0.5)},
    ),
    Learned(name="item_cf", module="item_cf", config="ItemCfConfig"),
    Learned(
        name="user_cf",
        module="user_cf",
        config="UserCfConfig",
        choices={"likeness_power": (1.0, 2.0)},
    ),
    Learned(
        name="factors", module="factors", config="FactorsConfig", settings={"num_factors": 256}
    ),
    Learned(
        name="interests",
        module="interests",
        config="InterestsConfig",
        choices={"to_power": (0.0, 0.1, 0.2, 0.3)},
        is_optional=True,
    ),
    Learned(
        name="softmax_factors",
        module="softmax_factors",
        config="SoftmaxFactorsConfig",
        choices={"history_share": (0.0, 0.25, 0.5, 0.75)},
        needs="torch",
        is_optional=True,
    ),
    Learned(
        name="two_tower",
        module="two_tower",
        config="TwoTowerConfig",
        settings={"num_epochs": 8},
        needs="torch",
        is_optional=True,
    ),
)
"""For histories without an order: what reads one is off."""

_NIGHTLY: Final = (
    Learned(name="item_cf", module="item_cf", config="ItemCfConfig"),
    Learned(
        name="linear_items",
        module="linear_items",
        config="LinearItemsConfig",
        settings={"max_exact_items": 4_000, "rank": 300},
    ),
    Learned(name="propagation", module="propagation", config="PropagationConfig"),
    Learned(name="low_pass", module="low_pass", config="LowPassConfig", settings={"rank": 128}),
    Learned(name="factors", module="factors", config="FactorsConfig", settings={"num_factors": 64}),
    Learned(name="item2vec", module="item2vec", config="Item2vecConfig", needs="gensim"),
    Learned(name="content", module="content", config="ContentConfig"),
    Learned(name="interests", module="interests", config="InterestsConfig"),
    Learned(
        name="two_tower",
        module="two_tower",
        config="TwoTowerConfig",
        settings={"num_epochs": 10},
        needs="torch",
        is_warm=True,
    ),
    Learned(
        name="sasrec",
        module="sasrec",
        config="SasrecConfig",
        settings={"num_epochs": 20},
        needs="torch",
        is_warm=True,
        is_log=True,
    ),
)
NIGHTLY: Final = {learned.name: learned for learned in _NIGHTLY}
"""What nights can fit, with settings for their cost; which of them propose is said by the mixes."""
