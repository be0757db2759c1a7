"""A ranker that knows nothing but histories, so that a score says which one a row was given.

It need not be fitted, and it gets to Spark's workers by itself: they have none of the tests.
"""

import sys
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import numpy as np
from pyspark import cloudpickle

from scoring import rank
from scoring.rank import Serving
from training.inputs import OURS, Inputs, Layout
from training.promote import Champion

NAME = "history_reader"
_FILE = "name"
SHA256 = "of a ranker that is not fitted"


class HistoryReader:
    """Likes what is of the categories, brands, … of recent events."""

    name = NAME
    layout: Layout = OURS
    reads_histories = True

    def score(self, given: Inputs) -> dict[str, np.ndarray]:
        """Sum over a row's events, the newest first: what was done, how long ago, how alike."""
        known = given.histories
        assert known is not None
        said = {name: (given.words[name].to_pylist(), known.words[name].to_pylist()) for name in _W}
        found = [
            self._of_row(known, h, {name: (a[n], b) for name, (a, b) in said.items()})
            for n, h in enumerate(known.of_N.tolist())
        ]
        return {"click": np.array(found, np.float32).reshape(len(given))}

    @staticmethod
    def _of_row(known: Any, history: int, said: Mapping[str, tuple[str | None, list]]) -> float:  # noqa: ANN401
        total = 0.0
        first, last = known.offset_H1[history], known.offset_H1[history + 1]
        for place, event in enumerate(range(first, last)):
            alike = sum(own is not None and own == of[event] for own, of in said.values())
            strength = (1 + alike) * (1 + known.kind_E[event]) * (1 + known.item_E[event] % 7)
            total += strength / (1 + place) / (1 + float(known.age_days_E[event]))
        return total / (1 + total)

    def save(self) -> dict[str, bytes]:
        """Nothing was learned; its name tells its files from those of other rankers."""
        return {_FILE: NAME.encode()}


_W = ("item_category", "item_brand", "item_seller_id", "item_host_id")


def load(files: Mapping[str, bytes]) -> HistoryReader:
    """Make it again."""
    assert files == HistoryReader().save()
    return HistoryReader()


def registered(files: dict[str, bytes]) -> "Files":
    """Let this process know the ranker."""
    rank._made[SHA256] = HistoryReader()
    return Files(files)


class Files(dict[str, bytes]):
    """A model's files: whoever is sent them knows the ranker."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return registered, (dict(self),)


def serving(surface: str, night: date) -> Serving:
    """It serves a surface."""
    champion = Champion(surface, NAME, night, night, "rule", "reads histories")
    return Serving(champion, SHA256, registered({}))


cloudpickle.register_pickle_by_value(sys.modules[__name__])
