"""What a night knows of users: their evenings, their recent counts, and what they said last.

How features are made of it stands in ``user_daily``.

Shapes: S users known the day before, E events, K users, R rows.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from etl.arrow import codes_of
from etl.days import Days
from etl.features.evenings import Evenings, counted_days, instant_column, instants
from etl.features.fold import NEVER
from etl.features.windows import Recent

KINDS: Final = ("impression", "click", "cart", "order")
WORDS: Final = ("country", "platform", "language")
"""What a user's events say of him in words."""
_PRICED: Final = ("view", "click", "cart", "order")
KEPT: Final = (*KINDS, "cancel", "watch", "like", "hide", "watch_ms", "hours")


@dataclass(frozen=True, slots=True)
class Users:
    """The rows of some users on some evenings."""

    events: pa.Table
    """E."""
    state: pa.Table
    """Rows of ``tables.FEATURES_USER_DAILY`` of the day before, S."""
    user_id_K: pa.StringArray
    evenings: Evenings
    recent: Recent

    @classmethod
    def of(
        cls, events: pa.Table, state: pa.Table, days: Days, *, kept: tuple[str, ...] = KEPT
    ) -> "Users":
        """Lay out the rows of ``days``.

        Args:
            events: Columns of ``tables.SILVER_EVENTS`` that are counted on ``days``; in order of
                event time, event id and source where it is asked what was said last.
            state: Rows of ``tables.FEATURES_USER_DAILY`` of the day before.
            days: The days to make.
            kept: Which of ``RECENT_CODES`` are counted.
        """
        users, (key_E, key_S) = codes_of(events.column("user_id"), state.column("user_id"))
        evenings = Evenings.of(
            days,
            key_E=key_E,
            counted_day_E=counted_days(events),
            at_E=instants(events, "event_at"),
            key_S=key_S,
            last_S=instants(state, "last_event_at"),
            num_keys=len(users),
        )
        recent = Recent.of(events, state, evenings, kept=kept)
        return cls(events, state, users, evenings, recent)

    def first_at(self) -> np.ndarray:
        """Earliest event known by each row: int64 microseconds, R."""
        at = (instants(self.events, "event_at"), instants(self.state, "first_event_at"))
        return self.evenings.earliest(*at)

    def last_at(self, name: str, *event_types: str) -> np.ndarray:
        """Latest event of some types, of any if none are named: int64 microseconds, R."""
        at = np.where(self._is_of(*event_types), instants(self.events, "event_at"), NEVER)
        return self.evenings.latest(at, instants(self.state, f"last_{name}_at"))

    def prices(self) -> dict[str, np.ndarray]:
        """Sum and number of the prices he clicked, carted or ordered at, ever: int64, R."""
        price = self.events.column("price_cents").fill_null(-1).to_numpy()
        is_priced = self._is_of(*_PRICED) & (price >= 0)
        numbers = {
            "sum_price_cents": np.where(is_priced, price, 0),
            "num_priced": is_priced.astype(np.int64),
        }
        return {
            name: self.evenings.total(number, self.state.column(name).to_numpy())
            for name, number in numbers.items()
        }

    def word(self, name: str) -> dict[str, pa.Array]:
        """The newest of a word, with its event time, as columns."""
        words, (old, new) = codes_of(self.state.column(name), self.events.column(name))
        code_R, at = self._newest(np.r_[old, new], f"{name}_at")
        said = words.take(pa.array(code_R, mask=code_R < 0))
        return {name: said, f"{name}_at": at}

    def personalisation(self) -> dict[str, pa.Array]:
        """What he said last on personalisation, with its event time, as columns."""
        switches = ("personalisation_on", "personalisation_off")
        new = pc.index_in(self.events.column("event_type"), pa.array(switches)).fill_null(-1)
        old = self.state.column("is_personalisation_off").cast(pa.int64()).to_numpy()
        is_off_R, at = self._newest(np.r_[old, new.to_numpy()], "personalisation_at")
        return {"is_personalisation_off": pa.array(is_off_R > 0), "personalisation_at": at}

    def _newest(self, code: np.ndarray, at_name: str) -> tuple[np.ndarray, pa.Array]:
        """Newest code of each row and when it was said; −1 says nothing."""
        at_S, at_E = instants(self.state, at_name), instants(self.events, "event_at")
        old, new = np.split(code, [len(at_S)])
        says = (new >= 0, (old >= 0) & (at_S != NEVER))
        place = self.evenings.newest(at_E, at_S, *says)
        # Place −1 is the one added at the end: nobody said anything.
        return np.r_[code, -1][place], instant_column(np.r_[at_S, at_E, NEVER][place])

    def _is_of(self, *event_types: str) -> np.ndarray:
        if not event_types:
            return np.ones(self.events.num_rows, bool)
        return pc.is_in(self.events.column("event_type"), pa.array(event_types)).to_numpy()
