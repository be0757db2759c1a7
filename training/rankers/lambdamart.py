"""LambdaMART: boosted trees that order each user's evening (Burges, 2010).

What gbdt learns row by row, these learn of pairs of one list: what is clicked stands above what is
not, and an order above both, the more the higher they meet (``lambdas``). A click far down counts
for more, by the inverse of how often its place is looked at (``evenings``). Trees read what gbdt's
read, a factorisation machine's log-odds included. What they say is made a chance of a click behind
them (``levels``); other tasks follow clicks by a fitted ratio.

Trees grow in this process, or in so many tasks of Spark (``lambda_spark``).

Shapes: N rows.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import xgboost as xgb

from etl.features.examination import Examination
from training import examination
from training.inputs import Inputs, Layout
from training.rankers import heads, lambda_growth, levels, tree_columns, tree_files, trees
from training.rankers.gbdt_growth import Growth, TreesConfig
from training.rankers.lambda_growth import Aim, Lists
from training.rankers.levels import Came, Level
from training.rankers.ranker import Batch, Days, UnknownModelError, refused_unless_whole
from training.rankers.tree_columns import Columns
from training.rankers.trees_forest import Forest
from training.split import Split

NAME: Final = "lambdamart"
_VERSION: Final = 1
"""Of what the files mean; another one is refused."""
_CLICK: Final = "click"
_RULES: Final = "rules.json"
_TREES: Final = "click.ubj"
_NUM_TOLD: Final = 20
"""Features that a manifest names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class LambdamartConfig(TreesConfig):
    """How the trees are grown."""

    num_workers: int = 0
    """Tasks of Spark that grow the trees together; 0: they grow in this process."""
    stop_after: int = 50
    min_child_weight: float = 10.0
    num_places: int = 30
    """k of the NDCG@k whose change weighs pairs: two rows below it are not compared."""
    log_loss_share: float = 0.8
    """The share of the gradient that is the log loss's, 0 … 1: lists of two users are told apart by
    it alone. Tasks of Spark know none."""
    max_inverse: float = 20.0
    """Clicks that one at a place hardly looked at stands for at most; 1: places are not made up
    for."""


@dataclass(frozen=True)
class Lambdamart:
    """Fitted trees with the columns that they were fitted on."""

    columns: Columns
    booster: xgb.Booster
    """σ of its margins is what it predicts."""
    level: Level
    """What margins mean in chances."""
    ratio: Mapping[str, float]
    """For every task but clicks: its positives per click."""
    examination: Examination
    """How often each place is looked at."""

    @property
    def name(self) -> str:
        """As in rankers/champions."""
        return NAME

    @property
    def layout(self) -> Layout:
        """What it reads."""
        return self.columns.layout

    @property
    def num_trees(self) -> int:
        """Trees that score."""
        return int(self.booster.num_boosted_rounds())

    @property
    def reads_histories(self) -> bool:
        """Never."""
        return False

    def score(self, given: Inputs) -> dict[str, np.ndarray]:
        """Predict every task: float32, N, in [0, 1]."""
        seen_N = self.examination.at(given.position_N)
        p_N = self.level.chances(self.margins(given), seen_N)
        return heads.followed({_CLICK: p_N.astype(np.float32)}, self.ratio)

    def margins(self, given: Inputs) -> np.ndarray:
        """What the trees say, by which lists are ordered: float64, N."""
        if not len(given):
            return np.empty(0)
        found = trees.predicted(self.columns.matrix(given), self._heads, self._forest)
        return trees.margins(found[_CLICK])

    @property
    def _heads(self) -> dict[str, xgb.Booster]:
        return {_CLICK: self.booster}

    @cached_property
    def _forest(self) -> Forest | None:
        """The trees as the kernel reads them: a worker scores many batches by one model."""
        return trees.forest(self._heads)

    def importance(self) -> dict[str, float]:
        """Say each feature's share of the gain, largest first; used ones only."""
        return tree_files.importance(self.booster)

    def facts(self) -> dict[str, Any]:
        """Say its size, its line, its places' part and what it reads most, for its manifest."""
        gains = list(self.importance().items())[:_NUM_TOLD]
        return {
            "num_trees": self.num_trees,
            "level": asdict(self.level),
            "examination": asdict(self.examination),
            "importance": {name: round(share, 4) for name, share in gains},
        }

    def save(self) -> dict[str, bytes]:
        """Write the trees as UBJ and the fitted rules as JSON."""
        boosters = tree_files.written(self._heads)
        rules = {
            "version": _VERSION,
            **self.columns.rules(),
            "level": asdict(self.level),
            "ratio": dict(self.ratio),
            "examination": asdict(self.examination),
            "trees": tree_files.hashes(boosters),
        }
        return (
            {_RULES: json.dumps(rules, sort_keys=True).encode()} | self.columns.files() | boosters
        )


def load(files: Mapping[str, bytes]) -> Lambdamart:
    """Make the model again from what ``Lambdamart.save`` wrote.

    Raises:
        UnknownModelError: If a file is missing or cut off, or its features are not today's.
    """
    needed = {_RULES, _TREES}
    if not needed <= files.keys():
        raise UnknownModelError(f"a {NAME} needs {sorted(needed)}, found {sorted(files)}")
    with refused_unless_whole(NAME):
        rules = json.loads(files[_RULES])
        if rules.get("version") != _VERSION:
            raise UnknownModelError("the model is of another version; fit it again")
        columns = tree_columns.load(rules, files)
        booster = tree_files.read(files, rules["trees"])[_CLICK]
        level, curve = Level(**rules["level"]), Examination(**rules["examination"])
        ratio = rules["ratio"]
    if booster.feature_names != columns.names:
        raise UnknownModelError("the model was fitted on other features; fit it again")
    return Lambdamart(columns, booster, level, ratio, curve)


def fit(days: Days, split: Split, config: LambdamartConfig, seed: int) -> Lambdamart:
    """Grow trees on the days of ``split``, and find on its stopping days what they mean.

    Args:
        days: Reads one day's examples.
        split: The days to learn from and to stop on.
        config: How the trees are grown.
        seed: Of row and column sampling.

    Raises:
        TooLittleToLearnError: If tasks of Spark should grow trees and no list has rows of two
            kinds.
    """
    columns = tree_columns.fit(days, split, config, seed)
    curve = examination.fit(map(days, split.fit), config.examination)
    booster = _grown(Lists(days, columns, curve, config.max_inverse), split, config, seed)
    # As many positives as nobody has: no task but clicks has trees of its own.
    ratio = heads.of_batches(map(days, split.fit), sys.maxsize).ratio
    unlevelled = Lambdamart(columns, booster, Level(slope=1.0, constant=0.0), ratio, curve)
    return replace(unlevelled, level=_level(unlevelled, [days(day) for day in split.stop]))


def _grown(read: Lists, split: Split, config: LambdamartConfig, seed: int) -> xgb.Booster:
    how, aim = Growth.of(config, seed), _aim(config)
    if not config.num_workers:
        return lambda_growth.grow(read, split, how, aim)
    # Who scores needs no Spark.
    from training.rankers import lambda_spark

    return lambda_spark.grow(read, split, how, aim, num_workers=config.num_workers)


def _aim(config: LambdamartConfig) -> Aim:
    return Aim(
        num_places=config.num_places,
        log_loss_share=config.log_loss_share,
    )


def _level(model: Lambdamart, stop: Sequence[Batch]) -> Level:
    return levels.fit(
        [Came.of(batch, model.margins(batch.given), model.examination) for batch in stop]
    )
