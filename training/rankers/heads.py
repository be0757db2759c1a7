"""Which tasks have a head of their own, and what is said of the others.

A task with too few positives to learn from follows clicks by a fitted ratio. One that only happens
to who clicks is learned given the click, over all examples: p = p(click) · p(task | click) (ESMM:
Ma et al., SIGIR 2018).

Shapes: N rows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from training.rankers.ranker import Batch

_CLICK = "click"


@dataclass(frozen=True, slots=True)
class Heads:
    """What is learned of a surface's tasks."""

    learned: tuple[str, ...]
    """Tasks with a head, ``click`` first."""
    after_click: frozenset[str]
    """Those of them that only follow a click."""
    ratio: Mapping[str, float]
    """For every other task: its positives per click."""


def of_batches(batches: Iterable[Batch], min_positives: int) -> Heads:
    """Look at the labels that are learned from, and say what has a head."""
    positives: dict[str, float] = {}
    alone: set[str] = set()
    for batch in batches:
        for task in batch.label:
            positives[task] = positives.get(task, 0.0) + _num_positives(batch, task)
            alone |= set() if _is_after_click(batch, task) else {task}
    followers = [task for task in positives if task != _CLICK]
    learned = [task for task in followers if positives[task] >= min_positives]
    return Heads(
        (_CLICK, *learned),
        frozenset(task for task in learned if task not in alone),
        {
            task: positives[task] / max(positives[_CLICK], 1)
            for task in followers
            if task not in learned
        },
    )


def followed(scores: Mapping[str, np.ndarray], ratio: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Add the tasks that follow clicks by a ratio: float32, N, at most 1.

    Shares of clicks may exceed 1: a video is watched without being clicked.
    """
    return dict(scores) | {
        task: np.minimum(scores[_CLICK] * np.float32(times), np.float32(1))
        for task, times in ratio.items()
    }


def _num_positives(batch: Batch, task: str) -> float:
    return float(np.nansum(batch.label[task], dtype=np.float64))


def _is_after_click(batch: Batch, task: str) -> bool:
    return not ((batch.label[task] > 0) & ~(batch.label[_CLICK] > 0)).any()
