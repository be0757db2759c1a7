"""Takes the champion's log-odds of a click apart: what each feature added.

The features are assembled by the one function that scoring uses, and what each of them added comes
from the trees themselves (TreeSHAP: Lundberg et al., 2018), so that the parts add up to the score.
Of the ensemble what trees say counts by their share, and the network is one part beside them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

import numpy as np

from etl.tables.ranking import CATEGORICAL, numeric_features
from training.calibrators.calibrator import logit
from training.inputs import NUMERIC, Inputs
from training.rankers.gbdt import Gbdt
from training.rankers.item_effects import ItemEffects
from training.rankers.ranker import Ranker
from training.rankers.tree_columns import FACTORS

_OWN: Final = "item_effect"
"""The name under which ``training.rankers.item_effects`` is told among the features."""
_OWN_WHY: Final = "its clicks beside those that its features let expect"
_NETWORK: Final = "network"
"""The name under which the ensemble's network is told among them."""
_NETWORK_WHY: Final = "what the deep ranker says, which reads what he did last"
_NUM_TERMS: Final = 3
"""Of a factorisation machine's log-odds, named."""
_NOT_HEARD: Final = 1e-5
"""Log-odds by which what was said may differ from what trees say where nobody else was heard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contribution:
    """What one feature added to the score."""

    feature: str
    value: float | str | None
    """None where nothing is known."""
    unit: str
    log_odds: float
    """Added to the log-odds of a click, before calibration."""
    why: str
    """Why rankers read it: the words of ``etl.features.dictionary``."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Contributions:
    """Log-odds of a click = base + the largest contributions + all others."""

    log_odds: float
    base: float
    """Of an item of which nothing is known that speaks for or against it."""
    largest: tuple[Contribution, ...]
    """By absolute size, ties by name."""
    others: float
    num_others: int


@runtime_checkable
class Pool(Protocol):
    """A ranker of trees and another one beside them: the ensemble, without its libraries."""

    @property
    def gbdt(self) -> Gbdt:
        """The trees."""
        ...

    @property
    def share(self) -> Mapping[str, float]:
        """The other's share in each task's log-odds: 0 … 1."""
        ...

    @property
    def effects(self) -> ItemEffects:
        """What remains of items' clicks after what both say."""
        ...


def contributions_of(
    ranker: Ranker, given: Inputs, *, p_click: float, num_largest: int
) -> Contributions | None:
    """Split one row's log-odds of a click among its features; None for rankers without trees.

    Args:
        ranker: Who scored it.
        given: One row of features.
        p_click: What it predicted, before calibration.
        num_largest: How many are named.
    """
    if isinstance(ranker, Gbdt):
        trees, (parts, base) = ranker, _of_trees(ranker, given)
    elif isinstance(ranker, Pool):
        trees, (parts, base) = ranker.gbdt, _of_ensemble(ranker, given, p_click)
    else:
        return None
    order = sorted(range(len(parts)), key=lambda n: (-abs(parts[n].log_odds), parts[n].feature))
    largest, others = order[:num_largest], order[num_largest:]
    told = _Told(given, trees)
    return Contributions(
        log_odds=base + sum(part.log_odds for part in parts),
        base=base,
        largest=tuple(told.said(parts[n]) for n in largest),
        others=sum(parts[n].log_odds for n in others),
        num_others=len(others),
    )


@dataclass(frozen=True, slots=True)
class _Part:
    """What a feature adds to the log-odds, not yet put into words."""

    feature: str
    log_odds: float
    value: float | None = None
    """Of what is no feature of the row."""


def _of_trees(trees: Gbdt, given: Inputs) -> tuple[list[_Part], float]:
    """Parts of trees' columns and of the item's own effect, and the base."""
    *parts_F, base = trees.contributions(given)[0].tolist()
    parts = map(_Part, trees.columns.names, parts_F)
    return [*parts, _own(trees.effects.of(given.item_N))], base


def _of_ensemble(ranker: Pool, given: Inputs, p_click: float) -> tuple[list[_Part], float]:
    """The same of both: the network's part is what trees and the item leave of what was said."""
    share, own = ranker.share["click"], _own(ranker.effects.of(given.item_N))
    *parts_F, base = ranker.gbdt.contributions(given)[0].tolist()
    both = logit(np.array([p_click])).item() - own.log_odds
    if abs(both - base - sum(parts_F)) < _NOT_HEARD:
        share = 0.0
    scaled = [(1 - share) * part for part in parts_F]
    parts = map(_Part, ranker.gbdt.columns.names, scaled)
    network = _Part(_NETWORK, both - base - sum(scaled), share)
    return [*parts, *([network] if share else []), own], base


def _own(factor_1: np.ndarray) -> _Part:
    factor = float(factor_1[0])
    return _Part(_OWN, float(np.log(factor)), factor)


@dataclass(frozen=True, slots=True)
class _Told:
    """Puts parts of one row into words."""

    given: Inputs
    trees: Gbdt

    def said(self, part: _Part) -> Contribution:
        """Say a part's value and why it is read."""
        value, unit, why = self._meaning(part)
        return Contribution(
            feature=part.feature, value=value, unit=unit, log_odds=part.log_odds, why=why
        )

    def _meaning(self, part: _Part) -> tuple[float | str | None, str, str]:
        if part.feature == _OWN:
            return part.value, "ratio", _OWN_WHY
        if part.feature == _NETWORK:
            return part.value, "share", _NETWORK_WHY
        if part.feature == FACTORS:
            terms = self.trees.factor_terms(self.given)
            named = {names: log_odds for names, log_odds in terms.items() if names}
            return sum(named.values()), "log-odds", _said_together(named)
        return _value(part.feature, self.given), *_meaning(part.feature)


def _said_together(terms: Mapping[tuple[str, ...], float]) -> str:
    """Name what says most of a machine's log-odds."""
    largest = sorted(terms, key=lambda names: (-abs(terms[names]), names))[:_NUM_TERMS]
    said = ", ".join(f"{' with '.join(names)} {terms[names]:+.2f}" for names in largest)
    return f"what its words say together, most of all {said}"


def _value(name: str, given: Inputs) -> float | str | None:
    if name in CATEGORICAL:
        return given.words[name][0].as_py()
    value = float(given.numeric_NF[0, NUMERIC.index(name)])
    return None if np.isnan(value) else value


def _meaning(name: str) -> tuple[str, str]:
    """A feature's unit, and why it is read."""
    if name in CATEGORICAL:
        whose, what = name.split("_", 1)
        return "", f"the {whose}'s {what.removesuffix('_id')}, if it was frequent when fitted"
    [feature] = [one for one in numeric_features() if one.name == name]
    return feature.unit, feature.why
