"""Judges an evening's lists by what their users then did, for one bucket of users at a time.

A truth is an item of the surface that a user acted on in the horizon and had not bought by the
evening (where items are bought once). Whatever a policy lists, what the user had bought or hidden
is passed over: the same eligibility as slates have. Which rows come together is
``scoring.reports``.

Shapes: T truths, D things done, U users with a truth, P places of their lists, M metrics.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import numpy as np
import pyarrow as pa

from etl.arrow import codes_of, is_in, places_in_runs, run_starts
from scoring.judged_rows import Facts, Touches, item_in, key_of, user_in
from scoring.shown_lists import Evening, Lists, Watched
from training.slate_metrics import AT, Shown, Truths, measure

_WHOLE: Final = np.iinfo(np.int32).max
"""More than any list holds."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One policy's lists for the users of one audience, measured."""

    watched: Watched
    audience: str
    policy: str
    user_U: np.ndarray
    """int64, places among the bucket's users."""
    num_truths_U: np.ndarray
    """int64."""
    value_UM: np.ndarray
    """float64, U × ``training.slate_metrics.METRICS``."""
    item_P: np.ndarray
    """int64, what was shown."""


def judge(
    touches: pa.Table,
    facts: pa.Table,
    *,
    watched: Sequence[Watched],
    evenings: Mapping[date, Evening],
) -> tuple[pa.StringArray, list[Judged]]:
    """Judge every policy for one bucket of users.

    Args:
        touches: What they acted on: user_id, item_no, event_date, arrival_date and the item's
            first_arrival_date.
        facts: What was known of them and listed for them: user_id, arrival_date, code, segment,
            and the lists first and second of ``FACT_CODES``.
        watched: The evenings and horizons to judge.
        evenings: What those evenings held for everybody.

    Returns:
        The bucket's users, and what was found for each evening, audience and policy.
    """
    users, (touched, known) = codes_of(touches["user_id"], facts["user_id"])
    done, listed = Touches.of(touches, touched), Facts.of(facts, known)
    found = [
        judged
        for one in watched
        for asked in _asked(one, done, listed)
        for judged in _policies(asked, listed, evenings[one.slate_date])
    ]
    return users, found


@dataclass(frozen=True, slots=True)
class _Asked:
    """U users of one audience: what each of them acted on, was shown, and must not be shown."""

    watched: Watched
    audience: str
    user_U: np.ndarray
    own_U: np.ndarray
    """Their rows of slates among the facts, −1 where there is none."""
    truths: Truths
    done_D: np.ndarray
    """Keys of the users' places and what they bought or hid, ascending."""

    def judged(
        self, policy: str, lists: Lists, list_U: np.ndarray, limit_U: np.ndarray | int = AT
    ) -> Judged:
        """Measure one list a user, of which what he bought or hid is passed over."""
        num_done_U = np.bincount(user_in(self.done_D), minlength=len(self.user_U))
        user, item = lists.first(list_U, limit_U + num_done_U)
        keep = ~is_in(key_of(user, item), self.done_D)
        user, item = user[keep], item[keep]
        place = places_in_runs(run_starts(user))
        is_shown = place < np.broadcast_to(limit_U, len(self.user_U))[user]
        shown = Shown(user[is_shown], item[is_shown], place[is_shown])
        return Judged(
            watched=self.watched,
            audience=self.audience,
            policy=policy,
            user_U=self.user_U,
            num_truths_U=self.truths.num_U,
            value_UM=measure(shown, self.truths),
            item_P=np.unique(shown.item_P),
        )


def _asked(one: Watched, touches: Touches, facts: Facts) -> Iterator[_Asked]:
    """Split those with a truth into those with a slate of their own, and the others."""
    key_T, is_known_T = touches.within(one)
    bought, hidden = _done(facts, _users(key_T), one.slate_date)
    is_truth_T = ~is_in(key_T, bought)
    key_T, is_known_T = key_T[is_truth_T], is_known_T[is_truth_T]
    user_U = _users(key_T)
    own_U = facts.of_evening("slates", user_U, one.slate_date)
    has_own_U = facts.first.lengths(own_U) > 0
    done = np.sort(np.r_[bought, hidden])
    for audience, is_meant_U in (("user", has_own_U), ("default", ~has_own_U)):
        meant = user_U[is_meant_U]
        at_T = is_in(user_in(key_T), meant)
        place_T = np.searchsorted(meant, user_in(key_T[at_T]))
        yield _Asked(
            watched=one,
            audience=audience,
            user_U=meant,
            own_U=own_U[is_meant_U],
            truths=Truths(place_T, item_in(key_T[at_T]), is_known_T[at_T], len(meant)),
            done_D=_renumbered(done, meant),
        )


def _users(key_T: np.ndarray) -> np.ndarray:
    """List the users of ascending keys once."""
    user_T = user_in(key_T)
    return user_T[run_starts(user_T)]


def _done(facts: Facts, user_U: np.ndarray, evening: date) -> tuple[np.ndarray, np.ndarray]:
    """Keys of what users had bought, and had hidden, by the evening, each ascending."""
    row_U = facts.newest("pairs", user_U, evening)
    both = (lists.first(row_U, _WHOLE) for lists in (facts.first, facts.second))
    bought, hidden = (np.sort(key_of(user_U[user], item)) for user, item in both)
    return bought, hidden


def _renumbered(key_D: np.ndarray, user_U: np.ndarray) -> np.ndarray:
    """Write keys of some users with their places instead."""
    his_D = key_D[is_in(user_in(key_D), user_U)]
    return key_of(np.searchsorted(user_U, user_in(his_D)), item_in(his_D))


def _policies(asked: _Asked, facts: Facts, evening: Evening) -> Iterator[Judged]:
    """Judge what the users were shown beside what else they might have been."""
    popular_U = evening.most_popular(len(asked.user_U))
    yield asked.judged("popularity_7d", evening.popular, popular_U)
    if asked.audience == "default":
        list_U = evening.stand_ins(facts.segments(asked.own_U))
        limit_U = np.minimum(evening.slates.lengths(list_U), AT)
        yield asked.judged("slates", evening.with_reserve, list_U, limit_U)
        return
    yield asked.judged("slates", facts.first, asked.own_U)
    row_U = facts.of_evening("candidates", asked.user_U, asked.watched.slate_date)
    yield asked.judged("candidates", facts.first, row_U)
    yield asked.judged("covisitation", facts.second, row_U)
