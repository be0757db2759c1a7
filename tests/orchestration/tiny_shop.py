"""A log of a dozen users over a few days, loaded the way a user loads his own."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np

from etl.days import Days
from etl.home import Home
from etl.sources.adapter import Adapter
from etl.sources.load import load
from etl.sources.mapping import Mapping

FIRST_DAY = date(2026, 1, 1)
"""Where the calendar of a home without a lake begins, so that definitions know these days."""
COLUMNS = ("user", "item", "event", "time", "category", "price")
MAPPING = Mapping(
    format="csv",
    columns={name: name for name in COLUMNS},
    events={word: word for word in ("view", "cart", "order")},
)
NUM_USERS, NUM_ITEMS = 12, 30


def day(number: int) -> date:
    """The n-th day of the shop, from 1."""
    return FIRST_DAY + timedelta(days=number - 1)


def rows_of(when: date, seed: int = 7) -> list[tuple[str, ...]]:
    """What users did on one day: each looks at six items and carts or orders some of them."""
    drawn = np.random.default_rng([seed, when.toordinal()])
    midnight = int(datetime(when.year, when.month, when.day, tzinfo=UTC).timestamp())
    rows = []
    for user in range(NUM_USERS):
        for visit in range(6):
            item = int(drawn.integers(NUM_ITEMS))
            at = midnight + 36_000 + user * 600 + visit * 60
            named = (f"user-{user}", f"item-{item}")
            of_item = (f"category-{item % 5}", f"{item + 1}.50")
            rows.append((*named, "view", str(at), *of_item))
            if drawn.random() < 0.3:
                rows.append((*named, "cart", str(at + 20), *of_item))
            if drawn.random() < 0.1:
                rows.append((*named, "order", str(at + 40), *of_item))
    return rows


def open_shop(home: Home, days: Days) -> None:
    """Load the log of ``days`` into an empty home."""
    rows = [row for when in days for row in rows_of(when)]
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
    lines = text.getvalue().encode().splitlines()
    loaded = load(
        Adapter(MAPPING, file_name="shop.csv"), lines, source="tiny", landing=home.landing
    )
    home.begin(loaded.days[0])


def land_garbage(home: Home, when: date) -> Path:
    """Put a file of lines nobody can read where the log of ``when`` should be."""
    path = home.landing / str(when) / "tiny" / "23-garbage.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b'{"cut": \nnot a line of ours\n\xff\xfe\x00\n' * 5)
    return path
