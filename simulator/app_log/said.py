"""What events say, in pieces that every version of the app's log writes alike.

What differs between versions (names of fields, times, prices, references) is in ``version_*.py``.
Pieces are JSON values, one an event, null where an event does not say it.

Shapes: E events of a day, V events that one version writes, R requests among them, I items shown.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from etl import surfaces
from etl.arrow import ranges
from simulator.app_log import dirt
from simulator.app_log.hashing import coins, hashed, hex_ids, key_of, uniform
from simulator.app_log.log_config import LogConfig
from simulator.app_log.pieces import (
    integers,
    quoted,
    quoted_in_ascii,
    replaced,
    scattered,
    table,
    taken,
    where,
    whole,
)
from simulator.app_log.plan import ITEM, Plan, request_hashes
from simulator.app_log.spelled import Spelled
from simulator.day import EVENT_TYPES, NONE, Day

IMPRESSION: Final = EVENT_TYPES.index("impression")
SEARCH: Final = EVENT_TYPES.index("search")
COMMENT: Final = EVENT_TYPES.index("comment")
_SURFACES: Final = table(*(f'"{name}"' for name in surfaces.NAMES))
_SILENT, _FIRST, _NO_PLACE, _EXTRA, _TIME = range(5)
_EVEN: Final = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """The V events of a day that one version writes."""

    day: Day
    plan: Plan
    spelled: Spelled
    config: LogConfig
    event_V: np.ndarray
    """int64: their places in the day, ascending."""
    luck_V: np.ndarray
    """uint64: coins for what is said only sometimes."""

    def of(self, column_E: np.ndarray) -> np.ndarray:
        """Take a column of the day for these events."""
        return column_E[self.event_V]

    def is_type(self, code: int) -> np.ndarray:
        """Tell the events of a type: bool of V."""
        return self.of(self.day.type_E) == code

    def is_catalogue(self) -> np.ndarray:
        """Tell the catalogue lines: bool of V."""
        return self.is_type(ITEM)

    def is_kind(self, code: int) -> np.ndarray:
        """Tell the events with a kind of dirt: bool of V."""
        return self.of(self.plan.kind_E) == code

    def coin(self, place: int, share: float) -> np.ndarray:
        """Toss one coin an event: bool of V."""
        return coins(self.luck_V, place, share)


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """The R requests among V events."""

    row_R: np.ndarray
    """int64: their places among the V events."""
    start_R: np.ndarray
    """int64, R + 1: where each one's items start."""
    item_I: np.ndarray
    room_I: np.ndarray
    propensity_I: np.ndarray


def part_of(day: Day, plan: Plan, *, version: int, spelled: Spelled, config: LogConfig) -> Part:
    """Choose the events that one version writes."""
    event_V = np.flatnonzero(plan.version_E == version)
    luck_V = hashed(key_of(config.seed, "said"), plan.number_E[event_V])
    return Part(day=day, plan=plan, spelled=spelled, config=config, event_V=event_V, luck_V=luck_V)


def at_us(part: Part) -> np.ndarray:
    """Say when: int64, microseconds of the epoch; years off where absurd."""
    at_us_V = part.of(part.plan.event_us_E).copy()
    far = np.flatnonzero(part.is_kind(dirt.ABSURD))
    numbers = part.plan.number_E[part.event_V[far]]
    at_us_V[far] = dirt.absurd(at_us_V[far], key_of(part.config.seed, "absurd"), numbers)
    return at_us_V


def is_time_in_object(part: Part) -> np.ndarray:
    """Tell the events of a wrong type that is not the position's: bool of V."""
    return part.is_kind(dirt.WRONG_TYPE) & ~_is_position_quoted(part)


def event_id(part: Part) -> pa.LargeBinaryArray:
    """Say the event's own id: hex, without quotes."""
    return hex_ids(part.of(part.plan.id_E))


def user(part: Part) -> pa.LargeBinaryArray:
    """Say who."""
    return taken(part.spelled.user, part.of(part.day.user_E))


def app_user(part: Part) -> np.ndarray:
    """Choose whose country, platform and language is said: int32 of V, ``NONE`` for nobody's."""
    user_V, config = part.of(part.day.user_E), part.config
    never = uniform(key_of(part.config.seed, "no app"), user_V) < config.no_app_share
    return np.where(never | part.coin(_SILENT, config.silent_app_share), NONE, user_V)


def session(part: Part) -> pa.LargeBinaryArray:
    """Say the session, where the user's app ever does."""
    session_V, user_V = part.of(part.day.session_E), part.of(part.day.user_E)
    never = uniform(key_of(part.config.seed, "no session"), user_V) < part.config.no_session_share
    ids = whole(b'"', hex_ids(hashed(key_of(part.config.seed, "session"), session_V)), b'"')
    return where(ids, (session_V != NONE) & ~never)


def surface(part: Part) -> pa.LargeBinaryArray:
    """Say where it happened."""
    return taken(_SURFACES, part.of(part.day.surface_E))


def request(part: Part) -> pa.LargeBinaryArray:
    """Say the request that it is, or that it followed, where the app tells."""
    request_V = part.of(part.day.request_E)
    ids = whole(b'"', hex_ids(request_hashes(part.day.date, request_V, part.config.seed)), b'"')
    return where(ids, (request_V != NONE) & ~_is_placeless(part))


def first_position(part: Part) -> pa.LargeBinaryArray:
    """Say where an impression's first item stands; 0 may be left out."""
    row_R, request_R = _requests(part)
    first_V = np.full(len(part.event_V), NONE)
    first_V[row_R] = part.day.requests.first_position_R[request_R]
    return integers(np.where((first_V == 0) & part.coin(_FIRST, _EVEN), NONE, first_V))


def position(part: Part) -> pa.LargeBinaryArray:
    """Say the place of what an event followed; as text where that is its dirt."""
    numbers = integers(_position(part))
    is_text = _is_position_quoted(part)
    return replaced(numbers, is_text, whole(b'"', numbers.filter(pa.array(is_text)), b'"'))


def quantity(part: Part) -> pa.LargeBinaryArray:
    """Say how many pieces."""
    return integers(part.of(part.day.quantity_E))


def watch_ms(part: Part) -> pa.LargeBinaryArray:
    """Say how long was watched."""
    return integers(part.of(part.day.watch_ms_E))


def words(part: Part, type_code: int, *, is_ascii: bool = False) -> pa.LargeBinaryArray:
    """Say the query of searches, or what comments say."""
    rows = np.flatnonzero(part.is_type(type_code))
    texts = part.day.text_E.take(pa.array(part.event_V[rows]))
    said = quoted_in_ascii(texts) if is_ascii else quoted(texts)
    return scattered(in_encoding(part, said, rows), rows, len(part.event_V))


def in_encoding(part: Part, texts: pa.LargeBinaryArray, rows: np.ndarray) -> pa.LargeBinaryArray:
    """Write the texts of some rows in the encoding that their dirt asks for."""
    is_other = part.is_kind(dirt.NOT_UTF8)[rows] & texts.is_valid().to_numpy(zero_copy_only=False)
    return replaced(texts, is_other, dirt.in_latin_1(texts.filter(pa.array(is_other))))


def host(part: Part) -> pa.LargeBinaryArray:
    """Say whom the user follows."""
    return taken(part.spelled.host, part.of(part.day.host_E))


def has_extra(part: Part) -> np.ndarray:
    """Tell the events with fields that no reader knows: bool of V."""
    return part.coin(_EXTRA, part.config.extra_share)


def shown(part: Part) -> Shown:
    """Choose the requests and their items."""
    row_R, request_R = _requests(part)
    requests = part.day.requests
    place_R, element_I = ranges(requests.start_R, request_R)
    return Shown(
        row_R=row_R,
        start_R=np.searchsorted(place_R, np.arange(len(row_R) + 1)),
        item_I=requests.item_I[element_I],
        room_I=requests.room_I[element_I],
        propensity_I=requests.propensity_I[element_I],
    )


def _requests(part: Part) -> tuple[np.ndarray, np.ndarray]:
    """The rows of impressions, and their requests."""
    row_R = np.flatnonzero(part.is_type(IMPRESSION))
    return row_R, part.of(part.day.request_E)[row_R]


def _position(part: Part) -> np.ndarray:
    return np.where(_is_placeless(part), NONE, part.of(part.day.position_E))


def _is_placeless(part: Part) -> np.ndarray:
    return part.coin(_NO_PLACE, part.config.no_place_share) & ~part.is_type(IMPRESSION)


def _is_position_quoted(part: Part) -> np.ndarray:
    has_position = (_position(part) != NONE) & ~part.is_type(IMPRESSION)
    return part.is_kind(dirt.WRONG_TYPE) & has_position & part.coin(_TIME, _EVEN)
