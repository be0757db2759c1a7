from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from simulator.behaviour.attraction import attraction
from simulator.day import NONE
from simulator.truth import truth_tables
from simulator.world.words import COUNTRIES, PLATFORMS
from tests.simulator.shops import simulated


def rows(folder: Path, name: str) -> list[dict]:
    return pq.read_table(folder / f"{name}.parquet").to_pylist()


def test_the_tables_are_enough_to_say_what_attracts_whom(tmp_path: Path) -> None:
    """Attraction of products without discount or foreign words, from the files alone."""
    shop = simulated()
    world, state = shop.world, shop.states[-1]
    truth_tables.write(world, state, tmp_path)
    users, items = rows(tmp_path, "users"), rows(tmp_path, "items")
    feeling = {
        (row["user_id"], row["topic"]): row["strength"] for row in rows(tmp_path, "interests")
    }
    for row in rows(tmp_path, "intents"):
        key = (row["user_id"], row["topic"])
        feeling[key] = feeling.get(key, 0.0) + row["strength"]
    added = {(r["last_topic"], r["topic"]): r["logit"] for r in rows(tmp_path, "succession")}
    assert len(added) == len(world.topics) ** 2
    taste = world.dials.taste

    for user in range(0, 600, 60):
        for item in range(0, 300, 30):
            one, other = users[user], items[item]
            if other["is_on_sale"] or other["language"] != "en":
                continue
            logit = other["logit"] + feeling.get((one["user_id"], other["topic"]), 0.0)
            logit += taste.style_weight * np.dot(one["taste"], other["style"])
            distance = (other["price_z"] - one["price_wanted"]) ** 2
            logit -= one["price_sensitivity"] * taste.price_weight * distance
            place = world.users.country_U[user] * len(PLATFORMS) + world.users.platform_U[user]
            logit += world.cross_GP[place, world.items.department_N[item]]
            logit += added.get((one["last_topic"], other["topic"]), 0.0)
            logit += np.dot(one["people"], other["maker"])
            found = attraction(world, state, np.array([user]), np.array([item]), state.day + 1)
            assert found[0] == pytest.approx(1 / (1 + np.exp(-logit)), rel=1e-4)
    assert len(COUNTRIES) * len(PLATFORMS) == len(world.cross_GP)


def test_each_known_item_and_each_interest_is_there_once(tmp_path: Path) -> None:
    shop = simulated()
    world, state = shop.world, shop.states[5]
    truth_tables.write(world, state, tmp_path)

    items, interests = rows(tmp_path, "items"), rows(tmp_path, "interests")

    assert len(items) == int((world.items.born_N <= 4).sum()) == len({r["item_id"] for r in items})
    assert sum(row["is_latent"] for row in interests) == (world.users.latent_UA != NONE).sum()
    assert sum(not row["is_latent"] for row in interests) == (world.users.interest_UL != NONE).sum()
    assert len(rows(tmp_path, "topics")) == len(world.topics)
    assert len(rows(tmp_path, "intents")) == (state.intent_UM != NONE).sum()
