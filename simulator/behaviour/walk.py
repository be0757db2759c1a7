"""A day as its users walk through it: what was asked for, shown, looked at, and when.

Shapes: R steps, I impressions, A acts, N requests that took place, C clicks.
"""

from dataclasses import dataclass

import numpy as np

from etl.arrow import ranges
from simulator.behaviour.events import Part, part
from simulator.behaviour.looking import Looks, Stays, look, stay
from simulator.behaviour.outcomes import Clicked, live_watch_ms
from simulator.behaviour.shown import Published, Shown, show
from simulator.behaviour.timeline import Timeline, arrange
from simulator.behaviour.visits import Steps, plan
from simulator.day import Requests
from simulator.ledger import Clicks, pairs
from simulator.seeds import generator
from simulator.state import State
from simulator.world.hosts import DAY_US
from simulator.world.world import World


@dataclass(frozen=True, kw_only=True, slots=True)
class Walk:
    """What users were shown and did, before anything followed."""

    world: World
    day: int
    """The shop's day."""
    steps: Steps
    shown: Shown
    looks: Looks
    stays: Stays
    timeline: Timeline

    @property
    def epoch_day(self) -> int:
        """The day, in days of the epoch."""
        return self.world.midnight_us(self.day) // DAY_US

    def is_kept_I(self) -> np.ndarray:
        """Tell which impressions took place: bool."""
        return self.timeline.is_kept_R[self.shown.step_I]

    def user_I(self) -> np.ndarray:
        """Who each impression is shown to: int64."""
        return self.steps.user_S[self.steps.session_R[self.shown.step_I]]

    def who(self, step: np.ndarray) -> Part:
        """Say of steps who takes them, in which session, on which surface, as which request."""
        session = self.steps.session_R[step]
        return {
            "user": self.steps.user_S[session],
            "session": self.steps.id_S[session],
            "surface": self.steps.kind_R[step],
            "request": self.timeline.number_R[step],
        }

    def impressions(self) -> Part:
        """The requests that took place, by time."""
        step = self.timeline.step_N
        return part("impression", self.timeline.start_ms_R[step], **self.who(step))

    def hides(self) -> Part:
        """Hidden impressions."""
        chosen = np.flatnonzero(self._is_kept_A() & ~self.looks.is_clicked_I[self.stays.act_A])
        return self._acts("hide", chosen)

    def clicked(self) -> Clicked:
        """Clicked impressions, and how long users stay with them."""
        chosen = np.flatnonzero(self._is_kept_A() & self.looks.is_clicked_I[self.stays.act_A])
        acts, dwell_ms = self._acts("click", chosen), self.stays.dwell_ms_A[chosen]
        live_ms = live_watch_ms(self.world, acts, dwell_ms, self.day)
        watch_ms = self.stays.watch_ms_A[chosen] + live_ms
        return Clicked(acts=acts, dwell_ms_C=dwell_ms, watch_ms_C=watch_ms)

    def clicks(self, acts: Part) -> Clicks:
        """Clicked impressions as the ledger keeps them."""
        midnight_us = self.world.midnight_us(self.day)
        shown_ms_N = self.timeline.start_ms_R[self.timeline.step_N]
        shown_us = midnight_us + 1000 * shown_ms_N[acts["request"]]
        pair = pairs(acts["user"], acts["item"])
        order = np.lexsort((shown_us, pair))
        return Clicks(
            pair_C=pair[order],
            shown_us_C=shown_us[order],
            clicked_us_C=(midnight_us + 1000 * acts["at_ms"])[order],
            day=self.epoch_day,
            request_C=acts["request"][order],
            position_C=acts["position"][order],
        )

    def opting_out(self, state: State) -> Part:
        """Some of the day's users switch personalisation off, once and for good."""
        rng = generator(self.world.config.seed, "opting out", self.day)
        step = self.timeline.step_N
        users, first = np.unique(self.steps.user_R()[step], return_index=True)
        may = ~state.is_off_U[users] & ~self.world.users.is_bot_U[users]
        does = may & (rng.random(len(users)) < self.world.dials.change.opt_out)
        step = step[first[does]]
        who = self.who(step)
        at_ms = self.timeline.start_ms_R[step] + 1
        return part("personalisation_off", at_ms, user=who["user"], session=who["session"])

    def requests(self, event_N: np.ndarray) -> Requests:
        """The requests with what they showed.

        Args:
            event_N: int64, each request's place among the day's events.
        """
        shown, step = self.shown, self.timeline.step_N
        num_R = np.bincount(shown.step_I, minlength=len(self.steps.session_R))
        edge_R = np.concatenate([[0], np.cumsum(num_R)])
        _, at = ranges(edge_R, step)
        first_I = edge_R[step]
        return Requests(
            event_R=event_N,
            surface_R=self.steps.kind_R[step],
            first_position_R=shown.position_I[first_I],
            start_R=np.concatenate([[0], np.cumsum(num_R[step])]),
            item_I=shown.item_I[at],
            room_I=shown.room_I[at],
            propensity_I=shown.propensity_I[at],
            is_published_R=shown.is_published_I[first_I],
            is_examined_I=self.looks.is_examined_I[at],
            attraction_I=self.looks.attraction_I[at].astype(np.float64),
        )

    def _is_kept_A(self) -> np.ndarray:
        return self.timeline.is_kept_R[self.shown.step_I[self.stays.act_A]]

    def _acts(self, kind: str, chosen: np.ndarray) -> Part:
        at = self.stays.act_A[chosen]
        who = self.who(self.shown.step_I[at])
        columns = {
            "item": self.shown.item_I[at],
            "room": self.shown.room_I[at],
            "position": self.shown.position_I[at],
            "cause_day": np.full(len(at), self.epoch_day, np.int32),
            "cause_request": who["request"],
        }
        return part(kind, self.timeline.at_ms_A[chosen], **who, **columns)


def walk_through(world: World, evening: State, now: State, published: Published) -> Walk:
    """Let users walk through a day.

    Args:
        world: The shop.
        evening: The state at the end of the day before: what slates are filled from.
        now: The state of the day: what users feel.
        published: The current publication, and who is served from it.
    """
    day = evening.day + 1
    steps = plan(world, day)
    shown = show(world, evening, steps, published)
    looks = look(world, now, steps, shown)
    stays = stay(world, now, steps, (shown, looks))
    timeline = arrange(world, day, steps, (shown, stays))
    return Walk(
        world=world,
        day=day,
        steps=steps,
        shown=shown,
        looks=looks,
        stays=stays,
        timeline=timeline,
    )
