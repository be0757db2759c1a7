"""Trees and the deep ranker together: their log-odds of each task, weighed on the stopping days.

Trees cut numbers where they please and know nothing of what followed what; the network is smooth in
numbers and reads histories. Where they err apart, a weighted mean of their log-odds errs less than
either (a logarithmic opinion pool: Genest, Zidek, Statistical Science 1986; trees and a network for
clicks: Ling et al., WWW 2017). Where the network adds nothing its share is 0, and the trees stand
alone. Items' own effects are those against what both expect together.

Of long lists the trees are the pre-ranker: the network is asked about those of a user's candidates
alone that they put first (a cascade: Covington et al., RecSys 2016; Liu et al., KDD 2017), the
others keep what the trees say.

Shapes: N rows.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from etl.arrow import places_in_runs, run_starts
from training.calibrators.calibrator import chance, logit
from training.inputs import Inputs, Layout
from training.metrics import log_loss
from training.rankers import deep, gbdt, item_effects, parts
from training.rankers.deep import DeepConfig
from training.rankers.deep_ranker import Deep
from training.rankers.gbdt import Gbdt, GbdtConfig
from training.rankers.item_effects import ItemEffects, Seen
from training.rankers.ranker import Batch, Days, UnknownModelError, refused_unless_whole
from training.split import Split

NAME: Final = "ensemble"
_VERSION: Final = 1
"""Of what the files mean; another one is refused."""
_CLICK: Final = "click"
_RULES: Final = "ensemble.json"
_EFFECTS: Final = "item_effects.arrow"
_LEAST: Final = 1e-7
"""No chance counts as nearer to 0 or 1: the other one is still heard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EnsembleConfig:
    """How both are fitted, and which shares are tried."""

    gbdt: GbdtConfig = field(default_factory=GbdtConfig)
    deep: DeepConfig = field(default_factory=DeepConfig)
    num_heard: int = 100
    """Rows of one user, those that the trees put first, that the network is asked about."""
    num_shares: int = 21
    """Shares of the network from 0 to 1 that are tried on the stopping days."""
    min_positives: int = 30
    """Positives of the stopping days below which a task is weighed as clicks are."""


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Both rankers, and how far the network is heard."""

    gbdt: Gbdt
    """Without effects of items."""
    deep: Deep
    share: Mapping[str, float]
    """The network's share in each task's log-odds: 0 … 1."""
    effects: ItemEffects
    """What remains of items' clicks after what both say."""
    num_heard: int
    """Rows that share a history, those that the trees put first, that the network is asked about;
    where none is read it is asked about all."""

    @property
    def name(self) -> str:
        """As in rankers/champions."""
        return NAME

    @property
    def layout(self) -> Layout:
        """The columns that either reads, the trees' first."""
        ours, theirs = self.gbdt.layout, self.deep.layout
        return Layout(_together(ours.numeric, theirs.numeric), _together(ours.words, theirs.words))

    @property
    def reads_histories(self) -> bool:
        """Whether the network does."""
        return self.deep.reads_histories

    def score(self, given: Inputs) -> dict[str, np.ndarray]:
        """Predict every task: float32, N, in [0, 1].

        Raises:
            MissingColumnError: If the rows lack a column.
            MissingHistoriesError: If the network reads histories and the rows have none.
        """
        scores = self.gbdt.score(given)
        rows = self._heard(given, scores[_CLICK])
        network = self.deep.score(given if rows is None else given.taken(rows))
        heard = slice(None) if rows is None else rows
        for task, share in self.share.items():
            scores[task][heard] = _pooled(scores[task][heard], network[task], share)
        return {task: self.effects.applied(scores[task], given.item_N) for task in self.share}

    def _heard(self, given: Inputs, click_N: np.ndarray) -> np.ndarray | None:
        """Rows that the network is asked about, ascending; None where it is asked about all."""
        if not self.reads_histories or given.histories is None:
            return None
        of_N = given.histories.of_N
        if np.bincount(of_N, minlength=1).max() <= self.num_heard:
            return None
        order = np.lexsort((given.item_N, -click_N, of_N))
        return np.sort(order[places_in_runs(run_starts(of_N[order])) < self.num_heard])

    def importance(self) -> dict[str, float]:
        """Say what the trees read most, as they do."""
        return self.gbdt.importance()

    def facts(self) -> dict[str, Any]:
        """Say the shares, and what the trees say of themselves."""
        return {"network_share": dict(self.share), **self.gbdt.facts()}

    def save(self) -> dict[str, bytes]:
        """Write both, their files' names after their own, and the shares."""
        said = {"version": _VERSION, "share": dict(self.share), "num_heard": self.num_heard}
        files = {_RULES: json.dumps(said, sort_keys=True).encode(), _EFFECTS: self.effects.save()}
        for part in (self.gbdt, self.deep):
            files |= parts.named(part.name, part.save())
        return files


def load(files: Mapping[str, bytes]) -> Ensemble:
    """Make the model again from what ``Ensemble.save`` wrote.

    Raises:
        UnknownModelError: If a file is missing, cut off, or of another version.
    """
    needed = {_RULES, _EFFECTS}
    if not needed <= files.keys():
        raise UnknownModelError(f"{NAME} needs {sorted(needed)}, found {sorted(files)}")
    with refused_unless_whole(NAME):
        said = json.loads(files[_RULES])
        if said["version"] != _VERSION:
            raise UnknownModelError(f"the model is of version {said['version']}; fit it again")
        share = {task: float(value) for task, value in said["share"].items()}
        effects, num_heard = item_effects.load(files[_EFFECTS]), int(said["num_heard"])
    trees, network = (one.load(parts.of(one.NAME, files)) for one in (gbdt, deep))
    return Ensemble(trees, network, share, effects, num_heard)


def fit(days: Days, split: Split, config: EnsembleConfig, seed: int) -> Ensemble:
    """Fit both on the days of ``split`` and weigh them on its stopping days.

    Args:
        days: Reads one day's examples.
        split: The days to learn from and to stop on.
        config: How both are fitted.
        seed: Of everything that is drawn.

    Raises:
        NothingToLearnError: If all days to learn from, or all to stop on, are empty.
        MissingHistoriesError: If some days have histories and others none.
    """
    # On the stopping days effects of items have been told what came: both are weighed without.
    trees = gbdt.without_effects(days, split, config.gbdt, seed)
    network = deep.fit(days, split, config.deep, seed)
    stop = [_Said.of(days(day), trees, network) for day in split.stop]
    share = _shares(stop, config)
    learned = [_Said.of(days(day), trees, network).seen(share) for day in split.fit]
    effects = item_effects.fit(learned, [said.seen(share) for said in stop])
    return Ensemble(trees, network, share, effects, config.num_heard)


@dataclass(frozen=True, slots=True)
class _Said:
    """What both say of one day's examples, by task."""

    batch: Batch
    gbdt: Mapping[str, np.ndarray]
    deep: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, batch: Batch, trees: Gbdt, network: Deep) -> "_Said":
        return cls(batch, trees.score(batch.given), network.score(batch.given))

    def seen(self, share: Mapping[str, float]) -> Seen:
        """The day's clicks beside what both expect of them."""
        p_click_N = _pooled(self.gbdt[_CLICK], self.deep[_CLICK], share[_CLICK])
        return Seen.of(self.batch, p_click_N)


def _shares(stop: Sequence[_Said], config: EnsembleConfig) -> dict[str, float]:
    """Find each task's share under which the stopping days' labels are likeliest."""
    found = {task: _share([_Told.of(task, day) for day in stop], config) for task in stop[0].gbdt}
    of_clicks = found[_CLICK] or 0.0
    return {task: of_clicks if share is None else share for task, share in found.items()}


@dataclass(frozen=True, slots=True)
class _Told:
    """What both say of one day's rows whose label is known."""

    label_N: np.ndarray
    weight_N: np.ndarray
    gbdt_N: np.ndarray
    deep_N: np.ndarray

    @classmethod
    def of(cls, task: str, said: _Said) -> "_Told":
        label_N = said.batch.label[task].astype(np.float64)
        known = ~np.isnan(label_N)
        columns = (label_N, said.batch.weight_N, said.gbdt[task], said.deep[task])
        return cls(*(column[known] for column in columns))


def _share(days: Sequence[_Told], config: EnsembleConfig) -> float | None:
    """The share of least loss, the smallest of equal ones; None where too little is known."""
    label_N, weight_N, gbdt_N, deep_N = (
        np.concatenate([getattr(day, name) for day in days]) for name in _Told.__slots__
    )
    if label_N.sum() < config.min_positives:
        return None
    shares = np.linspace(0, 1, config.num_shares)
    losses = [log_loss(label_N, _pooled(gbdt_N, deep_N, one), weight_N) for one in shares]
    return float(shares[np.argmin(losses)])


def _pooled(gbdt_N: np.ndarray, deep_N: np.ndarray, share: float) -> np.ndarray:
    """Weigh log-odds: float32, N; what both hold to be impossible is."""
    odds_N = (1 - share) * _log_odds(gbdt_N) + share * _log_odds(deep_N)
    return np.where((gbdt_N > 0) | (deep_N > 0), chance(odds_N), 0).astype(np.float32)


def _log_odds(p_N: np.ndarray) -> np.ndarray:
    return logit(np.clip(p_N.astype(np.float64), _LEAST, 1 - _LEAST))


def _together(ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*ours, *theirs)))
