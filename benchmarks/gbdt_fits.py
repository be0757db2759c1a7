"""Fits of the ranker of trees on drawn days, beside the same asked of xgboost alone.

Shapes: N rows, F features.
"""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from unittest.mock import patch

import numpy as np
import xgboost as xgb

from training.rankers import factorization, gbdt
from training.rankers.gbdt import Gbdt, GbdtConfig
from training.rankers.ranker import Batch, Days
from training.split import Split

_MATRICES: Final = ("QuantileDMatrix", "DMatrix")
_OURS: Final = ("obj", "custom_metric")


@dataclass(frozen=True, slots=True)
class Growth:
    """What a fit asked ``xgboost.train`` for one head, and all trees that it got."""

    parameters: dict[str, Any]
    rows: xgb.QuantileDMatrix
    how: dict[str, Any]
    trees: xgb.Booster

    def again(self) -> xgb.Booster:
        """Grow them as the fit did."""
        return xgb.train(self.parameters, self.rows, **self.how)

    def plain(self) -> xgb.Booster:
        """Grow as many by xgboost's own objective and loss, on the same matrices."""
        parameters = self.parameters | {"disable_default_eval_metric": False}
        how = {name: value for name, value in self.how.items() if name not in _OURS}
        return xgb.train(parameters, self.rows, **how)

    def unstopped(self, *, is_ours: bool) -> xgb.Booster:
        """Grow as many without a look at the stopping days, by our objective or xgboost's."""
        objective = self.how["obj"] if is_ours else None
        num_rounds = self.how["num_boost_round"]
        return xgb.train(self.parameters, self.rows, num_boost_round=num_rounds, obj=objective)


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted ranker, and where its cpu-seconds went."""

    model: Gbdt
    growths: tuple[Growth, ...]
    """By head, as in ``model.heads``."""
    matrices: float
    """Encoding included."""
    growing: float
    machine: float
    """What the factorisation machine takes that trees are told of."""
    rest: float


def fitted(days: Days, split: Split, config: GbdtConfig, seed: int) -> Fitted:
    """Fit, and watch what is asked of xgboost."""
    growths, seconds = [], {"matrices": 0.0, "growing": 0.0, "machine": 0.0}
    train = xgb.train

    def timed(part: str, work: Callable[..., Any], *args: Any, **said: Any) -> Any:  # noqa: ANN401
        start = time.process_time()
        found = work(*args, **said)
        seconds[part] += time.process_time() - start
        return found

    def grown(parameters: dict[str, Any], rows: xgb.QuantileDMatrix, **how: Any) -> xgb.Booster:  # noqa: ANN401
        start = time.process_time()
        trees = train(parameters, rows, **how)
        seconds["growing"] += time.process_time() - start
        growths.append(Growth(parameters, rows, how, trees))
        return trees

    with ExitStack() as watching:
        watching.enter_context(patch.object(xgb, "train", grown))
        for name in _MATRICES:
            made = partial(timed, "matrices", getattr(xgb, name))
            watching.enter_context(patch.object(xgb, name, made))
        machine = partial(timed, "machine", factorization.fit)
        watching.enter_context(patch.object(factorization, "fit", machine))
        start = time.process_time()
        model = gbdt.fit(days, split, config, seed)
        rest = time.process_time() - start - sum(seconds.values())
    return Fitted(model, tuple(growths), rest=rest, **seconds)


@dataclass(frozen=True, slots=True)
class Ready:
    """Days' rows as one encoded matrix, from which xgboost makes its own."""

    matrix_NF: np.ndarray
    """float32."""
    batches: Sequence[Batch]
    named: dict[str, Any]

    @classmethod
    def of(cls, batches: Sequence[Batch], model: Gbdt) -> "Ready":
        """Encode days as a fitted ranker does."""
        columns = model.columns
        matrix_NF = np.concatenate([columns.matrix(batch.given) for batch in batches])
        named = {"feature_names": columns.names, "feature_types": columns.types}
        return cls(matrix_NF, batches, named | {"enable_categorical": True, "nthread": 1})

    def told(self, task: str) -> dict[str, Any]:
        """What a matrix of a task is made of."""
        label_N = np.concatenate([batch.label[task] for batch in self.batches]).astype(np.float32)
        weight_N = np.concatenate([batch.weight_N for batch in self.batches])
        return {"data": self.matrix_NF, "label": label_N, "weight": weight_N, **self.named}
