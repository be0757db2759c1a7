"""Takes the value of one item in a user's slate apart into its terms.

What features added to a prediction: ``scoring.contributions``.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from scoring.slate_rows import Chosen
from scoring.value import ValueConfig, formula, price_term, term
from training.inputs import NUMERIC, Inputs

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
