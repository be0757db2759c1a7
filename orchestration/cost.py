"""What something cost: wall time, cpu-seconds, memory of this process, its JVM and its workers.

Steps run side by side in one process, and nobody can tell whose a second is: each moment's cpu is
shared equally among the steps that run, so that their sum is what the run took.
"""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

_SAMPLE_SECONDS: Final = 0.5
_SHARED_SECONDS: Final = 10.0
_MB: Final = 1 << 20
_PSS: Final = re.compile(rb"^Pss:\s+(\d+) kB", re.MULTILINE)


@dataclass(slots=True)
class Cost:
    """Filled when the step ends."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    """Of all processes, whatever else ran in them; what forks share counts once."""


@dataclass(slots=True)
class _Meter:
    """Looks at all processes, and tells who asked what was used since it last looked."""

    steps: list[Cost] = field(default_factory=list)
    """Share what is used."""
    others: list[Cost] = field(default_factory=list)
    """Count all that is used."""
    _cpu_by_pid: dict[int, float] = field(default_factory=dict)
    _shared_by_pid: dict[int, int] = field(default_factory=dict)
    """Bytes that others count."""
    _shared_until: float = 0.0
    """When what is shared is to be read anew: it costs more than all else here."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _sampler: threading.Thread | None = None

    @contextmanager
    def counting(self, cost: Cost, told: list[Cost]) -> Iterator[None]:
        """Tell a cost what is used meanwhile."""
        with self._lock:
            self._look()
            told.append(cost)
        try:
            yield
        finally:
            with self._lock:
                self._look()
                # By identity: two costs may hold the same figures.
                told[:] = [other for other in told if other is not cost]

    def start(self) -> None:
        """Look now and then from now on; processes that end in between would not be counted."""
        with self._lock:
            if self._sampler is None:
                self._sampler = threading.Thread(target=self._look_on, daemon=True)
                self._sampler.start()

    def _look_on(self) -> None:
        while True:
            time.sleep(_SAMPLE_SECONDS)
            with self._lock:
                if self.steps or self.others:
                    self._look()

    def _look(self) -> None:
        used, resident = 0.0, 0
        if time.monotonic() > self._shared_until:
            self._shared_by_pid.clear()
            self._shared_until = time.monotonic() + _SHARED_SECONDS
        for process in _family():
            try:
                times = process.cpu_times()
                resident += self._own_memory(process)
            except psutil.NoSuchProcess:
                continue
            cpu = times.user + times.system
            used += cpu - self._cpu_by_pid.get(process.pid, 0.0)
            self._cpu_by_pid[process.pid] = cpu
        for told, share in ((self.steps, used / max(len(self.steps), 1)), (self.others, used)):
            for cost in told:
                cost.cpu_seconds += max(share, 0.0)
                cost.peak_memory_mb = max(cost.peak_memory_mb, resident / _MB)

    def _own_memory(self, process: psutil.Process) -> int:
        resident = process.memory_info().rss
        if process.pid not in self._shared_by_pid:
            self._shared_by_pid[process.pid] = resident - memory_of(process)
        return resident - self._shared_by_pid[process.pid]


_meter: Final = _Meter()


def memory_of(process: psutil.Process) -> int:
    """Bytes in memory; of pages that a process shares with others, such as its forks, its part.

    Raises:
        psutil.NoSuchProcess: If it ended.
    """
    # The kernel walks all pages for it, 20 ms a GB; a JVM is large and shares nothing.
    if process.name() == "java":
        return process.memory_info().rss
    try:
        rollup = Path(f"/proc/{process.pid}/smaps_rollup").read_bytes()
    except OSError:  # It ended, is somebody else's, or the system has no such file.
        return process.memory_info().rss
    found = _PSS.search(rollup)
    return int(found[1]) << 10 if found else process.memory_info().rss


@contextmanager
def metered() -> Iterator[Cost]:
    """Measure what runs inside: every process that is or becomes a child of this one."""
    with _measured(_meter.others) as cost:
        yield cost


@contextmanager
def metered_step() -> Iterator[Cost]:
    """Measure a step of a run, beside others that may run at the same time."""
    with _measured(_meter.steps) as cost:
        yield cost


@contextmanager
def _measured(told: list[Cost]) -> Iterator[Cost]:
    cost, start = Cost(), time.monotonic()
    _meter.start()
    try:
        with _meter.counting(cost, told):
            yield cost
    finally:
        cost.wall_seconds = time.monotonic() - start


def _family() -> list[psutil.Process]:
    own = psutil.Process()
    return [own, *own.children(recursive=True)]
