"""Takes a user's score of one item apart: the value's terms, and what the features added.

The features are assembled by the one function that scoring uses, and what each of them added to the
champion's log-odds of a click comes from the trees themselves (TreeSHAP: Lundberg et al., 2018), so
that the parts add up to the score.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from etl.tables.ranking import CATEGORICAL, numeric_features
from scoring.slate_rows import Chosen
from scoring.value import ValueConfig, formula, price_term, term
from training.inputs import NUMERIC, Inputs
from training.rankers.gbdt import Gbdt
from training.rankers.ranker import Ranker
from training.rankers.tree_columns import FACTORS

_OWN: Final = "item_effect"
"""The name under which ``training.rankers.item_effects`` is told among the features."""
_OWN_WHY: Final = "its clicks beside those that its features let expect"
_NUM_TERMS: Final = 3
"""Of a factorisation machine's log-odds, named."""
_PRICE: Final = NUMERIC.index("item_price_cents")


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """What one prediction adds to the value."""

    task: str
    worth: float
    """In clicks."""
    predicted: float
    """Calibrated, as the value uses it."""
    uncalibrated: float
    """What the ranker itself predicts; the same where there is no calibration."""
    part: float
    """Worth times what is predicted, of an order times the price term."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Value:
    """The terms of one item's value (``scoring.value``), by today's settings."""

    formula: str
    value: float
    terms: tuple[Term, ...]
    """In the order of the formula; none where the fused order serves."""
    price_cents: float | None
    """None where it is not known: the price term is 1 then."""
    price_term: float
    presence: float | None
    """How often the user comes in the slot's hour; None for what is there all day."""


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


def value_of(row: int, chosen: Chosen, *, given: Inputs, config: ValueConfig) -> Value:
    """Say the terms of a candidate's value.

    Args:
        row: The candidate's row in ``chosen.rows``.
        chosen: The slate, made again.
        given: The candidate's features: one row.
        config: What the surface wants.
    """
    scores, presence_R = chosen.ranked.p_by_task, chosen.ranked.presence_R
    before = chosen.ranked.uncalibrated or {}
    price_R = given.numeric_NF[:1, _PRICE].astype(np.float64)
    terms = tuple(
        Term(
            task=task,
            worth=config.worth(task),
            predicted=float(score_R[row]),
            uncalibrated=float(before[task][row]),
            part=float(term(task, score_R[row : row + 1], price_R, config)[0]),
        )
        for task, score_R in sorted((scores or {}).items())
    )
    return Value(
        formula=_formula(terms, is_by_hour=presence_R is not None),
        value=float(chosen.ranked.value_R[row]),
        terms=terms,
        price_cents=None if np.isnan(price_R[0]) else float(price_R[0]),
        price_term=float(price_term(price_R, config)[0]),
        presence=None if presence_R is None else float(presence_R[row]),
    )


def _formula(terms: tuple[Term, ...], *, is_by_hour: bool) -> str:
    if not terms:
        return f"fused_score{' · presence' if is_by_hour else ''} (no ranker serves)"
    return formula([one.task for one in terms], is_by_hour=is_by_hour)


def contributions_of(ranker: Ranker, given: Inputs, *, num_largest: int) -> Contributions | None:
    """Split one row's log-odds of a click among its features; None for rankers without trees.

    Args:
        ranker: Who scored it.
        given: One row of features.
        num_largest: How many are named.
    """
    if not isinstance(ranker, Gbdt):
        return None
    parts = _parts(ranker, given)
    names = [*ranker.columns.names, _OWN]
    order = sorted(range(len(parts) - 1), key=lambda n: (-abs(parts[n]), names[n]))
    largest = order[:num_largest]
    return Contributions(
        log_odds=float(parts.sum()),
        base=float(parts[-1]),
        largest=tuple(_said(names[n], float(parts[n]), given, ranker) for n in largest),
        others=float(sum(parts[n] for n in order[num_largest:])),
        num_others=len(order[num_largest:]),
    )


def _parts(ranker: Gbdt, given: Inputs) -> np.ndarray:
    """Contributions of all features, of the item's own effect, then the base: float64."""
    of_trees = ranker.contributions(given)[0]
    own = np.log(ranker.effects.of(given.item_N)[0].astype(np.float64))
    return np.insert(of_trees, -1, own)


def _said(name: str, log_odds: float, given: Inputs, ranker: Gbdt) -> Contribution:
    if name == _OWN:
        factor = float(np.exp(log_odds))
        return Contribution(
            feature=name, value=factor, unit="ratio", log_odds=log_odds, why=_OWN_WHY
        )
    if name == FACTORS:
        terms = {names: part for names, part in ranker.factor_terms(given).items() if names}
        return Contribution(
            feature=name,
            value=sum(terms.values()),
            unit="log-odds",
            log_odds=log_odds,
            why=_said_together(terms),
        )
    unit, why = _meaning(name)
    return Contribution(
        feature=name, value=_value(name, given), unit=unit, log_odds=log_odds, why=why
    )


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
