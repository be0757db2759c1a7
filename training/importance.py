"""What features are worth to a fitted ranker: makes the rows of rankers/importance.

Permutation asks any ranker the same: how much log loss it has more on examples that it has not
learned from when one feature's values are dealt out anew among them (Breiman, Machine Learning
2001, § 10). Trees say two things more: the gain of their splits, which is of what they learned
from, and SHAP values, which are of what they say of an example (Lundberg et al., 2018).

A feature that is in no model's layout, or in no split, is worth nothing to anybody: ``unused``.
Shapes: N examples.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, runtime_checkable

import numpy as np
import pyarrow as pa

from training.inputs import OURS, Inputs
from training.metrics import log_loss
from training.rankers.ranker import Batch, Ranker

_CLICK: Final = "click"


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportanceConfig:
    """On how much it is measured."""

    max_examples: int = 2_000
    """Examples at most, drawn by chance: each feature scores them once more."""


@runtime_checkable
class Splitting(Protocol):
    """A ranker of trees, which tells what its splits gain and what each feature adds."""

    @property
    def is_of_trees_alone(self) -> bool:
        """Whether what no split asks for changes no score."""
        ...

    def importance(self) -> dict[str, float]:
        """Each feature's share of the click head's gain; used ones only."""
        ...

    def mean_contributions(self, given: Inputs) -> dict[str, float]:
        """Each feature's mean |SHAP value| in log-odds of a click."""
        ...


def measured(
    model: Ranker, batch: Batch, *, seed: int, config: ImportanceConfig
) -> list[dict[str, Any]]:
    """Measure what each feature of a ranker is worth on examples.

    Args:
        model: The ranker.
        batch: Examples that it has not learned from; at least one.
        seed: Of the draw and of the permutations.
        config: On how much.

    Returns:
        Columns of ``tables.RANKERS_IMPORTANCE`` behind those that name the model, by feature;
        nothing of who reads histories: to score them anew for each feature takes minutes.
    """
    if model.reads_histories:
        return []
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(batch))[: config.max_examples]
    row_M = np.sort(chosen)
    examples = _Examples(
        model,
        batch.given.taken(row_M),
        batch.label[_CLICK][row_M].astype(np.float64),
        batch.weight_N[row_M],
    )
    gain, shap = _of_trees(model, examples.given)
    is_of_trees_alone = isinstance(model, Splitting) and model.is_of_trees_alone
    as_is = examples.loss(examples.given)
    rows = []
    for number, name in enumerate((*model.layout.numeric, *model.layout.words)):
        order = np.random.default_rng([seed, number]).permutation(len(chosen))
        is_asked = name in gain or not is_of_trees_alone
        without = examples.loss(_dealt(examples.given, name, order)) if is_asked else as_is
        rows.append(
            {
                "feature": name,
                "gain": gain.get(name, 0.0) if gain else None,
                "shap": shap.get(name, 0.0) if gain else None,
                "loss_without": without - as_is,
                "num_examples": len(chosen),
            }
        )
    return rows


def unused(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """List features of examples that are worth nothing to any of the rankers measured."""
    used = {row["feature"] for row in rows if row["loss_without"] or row["gain"]}
    return [name for name in (*OURS.numeric, *OURS.words) if name not in used]


def _of_trees(model: Ranker, given: Inputs) -> tuple[dict[str, float], dict[str, float]]:
    if not isinstance(model, Splitting):
        return {}, {}
    return model.importance(), model.mean_contributions(given)


@dataclass(frozen=True, slots=True)
class _Examples:
    """What is scored again and again."""

    model: Ranker
    given: Inputs
    label_N: np.ndarray
    weight_N: np.ndarray

    def loss(self, given: Inputs) -> float:
        """Mean log loss of clicks, where each was shown."""
        return log_loss(self.label_N, self.model.score(given)[_CLICK], self.weight_N)


def _dealt(given: Inputs, name: str, order: np.ndarray) -> Inputs:
    """Give each row one feature's value of another."""
    if name in given.words:
        dealt = given.words[name].take(pa.array(order))
        return replace(given, words={**given.words, name: dealt})
    numeric_NF = given.numeric_NF.copy()
    column = given.layout.numeric.index(name)
    numeric_NF[:, column] = numeric_NF[order, column]
    return replace(given, numeric_NF=numeric_NF)
