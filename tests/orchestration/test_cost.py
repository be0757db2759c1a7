import os
import time

import psutil
import pytest

from orchestration.cost import memory_of, metered, metered_step


def _busy(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_steps_that_run_at_once_share_what_is_used_and_others_count_all() -> None:
    with metered() as whole:
        with metered_step() as first, metered_step() as second:
            _busy(0.4)
        with metered_step() as third:
            _busy(0.2)

    assert first.cpu_seconds == pytest.approx(second.cpu_seconds, abs=0.05)
    assert third.cpu_seconds >= 0.15
    of_steps = first.cpu_seconds + second.cpu_seconds + third.cpu_seconds
    assert of_steps == pytest.approx(whole.cpu_seconds, abs=0.15)
    assert whole.cpu_seconds >= 0.5
    assert first.wall_seconds > 0
    assert first.peak_memory_mb > 10


def test_what_a_fork_shares_counts_once() -> None:
    shared = bytearray(os.urandom(64 << 20))
    alone = memory_of(psutil.Process())
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.read(read, 1)
        os._exit(0)
    try:
        both = memory_of(psutil.Process()) + memory_of(psutil.Process(child))
    finally:
        os.write(write, b".")
        os.waitpid(child, 0)

    assert len(shared) == 64 << 20
    assert both < alone + (32 << 20)
