"""Both sources of hosts against plain loops."""

import numpy as np
import pytest

from tests.training.known_evening import END, Row, batch_of, own_group, shelf_of
from training.retrieval import followed_hosts, host_affinity
from training.retrieval.proposals import Proposals

NUM_ITEMS = 24


class Evening:
    """Three users, hosts of items, sellers of whom some are hosts."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.items = [
            {
                "item_no": n,
                "host_id": None if rng.random() < 0.2 else f"h{rng.integers(5)}",
                "num_clicks_7d": int(rng.integers(4)),
                "is_eligible": bool(rng.random() < 0.8),
            }
            for n in range(NUM_ITEMS)
        ]
        self.states: list[Row] = [
            {
                "hosts": _groups(rng, "host_id", "h"),
                "sellers": _groups(rng, "seller_id", rng.choice(["h", "s"])),
            }
            for _ in range(3)
        ]
        self.followed = [sorted({f"h{n}" for n in rng.integers(0, 7, 3)}) for _ in range(3)]
        said = [
            {"followed_hosts": [{"host_id": h, "followed_at": END} for h in own]}
            for own in self.followed
        ]
        self.batch, self.shelf = batch_of(*self.states, said=said), shelf_of(*self.items)

    def of_host(self, host: str) -> list[int]:
        own = [i for i in self.items if i["host_id"] == host and i["is_eligible"]]
        return [
            i["item_no"] for i in sorted(own, key=lambda i: (-i["num_clicks_7d"], i["item_no"]))
        ]

    def shares(self, user: int) -> dict[str, float]:
        """Affinities of a day ago; only hosts whom alive items have count."""
        known = {i["host_id"] for i in self.items}
        found: dict[str, float] = {}
        for array, name in (("hosts", "host_id"), ("sellers", "seller_id")):
            for group in self.states[user][array]:
                if group[name] in known:
                    found[group[name]] = found.get(group[name], 0.0) + group["affinity"]
        return {host: affinity / sum(found.values()) for host, affinity in found.items()}


def _groups(rng: np.random.Generator, name: str, prefix: str) -> list[Row]:
    chosen = np.flatnonzero(rng.random(6) < 0.5).tolist()
    return [own_group(name, f"{prefix}{n}", affinity=float(rng.random())) for n in chosen]


def best(score: dict[int, float], num_items: int) -> list[tuple[int, float]]:
    order = sorted(score, key=lambda item: (-np.float32(score[item]), item))
    return [(item, pytest.approx(score[item])) for item in order[:num_items]]


def of_user(found: Proposals, user: int) -> list[tuple[int, float]]:
    own = found.user_P == user
    return list(zip(found.item_P[own].tolist(), found.score_P[own].tolist(), strict=True))


@pytest.mark.parametrize("seed", range(5))
def test_a_user_is_proposed_what_his_hosts_have(seed: int) -> None:
    evening = Evening(seed)
    found = host_affinity.propose(evening.batch, evening.shelf, num_items=6)
    for user in range(3):
        score = {
            item: share / (place + 1)
            for host, share in evening.shares(user).items()
            for place, item in enumerate(evening.of_host(host))
        }
        assert of_user(found, user) == best(score, 6)


@pytest.mark.parametrize("seed", range(5))
def test_a_user_is_proposed_what_those_he_follows_have(seed: int) -> None:
    evening = Evening(seed)
    found = followed_hosts.propose(evening.batch, evening.shelf, num_items=6)
    for user in range(3):
        score = {
            item: (1 + evening.shares(user).get(host, 0.0)) / (place + 1)
            for host in evening.followed[user]
            for place, item in enumerate(evening.of_host(host))
        }
        assert of_user(found, user) == best(score, 6)


def test_who_follows_nobody_and_knows_no_host_is_proposed_nothing() -> None:
    shelf = shelf_of({"item_no": 1, "host_id": "h"})
    for source in (host_affinity, followed_hosts):
        assert not len(source.propose(batch_of(None, {}), shelf, num_items=5).item_P)
