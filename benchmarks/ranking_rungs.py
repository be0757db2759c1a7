"""The rungs of the ladder: which rankers are fitted on a table, from the simplest on."""

import importlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from training.rankers.ranker import Batch, Ranker
from training.split import Split


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One ranker with its settings."""

    module: str
    """Its file in ``training/rankers``."""
    config: str
    """The name of its config there."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Where they differ from the config's defaults."""
    needs: str | None = None
    """A package that may be absent."""
    is_beside: bool = False
    """Another way to do what the rung before it does: it is compared with that, and so is the rung
    after it."""

    @property
    def is_available(self) -> bool:
        """Whether what it needs can be imported."""
        try:
            importlib.import_module(self.needs or "training")
        except ImportError:
            return False
        return True

    def fit(self, days: Callable[[date], Batch], split: Split, seed: int) -> Ranker:
        """Fit it as its module does."""
        found = importlib.import_module(f"training.rankers.{self.module}")
        return found.fit(days, split, getattr(found, self.config)(**self.settings), seed)


LADDER: Final[Mapping[str, Rung]] = {
    "logistic": Rung(module="logistic", config="LogisticConfig"),
    "factorization": Rung(module="factorization", config="FactorizationConfig"),
    "gbdt": Rung(module="gbdt", config="GbdtConfig"),
    "lambdamart": Rung(module="lambdamart", config="LambdamartConfig", is_beside=True),
    "wide_deep": Rung(module="wide_deep", config="WideDeepConfig", needs="torch"),
    "deep_without_history": Rung(
        module="deep", config="DeepConfig", settings={"reads_histories": False}, needs="torch"
    ),
    "deep": Rung(module="deep", config="DeepConfig", needs="torch"),
    "ensemble": Rung(module="ensemble", config="EnsembleConfig", needs="torch"),
}
"""By name in results."""


def compared(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Pair each ranker but the first with the one that it is compared with, that one first.

    Args:
        names: Rankers in the ladder's order; what is no rung counts as one.
    """
    below = names[0]
    for name in names[1:]:
        yield below, name
        if name not in LADDER or not LADDER[name].is_beside:
            below = name
