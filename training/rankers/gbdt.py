"""Gradient-boosted trees (xgboost): a head for each task of the surface.

All heads learn over all examples, so that p(order) is of the item being shown and not of the item
being clicked. All minimise log loss: a share's expectation minimises it as a chance does (Papke,
Wooldridge, 1996), and stays within 0 and 1. Examples are read a day at a time and quantised at
once: memory holds one byte a feature, whatever the number of days; those that growth is stopped on
are held whole.

Trees never read the place an item stood at. They learn what it brings where it is looked at, and
``training.examination`` says how often that is: p = examination(place) · σ(trees). So a place's
clicks do not pass for the merit of the items that the policy of the time liked to put there.
Behind the trees each item has an effect of its own (``training.rankers.item_effects``).

Shapes: N rows.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from typing import Any, Final

import numpy as np
import xgboost as xgb

from etl import days as calendar
from etl.features.examination import Examination, ExaminationConfig
from training import encode, examination
from training.encode import Encoder, EncoderConfig
from training.inputs import Inputs, Layout
from training.permitted import PermittedConfig, permitted
from training.rankers import heads, item_effects, trees
from training.rankers.item_effects import ItemEffects, Seen
from training.rankers.ranker import Batch, Days, UnknownModelError, refused_unless_whole
from training.rankers.trees_forest import Forest
from training.split import Split

NAME: Final = "gbdt"
_EFFECTS: Final = "item_effects.arrow"
_NUM_TOLD: Final = 20
"""Features that a manifest names."""
_OF_ROWS: Final = ("data", "label", "weight")
"""What xgboost is told of each row."""
_LEAST: Final = np.float32(1e-7)
"""No chance is nearer to 0 or 1: its loss stays finite."""


@dataclass(frozen=True, kw_only=True, slots=True)
class GbdtConfig:
    """How the trees are grown."""

    num_rounds: int = 400
    """Trees of one head at most; early stopping takes fewer."""
    stop_after: int = 30
    """Rounds without a smaller loss on the stopping days after which growth ends."""
    learning_rate: float = 0.05
    """Weight of each tree."""
    max_depth: int = 5
    """Questions on the way to a leaf."""
    min_child_weight: float = 20.0
    """Sum of hessians that a leaf needs: against leaves of a few lucky clicks."""
    subsample: float = 0.8
    """Share of the examples that each tree sees."""
    colsample: float = 0.5
    """Share of the features that each tree sees."""
    l2: float = 5.0
    """Shrinks the leaves' values."""
    max_bin: int = 256
    """Bins a feature is quantised into."""
    min_rows_of_threads: int = 500_000
    """Examples below which one thread grows the trees: of few, a second waits more than it works.
    The trees are the same."""
    min_positives: int = 100
    """Positives below which a head is not grown: its task follows the clicks by a fitted ratio."""
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    """Which words are worth a number."""
    permitted: PermittedConfig = field(default_factory=PermittedConfig)
    """When ranks and scores of sources may be read."""
    examination: ExaminationConfig = field(default_factory=ExaminationConfig)
    """How the places' part is learned."""


@dataclass(frozen=True)
class Gbdt:
    """Fitted trees with the encoder that they were fitted on."""

    encoder: Encoder
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
        return self.encoder.layout

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
        matrix_NF = self.encoder.matrix(given)
        seen_N = self.examination.at(given.position_N).astype(np.float32)
        scores = {
            task: self.effects.applied(p_N * seen_N, given.item_N)
            for task, p_N in trees.predicted(matrix_NF, self.heads, self._forest).items()
        }
        return heads.followed(scores, self.ratio)

    @cached_property
    def _forest(self) -> Forest | None:
        """The heads as the kernel reads them: a worker scores many batches by one model."""
        return trees.forest(self.heads)

    def importance(self) -> dict[str, float]:
        """Say each feature's share of the click head's gain, largest first; used ones only."""
        gain = self.heads["click"].get_score(importance_type="total_gain")
        total = sum(gain.values()) or 1.0
        ordered = sorted(gain.items(), key=lambda pair: (-pair[1], pair[0]))
        return {name: value / total for name, value in ordered}

    def contributions(self, given: Inputs) -> np.ndarray:
        """Split each row's log-odds of a click among the encoder's features, then the base.

        Returns:
            float64, N × (features + 1): TreeSHAP values, which add up to what the trees say.
        """
        rows = xgb.DMatrix(
            self.encoder.matrix(given),
            feature_names=self.encoder.names,
            feature_types=self.encoder.types,
            enable_categorical=True,
            nthread=1,
        )
        found: np.ndarray = self.heads["click"].predict(rows, pred_contribs=True)
        return found.astype(np.float64)

    def mean_contributions(self, given: Inputs) -> dict[str, float]:
        """Say how much each feature adds or takes on average, in log-odds of a click."""
        mean_F = np.abs(self.contributions(given)[:, :-1]).mean(axis=0)
        return dict(zip(self.encoder.names, mean_F.tolist(), strict=True))

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
        boosters = {f"{t}.ubj": bytes(head.save_raw("ubj")) for t, head in self.heads.items()}
        rules = {
            "words": list(self.encoder.vocabularies.items()),
            "numeric": self.encoder.numeric,
            "ratio": dict(self.ratio),
            "examination": asdict(self.examination),
            "trees": {name: sha256(written).hexdigest() for name, written in boosters.items()},
        }
        rest = {"rules.json": json.dumps(rules, sort_keys=True).encode()}
        return rest | {_EFFECTS: self.effects.save()} | boosters


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
        if not {"words", "examination", "trees"} <= rules.keys():
            raise UnknownModelError("the model is of an earlier version; fit it again")
        words = {name: tuple(words) for name, words in rules["words"]}
        encoder = Encoder(words, tuple(rules["numeric"]))
        boosters = {
            name.removesuffix(".ubj"): _trees(name, files[name], said)
            for name, said in rules["trees"].items()
        }
        curve, effects = Examination(**rules["examination"]), item_effects.load(files[_EFFECTS])
        ratio = rules["ratio"]
    if boosters["click"].feature_names != encoder.names:
        raise UnknownModelError("the model was fitted on other features; fit it again")
    return Gbdt(encoder, boosters, ratio, curve, effects)


def _trees(name: str, written: bytes, said: str) -> xgb.Booster:
    """Read one head; of a file that ends early xgboost ends the process."""
    if sha256(written).hexdigest() != said:
        raise UnknownModelError(f"{name} is not the file that was saved; fit it again")
    found = xgb.Booster(model_file=bytearray(written))
    found.set_param({"nthread": 1})
    return found


def fit(days: Days, split: Split, config: GbdtConfig, seed: int) -> Gbdt:
    """Grow a head for each task on the days of ``split``.

    Args:
        days: Reads one day's examples; what they are labelled with is what is predicted.
        split: The days to learn from and to stop on.
        config: How the trees are grown.
        seed: Of row and column sampling.
    """
    permits = permitted(map(days, split.fit), config.permitted)
    numeric = [name for name in permits.numeric if name != "position"]
    given = (days(day).given for day in split.fit)
    encoder = encode.fit(given, config.encoder, numeric=numeric)
    curve = examination.fit(map(days, split.fit), config.examination)
    tasks = heads.of_batches(map(days, split.fit), config.min_positives)
    boosters = {
        task: _grow(_Matrices(days, encoder, curve, task), split, config, seed)
        for task in tasks.learned
    }
    # Effects are of clicks: the other heads need not say anything of what was learned from.
    click = Gbdt(encoder, {"click": boosters["click"]}, {}, curve, item_effects.NOTHING)
    learned, kept = (_expected(click, map(days, part)) for part in (split.fit, split.stop))
    effects = item_effects.fit(learned, kept)
    return replace(click, heads=boosters, ratio=tasks.ratio, effects=effects)


def _expected(model: Gbdt, batches: Iterable[Batch]) -> list[Seen]:
    return [
        Seen(
            batch.given.item_N,
            batch.label["click"].astype(bool),
            model.score(batch.given)["click"].astype(np.float64),
            batch.weight_N,
        )
        for batch in batches
    ]


@dataclass(frozen=True, slots=True)
class _Placed:
    """Rows of some days, with how often the place of each is looked at."""

    rows: xgb.DMatrix
    seen_N: np.ndarray
    """float32, in (0, 1]."""

    def chance(self, margin_N: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What trees say of rows: σ(margin), and with the place p, float32, N each."""
        attraction_N = 1 / (1 + np.exp(-margin_N))
        return attraction_N, np.clip(self.seen_N * attraction_N, _LEAST, 1 - _LEAST)


@dataclass(frozen=True, slots=True)
class _Matrices:
    """Makes quantised matrices of some days for one task."""

    days: Days
    encoder: Encoder
    curve: Examination
    task: str

    def learned(self, days: calendar.Days, *, max_bin: int, num_threads: int) -> _Placed:
        """Quantise what is learned from."""
        rows = xgb.QuantileDMatrix(
            _Batches(lambda: (self._of(self.days(day)) for day in days)),
            max_bin=max_bin,
            enable_categorical=True,
            nthread=num_threads,
        )
        return _Placed(rows, self._looked_at(days))

    def judged(self, days: calendar.Days, *, num_threads: int) -> _Placed:
        """Keep what is stopped on as it is: a tree reads rows with gaps far faster than bins."""
        parts = [self._of(self.days(day)) for day in days]
        joined = {name: np.concatenate([part[name] for part in parts]) for name in _OF_ROWS}
        rows = xgb.DMatrix(**(parts[0] | joined), enable_categorical=True, nthread=num_threads)
        return _Placed(rows, self._looked_at(days))

    def _of(self, batch: Batch) -> dict[str, Any]:
        is_known = self._is_known(batch)
        return {
            "data": self.encoder.matrix(batch.given)[is_known],
            "label": batch.label[self.task].astype(np.float32)[is_known],
            "weight": batch.weight_N[is_known],
            "feature_names": self.encoder.names,
            "feature_types": self.encoder.types,
        }

    def _looked_at(self, days: calendar.Days) -> np.ndarray:
        batches = map(self.days, days)
        places = [batch.given.position_N[self._is_known(batch)] for batch in batches]
        return self.curve.at(np.concatenate(places)).astype(np.float32)

    def _is_known(self, batch: Batch) -> np.ndarray:
        return ~np.isnan(batch.label[self.task].astype(np.float32))


class _Batches(xgb.DataIter):
    """Hands xgboost one non-empty day after another."""

    def __init__(self, start: Callable[[], Iterator[dict[str, Any]]]) -> None:
        super().__init__()
        self._start = start
        self._left = start()

    def reset(self) -> None:
        self._left = self._start()

    def next(self, input_data: Callable[..., Any]) -> bool:
        for found in self._left:
            if len(found["label"]):
                input_data(**found)
                return True
        return False


def _grow(matrices: _Matrices, split: Split, config: GbdtConfig, seed: int) -> xgb.Booster:
    num_rows = sum(len(matrices.days(day)) for day in split.fit)
    # 0 is as many as there are cores.
    num_threads = 1 if num_rows < config.min_rows_of_threads else 0
    train = matrices.learned(split.fit, max_bin=config.max_bin, num_threads=num_threads)
    stop = matrices.judged(split.stop, num_threads=num_threads)
    label, weight = train.rows.get_label(), train.rows.get_weight()
    base = float(weight @ label) / float(weight @ train.seen_N)
    grown = xgb.train(
        _parameters(config, base, seed) | {"nthread": num_threads},
        train.rows,
        num_boost_round=config.num_rounds,
        evals=[(stop.rows, matrices.task)],
        obj=lambda margin_N, rows: _gradient(train, margin_N, rows),
        custom_metric=lambda margin_N, rows: ("loss", _loss(stop, margin_N, rows)),
        early_stopping_rounds=config.stop_after,
        verbose_eval=False,
    )
    return grown[: grown.best_iteration + 1]


def _gradient(
    placed: _Placed, margin_N: np.ndarray, rows: xgb.DMatrix
) -> tuple[np.ndarray, np.ndarray]:
    """Slope of the log loss of p by the margin, and its expected curvature (Fisher scoring).

    With p = w · s, s = σ(margin): slope (p − y) (1 − s) / (1 − p), curvature p (1 − s)² / (1 − p);
    where every place counts alike (w = 1) the usual p − y and p (1 − p).
    """
    attraction_N, p_N = placed.chance(margin_N)
    steepness_N = (1 - attraction_N) / (1 - p_N) * rows.get_weight()
    return (p_N - rows.get_label()) * steepness_N, p_N * (1 - attraction_N) * steepness_N


def _loss(placed: _Placed, margin_N: np.ndarray, rows: xgb.DMatrix) -> float:
    _, p_N = placed.chance(margin_N)
    label_N = rows.get_label()
    loss_N = -(label_N * np.log(p_N) + (1 - label_N) * np.log1p(-p_N))
    return float(np.average(loss_N, weights=rows.get_weight()))


def _parameters(config: GbdtConfig, base: float, seed: int) -> dict[str, Any]:
    return {
        # Its gradient is replaced; what is left of it is that predictions are σ(margin).
        "objective": "binary:logistic",
        "disable_default_eval_metric": True,
        "base_score": min(max(base, 1e-6), 1 - 1e-6),
        "tree_method": "hist",
        "eta": config.learning_rate,
        "max_depth": config.max_depth,
        "min_child_weight": config.min_child_weight,
        "subsample": config.subsample,
        "colsample_bytree": config.colsample,
        "lambda": config.l2,
        "max_bin": config.max_bin,
        "seed": seed,
    }
