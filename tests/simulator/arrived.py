"""What arrived of a simulated shop's log, told from the shop's own numbers, not from its files."""

from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa

from simulator.app_log.arrivals import DAY_US
from simulator.app_log.dirt import LOSING
from simulator.app_log.hashing import hex_ids
from simulator.app_log.log_config import LogConfig
from simulator.app_log.plan import Plan, planned
from simulator.config import ShopConfig
from simulator.day import EVENT_TYPES, Day
from tests.simulator.shops import simulated


@cache
def events(config: ShopConfig) -> pd.DataFrame:
    """One row an event whose line was not lost, by time; items are the shop's numbers."""
    return _all_days(config, _events)


@cache
def shown(config: ShopConfig) -> pd.DataFrame:
    """One row an item of those among them that showed some."""
    return _all_days(config, _shown)


def _all_days(config: ShopConfig, rows_of: object) -> pd.DataFrame:
    shop = simulated(config, config.days)
    log = LogConfig(seed=config.seed)
    days = [
        rows_of(day, planned(day, names=shop.world.names, config=log))  # type: ignore[operator]
        for day in shop.days
    ]
    return pd.concat(days, ignore_index=True)


def _events(day: Day, plan: Plan) -> pd.DataFrame:
    columns = {
        "event_id": hex_ids(plan.id_E).cast(pa.large_string()).to_pylist(),
        "event_type": np.array(EVENT_TYPES)[day.type_E],
        "user": day.user_E,
        "item": day.item_E,
        "at_us": plan.event_us_E,
        "arrival_day": plan.arrival_us_E // DAY_US,
        "stock": day.stock_E,
        "is_new_item": day.is_new_item_E,
        "watch_ms": day.watch_ms_E,
    }
    return pd.DataFrame(columns)[_survives(plan)]


def _shown(day: Day, plan: Plan) -> pd.DataFrame:
    lengths = np.diff(day.requests.start_R)
    event_I = np.repeat(day.requests.event_R, lengths)
    columns = {
        "user": day.user_E[event_I],
        "item": day.requests.item_I,
        "at_us": plan.event_us_E[event_I],
        "arrival_day": plan.arrival_us_E[event_I] // DAY_US,
    }
    return pd.DataFrame(columns)[_survives(plan)[event_I]]


def _survives(plan: Plan) -> np.ndarray:
    return ~np.isin(plan.kind_E, LOSING)
