"""Decides what happens next: facts in, commands out. It does no I/O, knows no clock and holds no values.

A node starts once all its predecessors are settled and a live edge leads in; with none it is skipped. The same facts always
give the same commands, so replaying recorded facts into a fresh scheduler resumes a run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple, TypeAlias

from runtime.graph import DEFAULT, NodeId
from runtime.program import Program
from runtime.record import (
    Begun,
    Cancelled,
    CancelRequested,
    Failed,
    Fact,
    RunError,
    RunStatus,
    Started,
    Succeeded,
    TimedOut,
)


class Start(NamedTuple):
    node: NodeId


class CancelRunning(NamedTuple):
    """End these nodes; each answers with a fact of its own when it has."""

    nodes: tuple[NodeId, ...]


class WatchBlock(NamedTuple):
    """A block with a timeout has started; say so if it takes longer than `seconds`."""

    block: str
    seconds: float


class Finish(NamedTuple):
    status: RunStatus


Command: TypeAlias = Start | CancelRunning | WatchBlock | Finish


class State(IntEnum):
    """Where a node stands. From SKIPPED on it is settled."""

    PENDING = 0
    READY = 1  # a Start was given; its attempt may still wait for a place
    RUNNING = 2
    SKIPPED = 3
    SUCCEEDED = 4
    FAILED = 5
    CANCELLED = 6
    NOT_STARTED = 7


class Scheduler:
    """The state of one run. `take` a fact; carry out the commands it returns, in order."""

    def __init__(self, program: Program) -> None:
        self.state: list[State] = [State.PENDING] * len(program.ids)
        self.errors: list[RunError] = []
        self.status: RunStatus = "running"
        self._program = program
        self._waits = list(program.waits)
        self._live = bytearray(len(program.ids))  # an edge that was taken leads in
        self._broken = bytearray(len(program.ids))  # its outputs are null for the sake of a failure
        self._dropped = bytearray(len(program.ids))  # its block has failed before its turn
        self._in_flight = 0
        self._ending: RunStatus | None = None
        self._failed_blocks: set[int] = set()
        self._watched: set[int] = set()
        self._commands: list[Command] = []
        self._takers: dict[type, Callable[..., None]] = {
            Begun: self._begun,
            Started: self._started,
            Succeeded: self._succeeded,
            Failed: self._failed,
            Cancelled: self._cancelled,
            TimedOut: self._timed_out,
            CancelRequested: self._cancel_requested,
        }

    def take(self, fact: Fact) -> list[Command]:
        """What follows from a fact. After Finish nothing does."""
        if self.status != "running":
            return []
        self._commands = []
        self._takers[type(fact)](fact)
        if self._in_flight == 0:
            self._finish()
        return self._commands

    # --- facts -------------------------------------------------------------------------------------------------------

    def _begun(self, fact: Begun) -> None:
        roots = [node for node, count in enumerate(self._waits) if count == 0]
        for node in roots:
            self._live[node] = 1
        self._enter(deque(roots))

    def _started(self, fact: Started) -> None:
        self.state[self._program.index[fact.node]] = State.RUNNING

    def _succeeded(self, fact: Succeeded) -> None:
        node = self._end(fact.node, State.SUCCEEDED)
        self._leave(node, fact.action)

    def _failed(self, fact: Failed) -> None:
        node = self._end(fact.node, State.FAILED)
        targets = self._program.targets[node]
        if "error" in targets:
            self._leave(node, "error")
            return
        self._broken[node] = 1
        self.errors.append(RunError(fact.node, fact.code, fact.message))
        self._fail(self._program.block_of[node])
        self._leave(node, DEFAULT)

    def _cancelled(self, fact: Cancelled) -> None:
        began = self.state[self._program.index[fact.node]] is State.RUNNING
        unbegun = State.NOT_STARTED if self._ending else State.SKIPPED
        node = self._end(fact.node, State.CANCELLED if began else unbegun)
        self._broken[node] = 1
        self._leave(node, DEFAULT)

    def _timed_out(self, fact: TimedOut) -> None:
        message = f"it took longer than its timeout of {fact.seconds:g} seconds"
        if fact.block is None:
            self.errors.append(RunError(None, "timeout", message))
            self._stop("failed")
            return
        block = next(at for at, each in enumerate(self._program.blocks) if each.id == fact.block)
        members = self._program.members[block]
        if block in self._failed_blocks or all(self.state[node] >= State.SKIPPED for node in members):
            return
        self.errors.append(RunError(fact.block, "timeout", message))
        self._drop(block)
        self._fail(block)

    def _cancel_requested(self, fact: CancelRequested) -> None:
        self._stop("cancelled")

    # --- what follows ------------------------------------------------------------------------------------------------

    def _end(self, name: NodeId, state: State) -> int:
        node = self._program.index[name]
        self.state[node] = state
        self._in_flight -= 1
        return node

    def _leave(self, node: int, action: str | None) -> None:
        """A settled node releases those that waited for it; without an action all its edges are dead."""
        if self._ending is None:
            self._enter(self._released(node, action))

    def _released(self, node: int, action: str | None) -> deque[int]:
        targets, waits = self._program.targets[node], self._waits
        taken = action if action in targets else DEFAULT
        ready = deque[int]()
        for each, reached in targets.items():
            alive = action is not None and each == taken
            for target in reached:
                waits[target] -= 1
                if alive:
                    self._live[target] = 1
                if not waits[target]:
                    ready.append(target)
        return ready

    def _enter(self, ready: deque[int]) -> None:
        """Nodes whose predecessors are all settled: started, or passed over, which may make more ready."""
        units = self._program.units
        while ready:
            node = ready.popleft()
            unit = units[node]
            if not self._live[node]:
                self.state[node] = State.SKIPPED
                ready += self._released(node, None)
            elif unit is None:
                self.state[node] = State.SUCCEEDED
                ready += self._released(node, DEFAULT)
            elif self._dropped[node] or (unit.needs and any(self._broken[need] for need in unit.needs)):
                self.state[node] = State.SKIPPED
                self._broken[node] = 1
                ready += self._released(node, DEFAULT)
            else:
                self._start(node)

    def _start(self, node: int) -> None:
        self.state[node] = State.READY
        self._in_flight += 1
        if self._program.blocks:
            self._watch(node)
        self._commands.append(Start(self._program.ids[node]))

    def _watch(self, node: int) -> None:
        for at in self._program.around(self._program.block_of[node]):
            block = self._program.blocks[at]
            if block.timeout is not None and at not in self._watched:
                self._watched.add(at)
                self._commands.append(WatchBlock(block.id, block.timeout))

    def _fail(self, block: int) -> None:
        """A failure goes outwards to the innermost mode; `fail_fast` makes its block fail for the next one around."""
        for at in self._program.around(block):
            mode = self._program.blocks[at].on_error
            if mode == "continue":
                return
            if mode is not None:
                self._drop(at)
        if self._program.mode == "fail_fast":
            self._stop("failed")

    def _drop(self, block: int) -> None:
        """The block has failed: what runs in it is cancelled, what has not begun never will be."""
        self._failed_blocks.add(block)
        members = self._program.members[block]
        for node in members:
            self._dropped[node] = 1
        self._cancel(members)

    def _stop(self, status: RunStatus) -> None:
        if self._ending is None:
            self._ending = status
            self._cancel(range(len(self.state)))

    def _cancel(self, nodes: range | tuple[int, ...]) -> None:
        going = tuple(self._program.ids[node] for node in nodes if self.state[node] in (State.READY, State.RUNNING))
        if going:
            self._commands.append(CancelRunning(going))

    def _finish(self) -> None:
        for node, state in enumerate(self.state):
            if state is State.PENDING:
                self.state[node] = State.NOT_STARTED
        self.status = self._ending or ("completed_with_errors" if self.errors else "succeeded")
        self._commands.append(Finish(self.status))
