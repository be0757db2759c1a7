"""What a step cost: wall time, cpu-seconds, and memory of this process, its JVM and its workers."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import psutil

_SAMPLE_SECONDS: Final = 0.5
_MB: Final = 1 << 20


@dataclass(slots=True)
class Cost:
    """Filled when the step ends."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    _cpu_by_pid: dict[int, float] = field(default_factory=dict)

    def sample(self) -> None:
        """Look at all processes once."""
        resident = 0
        for process in _family():
            try:
                times = process.cpu_times()
                self._cpu_by_pid[process.pid] = times.user + times.system
                resident += process.memory_info().rss
            except psutil.NoSuchProcess:
                continue
        self.peak_memory_mb = max(self.peak_memory_mb, resident / _MB)

    @property
    def _total_cpu(self) -> float:
        return sum(self._cpu_by_pid.values())


@contextmanager
def metered() -> Iterator[Cost]:
    """Measure what runs inside: every process that is or becomes a child of this one."""
    cost = Cost()
    cost.sample()
    before, start = cost._total_cpu, time.monotonic()
    is_done = threading.Event()
    sampler = threading.Thread(target=_sample_until, args=(cost, is_done), daemon=True)
    sampler.start()
    try:
        yield cost
    finally:
        is_done.set()
        sampler.join()
        cost.sample()
        cost.wall_seconds = time.monotonic() - start
        cost.cpu_seconds = cost._total_cpu - before


def _sample_until(cost: Cost, is_done: threading.Event) -> None:
    while not is_done.wait(_SAMPLE_SECONDS):
        cost.sample()


def _family() -> list[psutil.Process]:
    own = psutil.Process()
    return [own, *own.children(recursive=True)]
