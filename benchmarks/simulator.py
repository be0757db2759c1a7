"""How fast the shop is simulated on one core: behaviour, lines, dirt and files.

``python -m benchmarks.simulator --json OUT`` prints and writes cpu seconds by part, lines and
megabytes (before compression) a second. The truth is measured apart: what followed what is found
by an oracle, once a simulation, and is no part of what an app does.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

from simulator.app_log.log_config import LogConfig
from simulator.app_log.spelled import spelled
from simulator.config import ShopConfig
from simulator.landing import Collector, Landed, conclude, land, nothing_flying, remember
from simulator.shop import Shop
from simulator.stage import Stage

MEGA = 1e6
TRUTH = "truth"


class Clock:
    """Cpu seconds of this process, by what they were spent on."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)

    @contextmanager
    def of(self, part: str) -> Iterator[None]:
        """Add what happens inside to ``part``."""
        start = time.process_time()
        yield
        self.seconds[part] += time.process_time() - start


def measure(config: ShopConfig, root: Path) -> dict[str, Any]:
    """Simulate a shop once."""
    clock, stage = Clock(), Stage(root)
    flying, landed = nothing_flying(), list[Landed]()
    with clock.of("world"):
        shop = Shop(config)
        words = spelled(shop.world.names, config.seed)
    to = Collector(words=words, config=LogConfig(seed=config.seed), stage=stage)
    with stage.prepared():
        for _ in range(config.days):
            with clock.of("behaviour"):
                day = shop.next_day()
            with clock.of("lines, dirt, files"):
                landed.append(land(day, flying, to))
            with clock.of(TRUTH):
                remember(day, to)
            flying = landed[-1].flying
        with clock.of(TRUTH):
            conclude(stage, landed)
    return figures(clock, landed)


def figures(clock: Clock, landed: list[Landed]) -> dict[str, Any]:
    """Put cpu seconds, lines and bytes beside one another."""
    num_lines = sum(len(one.events) for one in landed)
    num_bytes = sum(one.num_bytes for one in landed)
    seconds = sum(value for part, value in clock.seconds.items() if part != TRUTH)
    return {
        "cpu_seconds": {part: round(value, 3) for part, value in clock.seconds.items()},
        "lines": num_lines,
        "megabytes": round(num_bytes / MEGA, 1),
        "lines_per_second": round(num_lines / seconds),
        "megabytes_per_second": round(num_bytes / MEGA / seconds, 1),
    }


def main() -> None:
    """Measure, print, and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    for option, default in (("users", 5000), ("items", 3000), ("days", 21), ("seed", 7)):
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument("--json", type=Path)
    asked = vars(parser.parse_args())
    out = asked.pop("json")
    pa.set_cpu_count(1)
    with TemporaryDirectory() as folder:
        found = {"shop": asked, **measure(ShopConfig(**asked), Path(folder))}
    said = json.dumps(found, indent=1)
    print(said)  # noqa: T201 - a benchmark prints
    if out is not None:
        out.write_text(said + "\n")


if __name__ == "__main__":
    main()
