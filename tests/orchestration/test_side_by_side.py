import os
import signal
import threading
from collections.abc import Iterator

import dagster as dg
import pytest

from orchestration.runs import execute
from orchestration.side_by_side import executor_of

WAIT_SECONDS = 20.0


@pytest.fixture
def history() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def ran(
    history: dg.DagsterInstance, *made: dg.AssetsDefinition | dg.AssetChecksDefinition, num: int = 2
) -> dg.ExecuteInProcessResult:
    definitions = dg.Definitions(
        assets=[one for one in made if not isinstance(one, dg.AssetChecksDefinition)],
        asset_checks=[one for one in made if isinstance(one, dg.AssetChecksDefinition)],
        jobs=[dg.define_asset_job("all_of_it")],
        executor=executor_of(num),
    )
    return execute(definitions.resolve_job_def("all_of_it"), history, tags={})


def materialized(result: dg.ExecuteInProcessResult) -> list[str]:
    return [
        event.step_materialization_data.materialization.asset_key.to_user_string()
        for event in result.get_asset_materialization_events()
    ]


def test_steps_that_wait_for_nothing_run_at_once(history: dg.DagsterInstance) -> None:
    both = threading.Barrier(2)

    @dg.asset
    def first() -> None:
        both.wait(WAIT_SECONDS)

    @dg.asset
    def second() -> None:
        both.wait(WAIT_SECONDS)

    result = ran(history, first, second)

    assert result.success
    assert sorted(materialized(result)) == ["first", "second"]


def test_no_more_run_at_once_than_are_allowed(history: dg.DagsterInstance) -> None:
    running, most, lock = set[str](), list[int](), threading.Lock()

    def made(name: str) -> dg.AssetsDefinition:
        @dg.asset(name=name)
        def asset() -> None:
            with lock:
                running.add(name)
                most.append(len(running))
            threading.Event().wait(0.05)
            with lock:
                running.remove(name)

        return asset

    result = ran(history, *(made(f"asset_{n}") for n in range(6)), num=2)

    assert result.success
    assert max(most) == 2


def test_who_builds_on_others_waits_for_them(history: dg.DagsterInstance) -> None:
    done: list[str] = []

    @dg.asset
    def below() -> None:
        threading.Event().wait(0.1)
        done.append("below")

    @dg.asset(deps=[below])
    def above() -> None:
        done.append("above")

    assert ran(history, below, above).success
    assert done == ["below", "above"]


def test_a_failed_step_stops_what_builds_on_it_and_nothing_else(
    history: dg.DagsterInstance,
) -> None:
    @dg.asset
    def broken() -> None:
        raise ValueError("no")

    @dg.asset(deps=[broken])
    def above() -> None:
        raise AssertionError("never runs")

    @dg.asset
    def apart() -> None:
        threading.Event().wait(0.2)

    @dg.asset(deps=[apart])
    def above_apart() -> None: ...

    result = ran(history, broken, above, apart, above_apart)

    assert not result.success
    assert sorted(materialized(result)) == ["above_apart", "apart"]
    assert [event.step_key for event in result.all_events if event.is_step_failure] == ["broken"]


def test_a_check_that_blocks_stops_what_follows(history: dg.DagsterInstance) -> None:
    @dg.asset
    def checked() -> None: ...

    @dg.asset_check(asset=checked, blocking=True)
    def promise() -> dg.AssetCheckResult:
        threading.Event().wait(0.1)
        return dg.AssetCheckResult(passed=False)

    @dg.asset(deps=[checked])
    def above() -> None: ...

    result = ran(history, checked, promise, above)

    assert not result.success
    assert materialized(result) == ["checked"]


@pytest.mark.parametrize("delay", [None, 0.05])
def test_a_step_is_tried_again_by_its_policy(
    history: dg.DagsterInstance, delay: float | None
) -> None:
    tries: list[int] = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2, delay=delay))
    def shaky() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise OSError("the disk was busy")

    assert ran(history, shaky).success
    assert len(tries) == 3


def test_what_ends_a_thread_ends_the_run(history: dg.DagsterInstance) -> None:
    @dg.asset
    def interrupted() -> None:
        raise KeyboardInterrupt

    @dg.asset(deps=[interrupted])
    def above() -> None: ...

    assert not ran(history, interrupted, above).success
    [run] = history.get_runs()
    assert run.status in {dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED}


def test_ctrl_c_ends_the_run_at_once(history: dg.DagsterInstance) -> None:
    done: list[str] = []

    @dg.asset
    def interrupted() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        threading.Event().wait(0.5)
        done.append("interrupted")

    @dg.asset(deps=[interrupted])
    def above() -> None:
        done.append("above")

    result = ran(history, interrupted, above)

    assert not result.success
    assert done == ["interrupted"]


def test_a_step_is_tried_again_while_another_still_runs(history: dg.DagsterInstance) -> None:
    is_mended = threading.Event()
    tries: list[int] = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=1, delay=0.05))
    def shaky() -> None:
        tries.append(1)
        if len(tries) < 2:
            raise OSError("the disk was busy")
        is_mended.set()

    @dg.asset
    def long() -> None:
        assert is_mended.wait(WAIT_SECONDS)

    assert ran(history, shaky, long).success
