"""What the deep rankers' networks read of inputs: codes, numbers, histories.

Words and frequent items are codes (``training.fields``). A number is where it lies among the
quantiles of what was learned from: counts of heavy tails tell a network as little at once as
their logarithms would, ranks are even. What an event has that candidates have too are its fields;
what was done, how long ago and how many events ago is told of it besides.

Shapes: N rows, U users, F fields, E events of all histories.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from dataclasses import fields as parts_of
from typing import Any, Final

import numpy as np
import torch

from etl.arrow import run_starts
from training import fields, npz
from training.fields import ITEM, Fields
from training.histories import Histories
from training.inputs import Inputs, Layout, is_of_user
from training.rankers import deep_contexts, factorization, parts
from training.rankers.by_fields import FieldRanker
from training.rankers.deep_config import Field, NetworkConfig
from training.rankers.deep_events import FlatEvents, FlatRows
from training.rankers.deep_rows import Events, Rows
from training.rankers.event_pairs import EventPairs
from training.rankers.hashed_crosses import Crosses
from training.rankers.ranker import MissingHistoriesError, UnknownModelError

_MOST_TOGETHER: Final = 512
"""Rows of one user that are read as one user's; more are cut."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """Fitted rules."""

    fields: Fields
    event_words: tuple[str, ...] | None
    """Words that events have; None where no history is read."""
    num_short: int
    """Newest events that are read."""
    num_long: int
    """Newest events that are searched."""
    num_places: int
    """Places that are told apart; what stood farther counts as the last of them."""
    crosses: Crosses | None = None
    """Of a wide part."""
    pairs: EventPairs | None = None
    """Of a wide part of candidates and events; no reader has both."""
    has_quantile_fields: bool = False
    """Whether the quantile that a number lies in is a field with a vector besides."""
    factors: FieldRanker | None = None
    """A factorisation machine whose logits the network begins from."""
    tasks: tuple[str, ...] = ()
    """Those of its heads, in the order of the network's."""

    @property
    def layout(self) -> Layout:
        """The columns that are read."""
        return self.fields.layout

    @property
    def reads_histories(self) -> bool:
        """Whether rows must have histories."""
        return self.event_words is not None

    def parts(self, *, unknown_dropout: float, word_dropout: float) -> dict[str, Any]:
        """Those parts of a ``NetworkConfig`` that say what is read.

        Args:
            unknown_dropout: Chance with which an item, or who the user is, is taken for unknown
                while learning.
            word_dropout: The same of words.
        """
        sizes = dict(zip(self.fields.names, self.fields.size_F.tolist(), strict=True))

        def made(name: str) -> Field:
            is_one = name in (ITEM, "user")
            rate = unknown_dropout if is_one else word_dropout
            return Field(name=_field(name), size=sizes[name], unknown_dropout=rate)

        events = (ITEM, *(self.event_words or ()))
        return {
            "user_fields": tuple(map(made, self._user_words)),
            "candidate_fields": tuple(map(made, self._candidate_words)),
            "num_user_dense": len(self._numbers(of_user=True)),
            "num_candidate_dense": len(self._numbers(of_user=False)),
            "num_wide": wide.size if (wide := self.crosses or self.pairs) else 0,
            "event_fields": tuple(map(_field, events)) if self.reads_histories else (),
            "event_contexts": deep_contexts.SIZES if self.reads_histories else (),
            "num_places": self.num_places,
            "begins_from_known": self.factors is not None,
        }

    @property
    def _told(self) -> tuple[str, ...]:
        """What has vectors, but for the item."""
        return self.layout.words + (self.layout.numeric if self.has_quantile_fields else ())

    @property
    def _user_words(self) -> list[str]:
        return [name for name in self._told if is_of_user(name)]

    @property
    def _candidate_words(self) -> list[str]:
        """The item and what events have come first."""
        of_events = list(self.event_words or ())
        rest = [name for name in self._told if not is_of_user(name)]
        return [ITEM, *of_events, *(name for name in rest if name not in of_events)]

    def _numbers(self, *, of_user: bool) -> list[int]:
        names = enumerate(self.layout.numeric)
        return [number for number, name in names if is_of_user(name) == of_user]

    def rows(self, given: Inputs) -> FlatRows:
        """Lay rows out.

        Neighbours that share a history and all that is the user's are one user's.

        Raises:
            MissingColumnError: If a column is missing.
            MissingHistoriesError: If histories are read and there are none.
        """
        histories = self._histories(given)
        value_NF, number_NE = self.fields.values_and_quantiles(given)
        code_NF = value_NF - (np.cumsum(self.fields.size_F) - self.fields.size_F).astype(np.int32)
        place = {name: number for number, name in enumerate(self.fields.names)}
        of_user = code_NF[:, [place[name] for name in self._user_words]]
        numbers_of_user = number_NE[:, self._numbers(of_user=True)]
        first_U = np.flatnonzero(_is_first(of_user, numbers_of_user, histories))
        count_U = np.diff(np.append(first_U, len(given)))
        nothing = self._nothing(len(first_U))
        events = self._events(histories, first_U)
        code_NC = code_NF[:, [place[name] for name in self._candidate_words]]
        wide_NC = self.crosses.places(value_NF) if self.crosses else None
        if self.pairs:
            wide_NC = _paired(self.pairs, code_NC, events, count_U)
        alone = Rows(
            user_code_UF=torch.from_numpy(of_user[first_U]),
            user_dense_UE=torch.from_numpy(numbers_of_user[first_U]),
            history=nothing,
            long=nothing,
            user_N=torch.from_numpy(np.repeat(np.arange(len(first_U)), count_U)),
            code_NF=torch.from_numpy(code_NC),
            dense_NE=torch.from_numpy(number_NE[:, self._numbers(of_user=False)]),
            content_NC=torch.zeros(len(given), 0),
            place_N=torch.from_numpy(self._places(given)),
            wide_NC=None if wide_NC is None else torch.from_numpy(wide_NC),
            known_NT=self._known(given),
        )
        return FlatRows(
            alone=alone,
            events=events,
            num_short=self.num_short,
            num_long=self.num_long,
        )

    def _histories(self, given: Inputs) -> Histories | None:
        if not self.reads_histories or not len(given):
            return None
        if given.histories is None:
            raise MissingHistoriesError(
                "the model was fitted with histories and reads them; the rows have none "
                "(Inputs.histories is None)"
            )
        gone = set(self.event_words or ()) - given.histories.words.keys()
        if gone:
            raise MissingHistoriesError(f"the model reads {', '.join(sorted(gone))} of events")
        return given.histories

    def _nothing(self, num_users: int) -> Events:
        num_fields = 1 + len(self.event_words or ()) if self.reads_histories else 0
        contexts = deep_contexts.SIZES if self.reads_histories else ()
        of_events = NetworkConfig(
            candidate_fields=(), event_fields=("",) * num_fields, event_contexts=contexts
        )
        return Events.nothing(num_users, of_events)

    def _known(self, given: Inputs) -> torch.Tensor | None:
        if self.factors is None:
            return None
        margins = self.factors.margins(given)
        look_N = self.factors.curve.at(given.position_N)
        of_task = [
            margins[task]
            if task in self.factors.after_click
            else _where_it_stands(margins[task], look_N)
            for task in self.tasks
        ]
        return torch.from_numpy(np.stack(of_task, axis=1))

    def _places(self, given: Inputs) -> np.ndarray:
        position_N = np.nan_to_num(given.position_N, nan=0.0)
        return np.clip(position_N, 0, self.num_places - 1).astype(np.int64)

    def _events(self, histories: Histories | None, first_U: np.ndarray) -> FlatEvents:
        if histories is None:
            none_U = torch.zeros(len(first_U), dtype=torch.int64)
            nothing = self._nothing(1)
            return FlatEvents(
                code_EG=nothing.code_ULG[0],
                context_EX=nothing.context_ULX[0],
                first_U=none_U,
                length_U=none_U,
            )
        codes = [self.fields.items.of(histories.item_E)]
        codes += [self.fields.words(name, histories.words[name]) for name in self.event_words or ()]
        of_U = histories.of_N[first_U]
        return FlatEvents(
            code_EG=torch.from_numpy(np.stack(codes, axis=1)),
            context_EX=torch.from_numpy(deep_contexts.of(histories)),
            first_U=torch.from_numpy(histories.offset_H1[of_U]),
            length_U=torch.from_numpy(histories.length_H[of_U]),
        )

    def save(self) -> dict[str, bytes]:
        """Write the rules."""
        said: dict[str, Any] = {
            "event_words": self.event_words,
            "num_short": self.num_short,
            "num_long": self.num_long,
            "num_places": self.num_places,
            "tasks": self.tasks,
            "has_quantile_fields": self.has_quantile_fields,
            "crosses": None,
            "pairs": asdict(self.pairs) if self.pairs else None,
        }
        if self.crosses:
            said["crosses"] = asdict(self.crosses) | {"pair_C2": self.crosses.pair_C2.tolist()}
        rules = json.dumps(said, sort_keys=True).encode()
        files = {"reader.json": rules, "fields.npz": npz.packed(self.fields.arrays())}
        of_factors = self.factors.save() if self.factors else {}
        return files | parts.named(factorization.NAME, of_factors)


def load(files: Mapping[str, bytes]) -> Reader:
    """Make a reader again from what ``Reader.save`` wrote.

    Raises:
        UnknownModelError: If something is not said.
    """
    said = json.loads(files["reader.json"])
    missing = [one.name for one in parts_of(Reader) if one.name not in {*said, "fields", "factors"}]
    if missing:
        raise UnknownModelError(f"{', '.join(missing)} is not said; fit the model again")
    if said["event_words"] is not None:
        said["event_words"] = tuple(said["event_words"])
    if said["crosses"] is not None:
        pair_C2 = np.array(said["crosses"].pop("pair_C2"), np.int64).reshape(-1, 2)
        said["crosses"] = Crosses(pair_C2, **said["crosses"])
    if said["pairs"] is not None:
        said["pairs"] = EventPairs(**said["pairs"])
    said["tasks"] = tuple(said["tasks"])
    of_factors = parts.of(factorization.NAME, files)
    factors = factorization.load(of_factors) if said["tasks"] else None
    known = fields.of_arrays(npz.unpacked(files["fields.npz"]))
    return Reader(fields=known, factors=factors, **said)


def _where_it_stands(margin_N: np.ndarray, look_N: np.ndarray) -> np.ndarray:
    """The logit of look · σ(margin): float32, N."""
    margin_N = margin_N.astype(np.float64)
    # look σ(a) / (1 − look σ(a)) = look e^a / (1 + (1 − look) e^a), and nothing overflows.
    beside_N = np.log1p((1 - look_N) * np.exp(np.minimum(margin_N, 700.0)))
    return np.asarray(margin_N + np.log(look_N) - beside_N, np.float32)


def _field(name: str) -> str:
    """A column may be called as the field of items is."""
    return name if name == ITEM else f"word {name}"


def _is_first(
    code_NF: np.ndarray, number_NE: np.ndarray, histories: Histories | None
) -> np.ndarray:
    """Rows with which a user begins: bool, N."""
    is_first_N = np.zeros(len(code_NF), bool)
    told: Sequence[np.ndarray] = (code_NF, number_NE.view(np.int32))
    for of_user in told:
        is_first_N[1:] |= (of_user[1:] != of_user[:-1]).any(axis=1)
    if histories is not None:
        is_first_N |= run_starts(histories.of_N)
    is_first_N[:1] = True
    first_N = np.maximum.accumulate(np.where(is_first_N, np.arange(len(is_first_N)), 0))
    return (np.arange(len(is_first_N)) - first_N) % _MOST_TOGETHER == 0


def _paired(
    pairs: EventPairs, code_NC: np.ndarray, events: FlatEvents, count_U: np.ndarray
) -> np.ndarray:
    """Weights of pairs of words: those of items are too many for what is seen of each."""
    of_user = (np.repeat(one.numpy(), count_U) for one in (events.first_U, events.length_U))
    code_EG = events.code_EG.numpy()[:, 1:]
    return pairs.places(code_NC[:, 1 : 1 + code_EG.shape[1]], code_EG, *of_user)
