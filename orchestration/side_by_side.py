"""Runs the steps of a run in one process, several at a time: one Spark session serves them all.

A step of a small night waits most of its time for something that keeps one core busy: planning,
Delta's log, Python. Dagster's own executors run either one step after another, or each in a process
with a Spark of its own. Here threads take the steps that are ready, as its multiprocess executor
lets processes do; what may start when, what is skipped and what is tried again is Dagster's.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from queue import Empty, SimpleQueue
from typing import Final, Self

import dagster as dg
from dagster._core.errors import raise_execution_interrupts
from dagster._core.events import DagsterEvent, EngineEventData
from dagster._core.execution.api import ExecuteRunWithPlanIterable
from dagster._core.execution.compute_logs import create_compute_log_file_key
from dagster._core.execution.context.system import (
    PlanExecutionContext,
    PlanOrchestrationContext,
    StepExecutionContext,
)
from dagster._core.execution.context_creation_job import PlanExecutionContextManager
from dagster._core.execution.plan.active import ActiveExecution
from dagster._core.execution.plan.execute_plan import dagster_event_sequence_for_step
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.executor.base import Executor
from dagster._utils.interrupts import pop_captured_interrupt

from etl import memory, spark

_CANCEL_SECONDS: Final = 0.5
_INTERRUPTED: Final = 130
"""Exit status of a process that ctrl-C ended, by convention."""
_Told = tuple[str, DagsterEvent | BaseException | None]
"""A step's key with an event of it, with what ended its thread, or with None at its end."""


def executor_of(num_steps: int) -> dg.ExecutorDefinition:
    """Declare the executor that runs at most ``num_steps`` at once."""

    @dg.executor(name="side_by_side")
    def side_by_side(_: dg.InitExecutorContext) -> Executor:
        """All steps in one process, several at a time."""
        return SideBySideExecutor(num_steps)

    return side_by_side


class SideBySideExecutor(Executor):
    """Threads of one process take the steps of a run."""

    def __init__(self, num_steps: int) -> None:
        self._num_steps = num_steps

    @property
    def retries(self) -> RetryMode:
        """Steps are tried again by their own policies."""
        return RetryMode.ENABLED

    @property
    def step_dependency_config(self) -> StepDependencyConfig:
        """A step waits for all it depends on."""
        return StepDependencyConfig.default()

    def execute(
        self, plan_context: PlanOrchestrationContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        """Run the plan; its resources are made once, for all steps."""
        keys = execution_plan.step_keys_to_execute
        yield DagsterEvent.engine_event(
            plan_context,
            f"At most {self._num_steps} steps at a time in process {os.getpid()}",
            EngineEventData.in_process(os.getpid(), keys),
        )
        yield from ExecuteRunWithPlanIterable(
            execution_plan=plan_context.execution_plan,
            iterator=self._steps,
            execution_context_manager=PlanExecutionContextManager(
                job=plan_context.job,
                retry_mode=plan_context.retry_mode,
                execution_plan=plan_context.execution_plan,
                run_config=plan_context.run_config,
                dagster_run=plan_context.dagster_run,
                instance=plan_context.instance,
                raise_on_error=plan_context.raise_on_error,
                output_capture=plan_context.output_capture,
                step_dependency_config=self.step_dependency_config,
            ),
        )

    def _steps(
        self, job_context: PlanExecutionContext, execution_plan: ExecutionPlan
    ) -> Iterator[DagsterEvent]:
        with ExitStack() as stack:
            yield from _captured(job_context, execution_plan, stack)
            active = stack.enter_context(execution_plan.start(retry_mode=job_context.retry_mode))
            threads = stack.enter_context(_Threads(self._num_steps))
            yield from self._taken(job_context, active, threads)

    def _taken(
        self, context: PlanExecutionContext, active: ActiveExecution, threads: "_Threads"
    ) -> Iterator[DagsterEvent]:
        retries: dict[str, DagsterEvent] = {}
        while not active.is_complete:
            for step in active.get_steps_to_execute(limit=self._num_steps - threads.num_running):
                threads.run(context.for_step(step, active.get_known_state()))
            if not threads.num_running:
                active.sleep_til_ready()
                continue
            told = threads.wait(active.sleep_interval())  # type: ignore[no-untyped-call]
            if told is not None:
                yield from _handled(context, active, told, retries)


def _handled(
    context: PlanExecutionContext,
    active: ActiveExecution,
    told: _Told,
    retries: dict[str, DagsterEvent],
) -> Iterator[DagsterEvent]:
    """Book what a step told; ``retries`` holds the steps that are to be tried again."""
    key, event = told
    if isinstance(event, BaseException):
        raise event
    if event is None:
        # Only now: an attempt that began before the last one's end would be taken for it.
        if key in retries:
            active.handle_event(retries.pop(key))
        active.verify_complete(context, key)
        yield from active.plan_events_iterator(context)
        return
    yield event
    if event.is_step_up_for_retry:
        retries[key] = event
    else:
        active.handle_event(event)


class _Threads:
    """The threads of a run; where it breaks off, what they still do is cancelled."""

    def __init__(self, num_steps: int) -> None:
        self._pool = ThreadPoolExecutor(num_steps, thread_name_prefix="step")
        self._told: SimpleQueue[_Told] = SimpleQueue()
        self._running: set[Future[None]] = set()
        self.num_running = 0
        """Steps whose end was not told yet."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is not None:
            self._cancel()
        self._pool.shutdown()

    def run(self, step: StepExecutionContext) -> None:
        """Let a thread run a step."""
        self.num_running += 1
        self._running.add(self._pool.submit(self._run, step))

    def wait(self, seconds: float) -> _Told | None:
        """Wait for what a step tells next; None if it told nothing in so many ``seconds`` > 0."""
        try:
            # Dagster keeps ctrl-C for whoever can do something about it: only here anybody waits.
            with raise_execution_interrupts():
                told = self._told.get(timeout=seconds if seconds > 0 else None)
        except Empty:
            return None
        self.num_running -= told[1] is None
        return told

    def _run(self, step: StepExecutionContext) -> None:
        try:
            for event in dagster_event_sequence_for_step(step):
                self._told.put((step.step.key, event))
            memory.give_back()
        except BaseException as error:
            self._told.put((step.step.key, error))
        else:
            self._told.put((step.step.key, None))

    def _cancel(self) -> None:
        """Cancel Spark's jobs, the next ones too, until all steps have ended.

        A second ctrl-C ends the process: what a step does in Python cannot be broken off.
        """
        self._pool.shutdown(wait=False, cancel_futures=True)
        while wait(self._running, _CANCEL_SECONDS).not_done:
            if pop_captured_interrupt():
                os._exit(_INTERRUPTED)
            # Whatever is wrong with Spark by now, the run's own error is what is told.
            with suppress(Exception):
                session = spark.running()
                if session is not None:
                    session.sparkContext.cancelAllJobs()


def _captured(
    context: PlanExecutionContext, plan: ExecutionPlan, stack: ExitStack
) -> Iterator[DagsterEvent]:
    """Keep what the process prints, for the UI."""
    keys = [step.key for step in plan.get_steps_to_execute_in_topo_order()]
    logs = context.instance.compute_log_manager
    log_key = logs.build_log_key_for_run(context.run_id, create_compute_log_file_key())  # type: ignore[no-untyped-call]
    try:
        captured = stack.enter_context(logs.capture_logs(log_key))
    except Exception as error:  # A run without its prints is better than none.
        yield DagsterEvent.engine_event(context, f"what is printed is not kept: {error}")
    else:
        yield DagsterEvent.capture_logs(context, keys, log_key, captured)
