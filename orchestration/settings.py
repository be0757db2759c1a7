"""What a user sets: environment variables beginning with ``NIGHTMARKET_``, each with a default.

Only here is the environment read. Every field's description is its row in the README's table.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from etl.bronze.files import LOOK_BACK_DAYS
from etl.features.examination import MAX_CHANCE_PROPENSITY
from etl.home import Home
from etl.spark import SparkConfig
from etl.tables.ranking import RANKER_NAMES
from etl.tables.retrieval import MAX_CANDIDATES
from scoring.explore import ExplorationConfig
from scoring.mixes import MIXES, CandidatesConfig
from scoring.slates import SlateConfig
from scoring.value import ValueConfig

_SMALL_BYTE_DAYS: Final = 128 << 20
"""Bytes in landing times days made, below which compiling costs more than it saves (measured:
docs/performance.md)."""
MAX_PLACES: Final = 400
"""Of a slate: its stand-in is one of 500 popular items, a fifth in reserve."""
_MOST: Final = 1e6
"""Clicks: worths are added up and stay finite."""
_DAYS: Final = 36_500
"""Of a century: dates go back so far."""
_WORKER_IMPORTS: Final = ("scoring.candidates", "scoring.slates", "xgboost", "torch")
"""What asking sources and ranking need: seconds for each of a run's workers."""


class Settings(BaseSettings):
    """Settings of one installation."""

    model_config = SettingsConfigDict(env_prefix="NIGHTMARKET_")

    home: Path = Field(Path(".nightmarket"), description="where logs, tables and models lie")
    spark_master: str = Field("local[*]", description="threads of this machine, or a cluster")
    spark_memory: str = Field(
        "4g", pattern=r"^[1-9]\d*[kKmMgG]$", description="the driver's JVM heap"
    )
    partitions: int = Field(
        0, ge=0, description="Spark's tasks after a shuffle; 0: cores of this machine"
    )
    engine: Literal["auto", "small", "large"] = Field(
        "auto",
        description="small compiles little: for runs of few days (MB in landing × days < 128)",
    )
    buckets: int = Field(
        0,
        ge=0,
        description="groups of users held in memory one at a time; 0: as many as users ask for",
    )
    steps: int = Field(
        2, ge=1, description="steps of a run that work side by side; memory grows with them"
    )
    k_product_feed: int = Field(
        50, ge=1, le=MAX_PLACES, description="places of a product feed's slate"
    )
    k_live_streams: int = Field(
        20, ge=1, le=MAX_PLACES, description="places of a live streams' slate"
    )
    k_short_videos: int = Field(
        100, ge=1, le=MAX_PLACES, description="places of a short videos' slate"
    )
    candidates: int = Field(
        200,
        ge=1,
        le=MAX_CANDIDATES,
        description="candidates ranked for one user; what a slate and its reserve of a fifth leave "
        "of them is explored",
    )
    exploration_rate: float = Field(
        0.05,
        ge=0,
        le=MAX_CHANCE_PROPENSITY,
        description="probability that a place is given to exploration",
    )
    order_value: float = Field(5.0, ge=0, le=_MOST, description="worth of an order in clicks")
    cart_value: float = Field(
        5.0, ge=0, le=_MOST, description="worth of a cart on a video in clicks"
    )
    watch_value: float = Field(
        1.0, ge=0, le=_MOST, description="worth of a video watched to its end in clicks"
    )
    max_per_seller: int = Field(15, ge=1, description="places of one seller, reserve included")
    max_per_category: int = Field(30, ge=1, description="places of one category, reserve included")
    rankers: Annotated[tuple[str, ...], NoDecode] = Field(
        ("gbdt",),
        description="rankers that nights fit, commas between: " + ", ".join(RANKER_NAMES),
    )
    network_steps: int = Field(
        0, ge=0, description="steps that a ranking network learns at most; 0: as many as pay"
    )
    network_processes: int = Field(
        1,
        ge=1,
        description="processes that learn a ranking network together; on a cluster its workers",
    )
    examples_a_day: int = Field(
        1_000_000,
        ge=1_000,
        description="examples of a surface's day that rankers read; of more, those of some users",
    )
    seed: int = Field(7, ge=0, lt=1 << 32, description="of training and bootstraps")
    tidy_every_days: int = Field(
        7, ge=0, description="nights between two upkeeps (`nightmarket tidy`); 0: none by itself"
    )
    keep_landing_days: int = Field(
        400,
        ge=0,
        le=_DAYS,
        description="days that raw files stay whose lines are in the lake; 0: for ever",
    )
    keep_model_days: int = Field(
        120,
        ge=0,
        le=_DAYS,
        description="nights whose models stay, with what served and was gone on from; 0: all",
    )
    keep_publications: int = Field(7, ge=2, description="publications that stay for rollback")
    keep_run_days: int = Field(
        90,
        ge=0,
        le=_DAYS,
        description="days that Dagster's runs and reports of failures stay; 0: for ever",
    )
    keep_removed_hours: int = Field(
        24,
        ge=0,
        le=24 * _DAYS,
        description="hours that a table's files stay which it does not read any more",
    )

    @field_validator("rankers", mode="before")
    @classmethod
    def _known(cls, asked: str | tuple[str, ...]) -> tuple[str, ...]:
        """Take names apart, and refuse those that no ranker has."""
        names = asked.split(",") if isinstance(asked, str) else asked
        found = tuple(name.strip() for name in names if name.strip())
        unknown = [name for name in found if name not in RANKER_NAMES]
        if unknown:
            raise ValueError(f"no ranker {', '.join(unknown)}; there are {', '.join(RANKER_NAMES)}")
        return found

    @field_validator("keep_landing_days")
    @classmethod
    def _beyond_late_files(cls, asked: int) -> int:
        """Refuse fewer days than a folder is looked through for files that came late."""
        if 0 < asked <= LOOK_BACK_DAYS:
            raise ValueError(
                f"0, or more than the {LOOK_BACK_DAYS} days in which files may be late"
            )
        return asked

    @property
    def at_home(self) -> Home:
        """The home, its path absolute."""
        return Home(self.home.absolute())

    def spark(self, num_days: int = 1) -> SparkConfig:
        """How Spark starts for a run that makes so many days."""
        return SparkConfig(
            master=self.spark_master,
            driver_memory=self.spark_memory,
            shuffle_partitions=self.partitions or max(2, os.cpu_count() or 2),
            is_short_lived=self._is_small(num_days),
            worker_imports=_WORKER_IMPORTS,
        )

    @property
    def network_learning(self) -> dict[str, Any]:
        """What is set of how ranking networks learn, as ``registry.config_of`` takes it."""
        is_on_cluster = not self.spark_master.startswith("local")
        return {
            "max_steps": self.network_steps,
            "num_processes": self.network_processes,
            "cluster_folder": str(self.at_home.root) if is_on_cluster else None,
        }

    def _is_small(self, num_days: int) -> bool:
        if self.engine == "auto":
            return self.at_home.num_landed_bytes() * num_days < _SMALL_BYTE_DAYS
        return self.engine == "small"

    def candidate_config(self, surface: str) -> CandidatesConfig:
        """How ``surface``'s candidates are proposed and fused."""
        return CandidatesConfig(
            mix=MIXES[surface], num_candidates=self.candidates, num_buckets=self.buckets
        )

    def slate_config(self, surface: str) -> SlateConfig:
        """What ``surface``'s slate looks like."""
        return SlateConfig(
            k=getattr(self, f"k_{surface}"),
            caps={"seller_cap": self.max_per_seller, "category_cap": self.max_per_category},
            value=ValueConfig(
                order_value=self.order_value,
                cart_value=self.cart_value,
                watch_value=self.watch_value,
            ),
            exploration=ExplorationConfig(rate=self.exploration_rate),
            num_buckets=self.buckets,
        )
