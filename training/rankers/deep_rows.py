"""What the deep ranker's network reads, as tensors: users apart from their candidates.

Shapes: U users, N candidates, F fields, E dense numbers, C numbers of content, L events, G fields
and X contexts of an event, T heads.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from training.rankers.deep_config import Field, InvalidNetworkError, NetworkConfig


@dataclass(frozen=True, kw_only=True, slots=True)
class Events:
    """Histories of U users, newest event first; what stands behind a user's length is not read."""

    code_ULG: Tensor
    """int32 or int64: codes of ``event_fields``."""
    context_ULX: Tensor
    """int32 or int64: codes of ``event_contexts``."""
    length_U: Tensor
    """int64: events of a user, 0 … L."""

    def taken(self, user_U: Tensor | slice) -> "Events":
        """The histories of these users."""
        parts = (self.code_ULG, self.context_ULX, self.length_U)
        code_ULG, context_ULX, length_U = (part[user_U] for part in parts)
        return Events(code_ULG=code_ULG, context_ULX=context_ULX, length_U=length_U)

    @classmethod
    def nothing(cls, num_users: int, config: NetworkConfig) -> "Events":
        """Nobody has done anything."""
        shape = (num_users, 0)
        return cls(
            code_ULG=torch.zeros(*shape, len(config.event_fields), dtype=torch.int64),
            context_ULX=torch.zeros(*shape, len(config.event_contexts), dtype=torch.int64),
            length_U=torch.zeros(num_users, dtype=torch.int64),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """U users and their N candidates. What a network does not read has no columns."""

    user_code_UF: Tensor
    """int32 or int64: codes of ``user_fields``."""
    user_dense_UE: Tensor
    """float32, NaN or infinite where nothing is known."""
    history: Events
    """The short histories."""
    long: Events
    """The long histories, which are searched."""
    user_N: Tensor
    """int64, ascending: each candidate's user, 0 … U − 1. A user may have none."""
    code_NF: Tensor
    """int32 or int64: codes of ``candidate_fields``."""
    dense_NE: Tensor
    """float32, NaN or infinite where nothing is known."""
    content_NC: Tensor
    """float32: the content vector; of an item without one all 0."""
    place_N: Tensor
    """int64: codes of where it stood, or is to stand."""
    wide_NC: Tensor | None = None
    """int32: which weights of the wide part each row reads; None where there is no such part."""
    known_NT: Tensor | None = None
    """float32: logits that the heads begin from; None where they begin from nothing."""

    def __len__(self) -> int:
        return len(self.user_N)

    @property
    def num_users(self) -> int:
        """U."""
        return len(self.user_code_UF)

    def bounds(self) -> Tensor:
        """The first candidate of each user, and the end: int64, U + 1."""
        return torch.searchsorted(self.user_N, torch.arange(self.num_users + 1))

    def between(self, first: int, last: int) -> "Rows":
        """Users from one to before another, with their candidates; nothing is copied."""
        bounds_U, users = self.bounds(), slice(first, last)
        rows = slice(int(bounds_U[first]), int(bounds_U[last]))
        return Rows(
            user_code_UF=self.user_code_UF[users],
            user_dense_UE=self.user_dense_UE[users],
            history=self.history.taken(users),
            long=self.long.taken(users),
            user_N=self.user_N[rows] - first,
            code_NF=self.code_NF[rows],
            dense_NE=self.dense_NE[rows],
            content_NC=self.content_NC[rows],
            place_N=self.place_N[rows],
            wide_NC=None if self.wide_NC is None else self.wide_NC[rows],
            known_NT=None if self.known_NT is None else self.known_NT[rows],
        )

    def of_users(self, user_U: Tensor) -> tuple["Rows", Tensor]:
        """Some users with all their candidates.

        Args:
            user_U: int64, each once, in the order they shall have.

        Returns:
            Their rows, and int64 of N: where each stood.
        """
        bounds_U = self.bounds()
        first_U, count_U = bounds_U[user_U], bounds_U.diff()[user_U]
        user_N = torch.repeat_interleave(torch.arange(len(user_U)), count_U)
        before_U = count_U.cumsum(0) - count_U
        row_N = torch.arange(len(user_N)) + (first_U - before_U)[user_N]
        users = replace(
            self,
            user_code_UF=self.user_code_UF[user_U],
            user_dense_UE=self.user_dense_UE[user_U],
            history=self.history.taken(user_U),
            long=self.long.taken(user_U),
        )
        return users._with_candidates(row_N, user_N), row_N

    def repeated(self) -> "Rows":
        """Every candidate with a user of its own, as a network that knows no users reads them."""
        users = replace(
            self,
            user_code_UF=self.user_code_UF[self.user_N],
            user_dense_UE=self.user_dense_UE[self.user_N],
            history=self.history.taken(self.user_N),
            long=self.long.taken(self.user_N),
        )
        return replace(users, user_N=torch.arange(len(self)))

    def _with_candidates(self, row_N: Tensor, user_N: Tensor) -> "Rows":
        return replace(
            self,
            user_N=user_N,
            code_NF=self.code_NF[row_N],
            dense_NE=self.dense_NE[row_N],
            content_NC=self.content_NC[row_N],
            place_N=self.place_N[row_N],
            wide_NC=None if self.wide_NC is None else self.wide_NC[row_N],
            known_NT=None if self.known_NT is None else self.known_NT[row_N],
        )

    def check(self, config: NetworkConfig) -> None:
        """Refuse rows that are not those a network reads.

        Raises:
            InvalidNetworkError: With what is wrong; a code beyond its field would be read as one
                of another field.
        """
        _check_codes(self.user_code_UF, config.user_fields)
        _check_codes(self.code_NF, config.candidate_fields)
        of_event = config.candidate_fields[: len(config.event_fields)]
        contexts = tuple(
            Field(name=f"context {n}", size=size) for n, size in enumerate(config.event_contexts)
        )
        for events in (self.history, self.long):
            _check_codes(events.code_ULG, of_event)
            _check_codes(events.context_ULX, contexts)
        widths = {
            "user's numbers": (self.user_dense_UE.shape[1], config.num_user_dense),
            "candidate's numbers": (self.dense_NE.shape[1], config.num_candidate_dense),
            "content": (self.content_NC.shape[1], config.num_content),
        }
        for name, (found, promised) in widths.items():
            if found != promised:
                raise InvalidNetworkError(f"{promised} {name} are read, rows have {found}")
        if (self.wide_NC is None) != (not config.num_wide):
            raise InvalidNetworkError(f"a wide part of {config.num_wide} weights is read")
        if (self.known_NT is None) != (not config.begins_from_known):
            raise InvalidNetworkError("known logits are in the config and in rows, or in neither")
        self._check_users()

    def _check_users(self) -> None:
        last = self.num_users - 1
        is_ascending = bool((self.user_N.diff() >= 0).all())
        if len(self) and not (is_ascending and self.user_N[0] >= 0 and self.user_N[-1] <= last):
            raise InvalidNetworkError(f"user_N must ascend within 0 … {last}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Examples:
    """Rows with what followed."""

    rows: Rows
    label_NT: Tensor
    """float32: 0 or 1, or a share; NaN where it is not known. Columns as ``heads``."""
    weight_N: Tensor
    """float32: how many such rows one stands for."""

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Examples":
        """Read a block of numpy arrays without copying them.

        Args:
            arrays: ``label_NT``, ``weight_N`` and all of ``Rows`` by their names here; what is of
                histories begins with ``history_`` or ``long_``.
        """
        tensors = {name: torch.from_numpy(array) for name, array in arrays.items()}
        given = {field.name: tensors.pop(field.name) for field in fields(cls)[1:]}
        events = {
            kind: Events(**{f.name: tensors.pop(f"{kind}_{f.name}") for f in fields(Events)})
            for kind in ("history", "long")
        }
        return cls(rows=Rows(**tensors, **events), **given)

    def of_users(self, user_U: Tensor) -> "Examples":
        """Some users' examples, in the order given."""
        rows, row_N = self.rows.of_users(user_U)
        return Examples(rows=rows, label_NT=self.label_NT[row_N], weight_N=self.weight_N[row_N])


def _check_codes(code: Tensor, read: tuple[Field, ...]) -> None:
    if code.shape[-1] != len(read):
        names = [field.name for field in read]
        raise InvalidNetworkError(f"codes of {names} are read, rows have {code.shape[-1]} columns")
    size_F = torch.tensor([field.size for field in read], dtype=code.dtype)
    is_wrong = (code < 0) | (code >= size_F)
    if is_wrong.any():
        number = int(is_wrong.nonzero()[0, -1])
        found = code[..., number].aminmax()
        raise InvalidNetworkError(
            f"codes of {read[number].name} are 0 … {read[number].size - 1}, found "
            f"{int(found.min)} … {int(found.max)}"
        )
