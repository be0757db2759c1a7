"""Gradient-boosted trees (xgboost): a head for each task of the surface.

All heads learn over all examples, so that p(order) is of the item being shown and not of the item
being clicked. All minimise log loss: a share's expectation minimises it as a chance does (Papke,
Wooldridge, 1996), and stays within 0 and 1. How they grow: ``gbdt_growth``.

Trees never read the place an item stood at. They learn what it brings where it is looked at, and
``training.examination`` says how often that is: p = examination(place) · σ(trees). So a place's
clicks do not pass for the merit of the items that the policy of the time liked to put there.
They begin from what a factorisation machine says of a row's words
(``training.rankers.tree_columns``). Behind the trees each item has an effect of its own
(``training.rankers.item_effects``).

Shapes: N rows.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import xgboost as xgb

from etl.features.examination import Examination
from training import examination
from training.inputs import Inputs, Layout
from training.rankers import factorization, heads, item_effects, tree_columns, tree_files, trees
from training.rankers.gbdt_growth import Growth, Matrices, TreesConfig, grow
from training.rankers.item_effects import ItemEffects, Seen
from training.rankers.ranker import Batch, Days, UnknownModelError, refused_unless_whole
from training.rankers.tree_columns import Columns
from training.rankers.trees_forest import Forest
from training.split import Split

NAME: Final = "gbdt"
_VERSION: Final = 2
"""Of what the files mean; another one is refused."""
_EFFECTS: Final = "item_effects.arrow"
MONOTONE: Final[Mapping[str, int]] = {
    "item_price_to_category_ratio": -1,
    "price_to_usual_ratio": -1,
    "item_click_rate_28d": 1,
    "item_days_since_click": -1,
    "category_pair_days_since_event": -1,
    "pair_appeal": 1,
}
"""What sense says of clicks: dearer than its kind or than usual, or long not asked for, is no
reason to click; liked more where it is looked at is none not to."""
_NUM_TOLD: Final = 20
"""Features that a manifest names."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GbdtConfig(TreesConfig):
    """How the trees are grown; those of clicks begin from the machine's log-odds."""

    monotone: Mapping[str, int] = field(default_factory=lambda: MONOTONE)
    """Features by which chances of a click only rise (1) or only fall (−1), where rows have them;
    empty, and trees bend as they please."""
    min_positives: int = 100
    """Positives below which a head is not grown: its task follows the clicks by a fitted ratio."""


@dataclass(frozen=True)
class Gbdt:
    """Fitted trees with the columns that they were fitted on."""

    columns: Columns
    heads: Mapping[str, xgb.Booster]
    """Boosters by task; ``click`` is always there."""
    ratio: Mapping[str, float]
    """For a task without a head: its positives per click."""
    examination: Examination
    """How often each place is looked at."""
    effects: ItemEffects
    """What remains of items' clicks after their features."""

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
        """Trees of the click head that score."""
        return int(self.heads["click"].num_boosted_rounds())

    @property
    def reads_histories(self) -> bool:
        """Never."""
        return False

    def score(self, given: Inputs) -> dict[str, np.ndarray]:
        """Predict every task: float32, N, in [0, 1]."""
        if not len(given):
            return {task: np.empty(0, np.float32) for task in (*self.heads, *self.ratio)}
        matrix_NF = self.columns.matrix(given)
        seen_N = self.examination.at(given.position_N).astype(np.float32)
        scores = {
            task: self._placed(self.columns.together(p_N, matrix_NF, task), seen_N, given)
            for task, p_N in trees.predicted(matrix_NF, self.heads, self._forest).items()
        }
        return heads.followed(scores, self.ratio)

    def _placed(self, p_N: np.ndarray, seen_N: np.ndarray, given: Inputs) -> np.ndarray:
        """Chances where items stand, with their own effects."""
        return self.effects.applied(p_N * seen_N, given.item_N)

    @cached_property
    def _forest(self) -> Forest | None:
        """The heads as the kernel reads them: a worker scores many batches by one model."""
        return trees.forest(self.heads)

    def importance(self) -> dict[str, float]:
        """Say each feature's share of the click trees' gain, largest first; used ones only."""
        return tree_files.importance(self.heads["click"])

    def contributions(self, given: Inputs) -> np.ndarray:
        """Split each row's log-odds of a click among the encoder's features, then the base.

        Returns:
            float64, N × (columns + 1): TreeSHAP values, in its column what the machine says of this
            row and not of all; they add up to what is said of a row where it is looked at.
        """
        matrix_NF = self.columns.matrix(given)
        rows = xgb.DMatrix(
            matrix_NF,
            feature_names=self.columns.names,
            feature_types=self.columns.types,
            enable_categorical=True,
            nthread=1,
        )
        found = self.heads["click"].predict(rows, pred_contribs=True).astype(np.float64)
        if self.columns.begins("click"):
            found[:, -2] += matrix_NF[:, -1] - self.columns.base
            found[:, -1] += self.columns.base
        return np.asarray(found)

    def factor_terms(self, given: Inputs) -> dict[tuple[str, ...], float]:
        """Take apart what one row's words say together; nothing where there is no machine."""
        factors = self.columns.factors
        return factorization.terms(factors, given) if factors else {}

    def mean_contributions(self, given: Inputs) -> dict[str, float]:
        """Say how much each feature adds or takes on average, in log-odds of a click."""
        mean_F = np.abs(self.contributions(given)[:, :-1]).mean(axis=0)
        return dict(zip(self.columns.names, mean_F.tolist(), strict=True))

    @property
    def is_of_trees_alone(self) -> bool:
        """Whether what no split asks for changes no score of clicks."""
        return self.columns.factors is None

    def facts(self) -> dict[str, Any]:
        """Say its size, its places' part and what it reads most, for its manifest."""
        gains = list(self.importance().items())[:_NUM_TOLD]
        return {
            "num_trees": self.num_trees,
            "examination": asdict(self.examination),
            "importance": {name: round(share, 4) for name, share in gains},
        }

    def save(self) -> dict[str, bytes]:
        """Write the heads as UBJ and the fitted rules as JSON."""
        boosters = tree_files.written(self.heads)
        rules = {
            "version": _VERSION,
            **self.columns.rules(),
            "ratio": dict(self.ratio),
            "examination": asdict(self.examination),
            "trees": tree_files.hashes(boosters),
        }
        rest = {"rules.json": json.dumps(rules, sort_keys=True).encode()}
        return rest | self.columns.files() | {_EFFECTS: self.effects.save()} | boosters


def load(files: Mapping[str, bytes]) -> Gbdt:
    """Make the model again from what ``Gbdt.save`` wrote.

    Raises:
        UnknownModelError: If a file is missing or cut off, or its features are not today's.
    """
    needed = {"rules.json", _EFFECTS, "click.ubj"}
    if not needed <= files.keys():
        raise UnknownModelError(f"a gbdt needs {sorted(needed)}, found {sorted(files)}")
    with refused_unless_whole(NAME):
        rules = json.loads(files["rules.json"])
        if rules.get("version") != _VERSION:
            raise UnknownModelError("the model is of another version; fit it again")
        columns = tree_columns.load(rules, files)
        boosters = tree_files.read(files, rules["trees"])
        curve, effects = Examination(**rules["examination"]), item_effects.load(files[_EFFECTS])
        ratio = rules["ratio"]
    if boosters["click"].feature_names != columns.names:
        raise UnknownModelError("the model was fitted on other features; fit it again")
    return Gbdt(columns, boosters, ratio, curve, effects)


def fit(days: Days, split: Split, config: GbdtConfig, seed: int) -> Gbdt:
    """Grow a head for each task on the days of ``split``, and find what remains of items' clicks.

    Args:
        days: Reads one day's examples; what they are labelled with is what is predicted.
        split: The days to learn from and to stop on.
        config: How the trees are grown.
        seed: Of row and column sampling.
    """
    bare = without_effects(days, split, config, seed)
    # Effects are of clicks: the other heads need not say anything of what was learned from.
    click = replace(bare, heads={"click": bare.heads["click"]}, ratio={})
    learned, kept = (_expected(click, map(days, part)) for part in (split.fit, split.stop))
    return replace(bare, effects=item_effects.fit(learned, kept))


def without_effects(days: Days, split: Split, config: GbdtConfig, seed: int) -> Gbdt:
    """Grow the trees alone; items have no effects of their own. The arguments are those of fit."""
    columns = tree_columns.fit(days, split, config, seed)
    curve = examination.fit(map(days, split.fit), config.examination)
    tasks = heads.of_batches(map(days, split.fit), config.min_positives)

    def how(task: str) -> Growth:
        said = config.monotone if task == "click" else {}
        return Growth.of(config, seed).monotone([said.get(name, 0) for name in columns.names])

    boosters = {
        task: grow(Matrices(days, columns, curve, task), split, how(task)) for task in tasks.learned
    }
    return Gbdt(columns, boosters, tasks.ratio, curve, item_effects.NOTHING)


def _expected(model: Gbdt, batches: Iterable[Batch]) -> list[Seen]:
    return [Seen.of(batch, model.score(batch.given)["click"]) for batch in batches]
