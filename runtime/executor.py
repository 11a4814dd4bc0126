"""The asyncio shell: carries out the scheduler's commands and owns every task of a run. It decides nothing."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from runtime.attempt import Outcome, Seat, run_attempts, settled
from runtime.batch import run_batch
from runtime.bounds import DEFAULTS, Limits
from runtime.commands import CancelRunning, Command, Finish, Forget, Start, Undo, WatchBlock
from runtime.completion import CompletionClient
from runtime.grants import Grants
from runtime.graph import NodeId
from runtime.issues import JsonValue
from runtime.limits import Places
from runtime.node_types import NodeContext, NodeFailed
from runtime.program import ERRORS, Program, Task, Unit
from runtime.record import (
    Begun,
    Cancelled,
    CancelRequested,
    Fact,
    Failed,
    Started,
    Succeeded,
    TimedOut,
    UndoFailed,
    Undone,
)
from runtime.sandbox import Sandbox
from runtime.scheduler import Scheduler
from runtime.threads import in_thread, outlast
from runtime.workflow import JsonObject

MAX_THREADS = 10_000
Visit = tuple[NodeId, int]


def ignore(fact: object) -> None:
    return None


def ignore_items(node: NodeId, done: int, count: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a run is given from outside.

    `jitter` returns 0 to 1; `clock` tells the machine's seconds; `on_fact` sees each fact as it is
    recorded, `on_items` how many items of a batch are done.
    """

    run_id: str
    directory: Path
    grants: Grants
    completions: CompletionClient | None = None
    on_fact: Callable[[Fact], None] = ignore
    jitter: Callable[[], float] = random.random
    on_items: Callable[[NodeId, int, int], None] = ignore_items
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    sandbox: Sandbox | None = None
    limits: Limits = DEFAULTS
    clock: Callable[[], float] = time.monotonic


class _Scope(dict[str, JsonValue]):
    """The values references see. A step with none to give (skipped, cancelled, failed) gives null for each output."""

    def __init__(self, program: Program, inputs: JsonObject, secrets: Mapping[str, str]) -> None:
        self._program = program
        super().__init__(workflow=inputs, secret=dict[str, JsonValue](secrets))
        self._errors: JsonObject = dict.fromkeys(program.ids)
        self[ERRORS] = self._errors

    def fail(self, name: str, outputs: JsonObject, failure: NodeFailed) -> None:
        self[name] = outputs
        self._errors[name] = {"code": failure.code, "message": failure.message}

    def succeed(self, name: str, outputs: JsonObject) -> None:
        self[name] = outputs
        self._errors[name] = None

    def forget(self, name: str) -> None:
        """What an earlier round of a loop has left is void."""
        self.withhold(name)
        self._errors[name] = None

    def withhold(self, name: str) -> None:
        """The outputs are null for all who refer to them; the error stays."""
        self.pop(name, None)

    def __missing__(self, name: str) -> JsonValue:
        unit = self._program.units[self._program.index[NodeId(name)]]
        return dict.fromkeys(unit.outputs) if unit else None


@dataclass(slots=True)
class Executor:
    """One run of one program. `run` returns when everything it started has ended."""

    program: Program
    inputs: JsonObject
    surroundings: Surroundings
    scheduler: Scheduler = field(init=False)
    scope: _Scope = field(init=False)
    grants: Grants = field(init=False)
    facts: list[Fact] = field(default_factory=list)
    _places: Places = field(init=False)
    _running: dict[NodeId, asyncio.Task[Outcome]] = field(default_factory=dict)
    _queued: dict[NodeId, Callable[[], None]] = field(default_factory=dict)
    _cancelling: set[NodeId] = field(default_factory=set)
    _kept: dict[Visit, list[JsonValue]] = field(default_factory=dict)
    _undos: dict[Visit, Task | NodeFailed] = field(default_factory=dict)
    _undoing: asyncio.Task[NodeFailed | None] | None = None
    _timers: list[asyncio.TimerHandle] = field(default_factory=list)
    _pool: ThreadPoolExecutor | None = None
    _loop: asyncio.AbstractEventLoop = field(init=False)
    _finished: asyncio.Future[None] = field(init=False)
    _zero: float = 0.0

    def __post_init__(self) -> None:
        self.scheduler = Scheduler(self.program)
        self.scope = _Scope(self.program, self.inputs, self.surroundings.secrets)
        self.grants = self.surroundings.grants
        self._places = Places(self.program.limits)

    async def run(self) -> None:
        """Runs to the end. Cancelled from outside, it ends what it started, keeps the facts, raises CancelledError."""
        self._loop = asyncio.get_running_loop()
        self._finished = self._loop.create_future()
        self._zero = self._loop.time()
        try:
            self._watch(None, self.program.graph.settings.timeout)
            self._end_at(self.surroundings.clock() + self.surroundings.limits.run_seconds)
            self.take(Begun(0.0))
            await self._until_finished()
        finally:
            await self._close()

    async def _close(self) -> None:
        """Nothing of the run outlives it; tasks are left only where a defect of ours broke it off."""
        for timer in self._timers:
            timer.cancel()
        for node, task in self._running.items():
            if node not in self._cancelling:
                task.cancel()
        try:
            await outlast(self._running.values())
            await outlast([] if self._undoing is None else [self._undoing])
        finally:
            if self._pool is not None:
                self._pool.shutdown(wait=True)

    async def _until_finished(self) -> None:
        """Cancelled again while the run drains, it waits on: the record is whole only when all has ended."""
        interrupted = False
        while not self._finished.done():
            try:
                await asyncio.shield(self._finished)
            except asyncio.CancelledError:
                interrupted = True
                self.cancel()
        self._finished.result()
        if interrupted:
            raise asyncio.CancelledError

    def cancel(self) -> None:
        """Asks the run to end; it does when all that runs has been ended."""
        self.take(CancelRequested(self.now()))

    def now(self) -> float:
        return self._loop.time() - self._zero

    # --- facts in, commands out --------------------------------------------------------------------------------------

    def take(self, fact: Fact) -> None:
        """Records a fact and does what the scheduler makes of it."""
        if self._finished.done():
            return
        try:
            self.facts.append(fact)
            self.surroundings.on_fact(fact)
            for command in self.scheduler.take(fact):
                self._do(command)
        except BaseException as defect:  # noqa: BLE001  # nobody else would hear of it, and the run would wait for ever
            self._break_off(defect)

    def _break_off(self, defect: BaseException) -> None:
        """A defect of ours, or of who listens to the facts, ends the run with its exception."""
        if not self._finished.done():
            self._finished.set_exception(defect)

    def _do(self, command: Command) -> None:
        match command:
            case Start(node):
                self._start(self._unit(node))
            case CancelRunning(nodes):
                for node in nodes:
                    self._cancel(node)
            case WatchBlock(block, seconds, round):
                self._watch(block, seconds, round)
            case Forget(node):
                self.scope.forget(node)
            case Undo(node, visit):
                self._undo(self._unit(node), visit)
            case Finish():
                self._finished.set_result(None)

    def _unit(self, node: NodeId) -> Unit:
        unit = self.program.units[self.program.index[node]]
        assert unit is not None, "a barrier is never started"
        return unit

    def _start(self, unit: Unit) -> None:
        seat = Seat(self._places, unit.limits)
        if not unit.limits or unit.batch is not None:
            self._spawn(unit, seat)
            return

        def granted() -> None:
            self._queued.pop(unit.id, None)
            seat.held = True
            self._spawn(unit, seat)

        self._queued[unit.id] = granted
        self._places.request(unit.limits, granted)

    def _spawn(self, unit: Unit, seat: Seat) -> None:
        self._cancelling.discard(unit.id)
        task = self._loop.create_task(self._work(unit, seat))
        task.add_done_callback(partial(self._ended, unit, seat))
        self._running[unit.id] = task
        self.take(Started(unit.id, self.now()))

    def _work(self, unit: Unit, seat: Seat) -> Coroutine[None, None, Outcome]:
        if unit.batch is None:
            return run_attempts(unit, self.scope, self, seat)
        seat.attempts = 1
        told = partial(self.surroundings.on_items, unit.id)
        return run_batch(unit, unit.batch, self.scope, self, self._places, told, self.surroundings.limits.batch_items)

    def _ended(self, unit: Unit, seat: Seat, task: asyncio.Task[Outcome]) -> None:
        """Every task of a node ends here, with one fact."""
        try:
            del self._running[unit.id]
            fact = self._fact(unit, seat, task)
            if unit.undo is not None:
                self._keep_undo(unit, unit.undo)
            if isinstance(fact, Failed) and not self.program.handles_error(self.program.index[unit.id]):
                self.scope.withhold(unit.id)
            self.take(fact)
            seat.leave()  # after the fact: what it ends must not get the place first
        except BaseException as defect:  # noqa: BLE001  # as in `take`
            self._break_off(defect)

    def _fact(self, unit: Unit, seat: Seat, task: asyncio.Task[Outcome]) -> Fact:
        if task.cancelled() and unit.id in self._cancelling:
            self.scope.forget(unit.id)
            return Cancelled(unit.id, self.now(), seat.attempts)
        outcome = NodeFailed("node_error", "it cancelled itself") if task.cancelled() else task.result()
        return self._outcome(unit, seat.attempts, outcome)

    def _outcome(self, unit: Unit, attempts: int, outcome: Outcome) -> Fact:
        now, name = self.now(), unit.id
        if isinstance(outcome, NodeFailed):
            outputs = {**dict.fromkeys(unit.outputs), **outcome.outputs}
            self.scope.fail(name, outputs, outcome)
            return Failed(name, now, outcome.code, outcome.message, outputs, attempts, outcome.touched)
        self.scope.succeed(name, outcome.outputs)
        return Succeeded(name, now, outcome.outputs, outcome.action, attempts, outcome.trouble)

    # --- undo --------------------------------------------------------------------------------------------------------

    def _visit(self, node: NodeId) -> Visit:
        return node, self.scheduler.visits[self.program.index[node]]

    def _keep_undo(self, unit: Unit, undo: Task) -> None:
        """Its references mean what they did when the visit ended, whatever later rounds of a loop bring."""
        try:
            self._undos[self._visit(unit.id)] = settled(undo, self.scope)
        except NodeFailed as failure:
            self._undos[self._visit(unit.id)] = failure

    def _undo(self, unit: Unit, visit: int) -> None:
        """Nothing cancels an undo: half taken back is worse than not at all."""
        self._undoing = self._loop.create_task(self._take_back(unit, (unit.id, visit)))
        self._undoing.add_done_callback(partial(self._taken_back, unit))

    async def _take_back(self, unit: Unit, visit: Visit) -> NodeFailed | None:
        if unit.undo is None:
            return await self._restore(unit, self._kept.pop(visit, []))
        undo, seat = self._undos.pop(visit), Seat(self._places, unit.undo.limits)
        if isinstance(undo, NodeFailed):
            return undo
        await seat.take()
        try:
            outcome = await run_attempts(undo, self.scope, self, seat)
        finally:
            seat.leave()
        return outcome if isinstance(outcome, NodeFailed) else None

    async def _restore(self, unit: Unit, notes: list[JsonValue]) -> NodeFailed | None:
        """What the type's attempts kept, taken back in reverse; what fails does not keep the rest from it."""
        assert unit.type.undo is not None, "the scheduler asks only for what can be undone"
        failures = list[str]()
        for note in reversed(notes):
            try:
                await in_thread(self.threads(), partial(unit.type.undo, note))
            except Exception as error:  # noqa: BLE001  # anyone's code; its failure is the undo's, and the run goes on to say so
                failures.append(f"{type(error).__name__}: {error}")
        return NodeFailed("undo_failed", "; ".join(failures)) if failures else None

    def _taken_back(self, unit: Unit, task: asyncio.Task[NodeFailed | None]) -> None:
        try:
            failure = NodeFailed("undo_failed", "it was broken off") if task.cancelled() else task.result()
            message = f"the undo of '{unit.id}' failed: {failure}"
            now = self.now()
            self.take(Undone(unit.id, now) if failure is None else UndoFailed(unit.id, now, "undo_failed", message))
        except BaseException as defect:  # noqa: BLE001  # as in `take`
            self._break_off(defect)

    def _cancel(self, node: NodeId) -> None:
        self._cancelling.add(node)
        queued = self._queued.pop(node, None)
        if queued is not None:
            self._places.withdraw(self._unit(node).limits, queued)
            self._loop.call_soon(self.take, Cancelled(node, self.now()))
        else:
            self._running[node].cancel()

    def _watch(self, block: str | None, seconds: float | None, round: int = 1) -> None:
        if seconds is not None:
            ring = self._loop.call_later(seconds, lambda: self.take(TimedOut(block, self.now(), seconds, round)))
            self._timers.append(ring)

    def _end_at(self, end: float) -> None:
        """The limit of a run is in the machine's own seconds: where the loop's pass faster, it is looked at again."""
        left = end - self.surroundings.clock()
        if left > 0:
            self._timers.append(self._loop.call_later(left, self._end_at, end))
        else:
            self.take(TimedOut(None, self.now(), self.surroundings.limits.run_seconds, limit=True))

    # --- what an attempt sees ----------------------------------------------------------------------------------------

    def context(self, task: Task, attempt: int) -> NodeContext:
        given = self.surroundings
        keep = ignore if task.type.undo is None else self._kept.setdefault(self._visit(task.id), []).append
        return NodeContext(
            given.run_id,
            task.id,
            attempt,
            given.directory,
            given.completions,
            task.actions,
            keep,
            grants=given.grants,
            sandbox=given.sandbox,
            limits=given.limits,
        )

    def threads(self) -> ThreadPoolExecutor:
        """A `def` node needs a thread of its own: branches may wait for each other, so there is no small pool."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(max_workers=MAX_THREADS, thread_name_prefix="plait")
        return self._pool

    def jitter(self) -> float:
        return self.surroundings.jitter()
