"""How well lists foretell: HR, recall and NDCG by user. Shapes: U users, K places."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from training.metrics import Interval, bootstrap_means, ideal_dcg
from training.retrieval.interactions import Interactions
from training.retrieval.source import Lists

DEPTHS: Final = (10, 20, 100)
NDCG_DEPTHS: Final = (10, 20)
_SEED: Final = 1


def by_user(lists: Lists, truth: Interactions) -> dict[str, np.ndarray]:
    """Measure each user's list: float64, U, NaN for users who touched nothing then.

    ``hr@k``: whether anything was found; ``recall@k``: which share of what he touched;
    ``ndcg@k``: with binary gains, to the best list of k.
    """
    found_UK, num_U = lists.found(truth), truth.distinct().length_U
    counts = np.where(num_U > 0, num_U, np.nan)
    gain_UK = found_UK / np.log2(np.arange(found_UK.shape[1]) + 2.0)
    measured = {}
    for k in DEPTHS:
        hits = found_UK[:, :k].sum(axis=1)
        measured[f"hr@{k}"] = np.where(num_U > 0, hits > 0, np.nan)
        measured[f"recall@{k}"] = hits / counts
    for k in NDCG_DEPTHS:
        ideal = np.where(num_U > 0, ideal_dcg(np.minimum(num_U, k)), np.nan)
        measured[f"ndcg@{k}"] = gain_UK[:, :k].sum(axis=1) / ideal
    return measured


def intervals(
    by_user: Mapping[str, Mapping[str, np.ndarray]],
) -> dict[str, dict[str, Interval]]:
    """Average each list's measures over users, with 95 % bootstrap intervals.

    Args:
        by_user: What ``by_user`` found, by the lists' names.
    """
    named = [(name, measure) for name, found in by_user.items() for measure in found]
    values = np.stack([by_user[name][measure] for name, measure in named], axis=1)
    found = bootstrap_means(values, seed=_SEED)
    result: dict[str, dict[str, Interval]] = {name: {} for name in by_user}
    for (name, measure), interval in zip(named, found, strict=True):
        result[name][measure] = interval
    return result


def mean(lists: Lists, truth: Interactions, name: str) -> float:
    """One measure's mean over users."""
    return float(np.nanmean(by_user(lists, truth)[name]))
