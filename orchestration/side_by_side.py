"""Runs the steps of a run in one process, several at a time: one Spark session serves them all.

A step of a small night waits most of its time for something that keeps one core busy: planning,
Delta's log, Python. Dagster's own executors run either one step after another, or each in a process
with a Spark of its own. Here threads take the steps that are ready, as its multiprocess executor
lets processes do; what may start when, what is skipped and what is tried again is Dagster's.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from typing import Final

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

from etl import spark

NAME: Final = "side_by_side"
_Told = tuple[str, DagsterEvent | BaseException | None]
"""A step's key with an event of it, with what ended its thread, or with None at its end."""


def executor_of(num_steps: int) -> dg.ExecutorDefinition:
    """Declare the executor that runs at most ``num_steps`` at once."""

    @dg.executor(name=NAME)
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
            threads = stack.enter_context(_threads(self._num_steps))
            yield from self._taken(job_context, active, threads)

    def _taken(
        self, context: PlanExecutionContext, active: ActiveExecution, threads: ThreadPoolExecutor
    ) -> Iterator[DagsterEvent]:
        told: SimpleQueue[_Told] = SimpleQueue()
        num_running = 0
        while not active.is_complete:
            for step in active.get_steps_to_execute(limit=self._num_steps - num_running):
                threads.submit(_run, context.for_step(step, active.get_known_state()), told)
                num_running += 1
            if not num_running:
                active.sleep_til_ready()
                continue
            # Dagster keeps ctrl-C for whoever can do something about it: only here anybody waits.
            with raise_execution_interrupts():
                key, event = told.get()
            if isinstance(event, BaseException):
                raise event
            if event is not None:
                yield event
                active.handle_event(event)
                continue
            num_running -= 1
            active.verify_complete(context, key)
            yield from active.plan_events_iterator(context)


def _run(step: StepExecutionContext, told: SimpleQueue[_Told]) -> None:
    try:
        for event in dagster_event_sequence_for_step(step):
            told.put((step.step.key, event))
    except BaseException as error:
        told.put((step.step.key, error))
    else:
        told.put((step.step.key, None))


@contextmanager
def _threads(num_steps: int) -> Iterator[ThreadPoolExecutor]:
    """Give threads; where the run breaks off, what Spark still does for them is cancelled."""
    with ThreadPoolExecutor(num_steps, thread_name_prefix="step") as threads:
        try:
            yield threads
        except BaseException:
            session = spark.running()
            if session is not None:
                session.sparkContext.cancelAllJobs()
            raise


def _captured(
    context: PlanExecutionContext, plan: ExecutionPlan, stack: ExitStack
) -> Iterator[DagsterEvent]:
    """Keep what the process prints, for the UI."""
    keys = [step.key for step in plan.get_steps_to_execute_in_topo_order()]
    logs = context.instance.compute_log_manager
    log_key = logs.build_log_key_for_run(context.run_id, create_compute_log_file_key())  # type: ignore[no-untyped-call]
    try:
        captured = stack.enter_context(logs.capture_logs(log_key))
    except OSError as error:
        # A run without its prints is better than none.
        yield DagsterEvent.engine_event(context, f"what is printed is not kept: {error}")
    else:
        yield DagsterEvent.capture_logs(context, keys, log_key, captured)
