"""Decides what happens next: facts in, commands out. It does no I/O, knows no clock and holds no values.

A node starts once all its predecessors are settled and a live edge leads in; with none it is skipped. The same facts
always give the same commands, so replaying recorded facts into a fresh scheduler resumes a run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from runtime.commands import CancelRunning, Command, Finish, Start, State, Undo, WatchBlock
from runtime.graph import DEFAULT, NodeId
from runtime.program import ROOT, Program
from runtime.record import (
    Begun,
    Cancelled,
    CancelRequested,
    Fact,
    Failed,
    RunError,
    RunStatus,
    Started,
    Succeeded,
    TimedOut,
    UndoFailed,
    Undone,
)

IN_FLIGHT = (State.READY, State.RUNNING)

# Failures that come before a node touches anything, so that there is nothing to undo.
BEFORE_EFFECTS = frozenset({"missing_value", "param_type", "capability_denied", "value_not_passable", "batch_items"})


class Scheduler:
    """The state of one run. `take` a fact; carry out the commands it returns, in order."""

    def __init__(self, program: Program) -> None:
        count = len(program.ids)
        self.state: list[State] = [State.PENDING] * count
        self.visits = [0] * count
        self.errors: list[RunError] = []
        self.not_undone: list[NodeId] = []
        self.status: RunStatus = "running"
        self._program = program
        self._waits = list(program.waits)
        self._live = bytearray(count)  # an edge that was taken leads in
        self._broken = bytearray(count)  # its outputs are null for the sake of a failure
        self._dropped = bytearray(count)  # its block has failed before its turn
        self._harmless = bytearray(count)  # it failed before it had effects
        self._taken: dict[
            int, str | None
        ] = {}  # settled node -> the action whose edges were taken, where a loop needs it
        self._in_flight = 0
        self._ending: RunStatus | None = None
        self._failed_blocks: set[int] = set()
        self._rounds: dict[int, int] = {}  # block with a timeout -> how often it has started
        self._ended: dict[int, None] = {}  # nodes that ran, in the order of their ends
        self._going_back: list[int] = []  # targets of loops, until all behind them has settled
        self._rollbacks: list[int] = []  # blocks (ROOT: the run) to undo, in the order of their failures
        self._undoing: int | None = None
        self._held: list[tuple[int, str]] = []  # ends inside a block that is being rolled back
        self._commands: list[Command] = []
        self._takers: dict[type, Callable[..., None]] = {
            Begun: self._begun,
            Started: self._started,
            Succeeded: self._succeeded,
            Failed: self._failed,
            Cancelled: self._cancelled,
            TimedOut: self._timed_out,
            CancelRequested: self._cancel_requested,
            Undone: self._undone,
            UndoFailed: self._undo_failed,
        }

    def take(self, fact: Fact) -> list[Command]:
        """What follows from a fact. After Finish nothing does."""
        if self.status != "running":
            return []
        self._commands = []
        self._takers[type(fact)](fact)
        if self._rollbacks:
            self._roll_back()
        if self._going_back:
            self._go_back()
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
        if fact.trouble is not None:
            self.errors.append(RunError(fact.node, *fact.trouble))
        self._leave(self._end(fact.node, State.SUCCEEDED), fact.action)

    def _failed(self, fact: Failed) -> None:
        node = self._end(fact.node, State.FAILED)
        self._harmless[node] = fact.code in BEFORE_EFFECTS
        if "error" in self._program.targets[node] or "error" in self._program.loops[node]:
            self._leave(node, "error")
            return
        self._broken[node] = 1
        self.errors.append(RunError(fact.node, fact.code, fact.message))
        self._fail(self._program.block_of[node])
        self._leave(node, DEFAULT)

    def _cancelled(self, fact: Cancelled) -> None:
        began = self.state[self._program.index[fact.node]] is State.RUNNING
        node = self._end(fact.node, State.CANCELLED if began else self._unbegun())
        self._broken[node] = 1
        self._leave(node, DEFAULT)

    def _timed_out(self, fact: TimedOut) -> None:
        message = f"it took longer than its timeout of {fact.seconds:g} seconds"
        if fact.block is None:
            self.errors.append(RunError(None, "timeout", message))
            self._fail_run("rollback" if self._program.mode == "rollback" else "fail_fast")
            return
        block = next(at for at, each in enumerate(self._program.blocks) if each.id == fact.block)
        over = all(self.state[node] >= State.SKIPPED for node in self._program.members[block])
        if over or block in self._failed_blocks or fact.round != self._rounds.get(block):
            return
        self.errors.append(RunError(fact.block, "timeout", message))
        self._drop(block)
        self._fail(block)

    def _cancel_requested(self, fact: CancelRequested) -> None:
        self._stop("cancelled")

    def _undone(self, fact: Undone) -> None:
        self.state[self._program.index[fact.node]] = State.UNDONE
        self._undo_ended()

    def _undo_failed(self, fact: UndoFailed) -> None:
        self.errors.append(RunError(fact.node, fact.code, fact.message))
        self.not_undone.append(fact.node)
        self._undo_ended()

    # --- nodes start and end -----------------------------------------------------------------------------------------

    def _end(self, name: NodeId, state: State) -> int:
        node = self._program.index[name]
        if self.state[node] is State.RUNNING:
            self._ended.pop(node, None)
            self._ended[node] = None
        self.state[node] = state
        self._in_flight -= 1
        return node

    def _unbegun(self) -> State:
        return State.NOT_STARTED if self._ending else State.SKIPPED

    def _leave(self, node: int, action: str) -> None:
        """A settled node releases those that waited for it, or goes back to where a loop begins."""
        if self._ending is not None:
            return
        if self._rollbacks and any(self._inside(node, block) for block in self._rollbacks):
            self._held.append((node, action))
        elif back := self._program.loops[node].get(action):
            self._going_back += back
        else:
            self._enter(self._released(node, action))

    def _released(self, node: int, action: str | None) -> deque[int]:
        """The nodes for which this end was the last they waited for; without an action all its edges are dead."""
        targets, waits = self._program.targets[node], self._waits
        taken = DEFAULT if action is not None and action not in targets else action
        if self._program.behind:
            self._taken[node] = taken
        ready = deque[int]()
        for each, reached in targets.items():
            for target in reached:
                waits[target] -= 1
                if each == taken:
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
        if self.visits[node] == self._program.max_visits:
            self._end_loop(node)
            return
        self.visits[node] += 1
        self.state[node] = State.READY
        self._in_flight += 1
        if self._program.blocks:
            self._watch(node)
        self._commands.append(Start(self._program.ids[node]))

    def _watch(self, node: int) -> None:
        for at in self._program.around(self._program.block_of[node]):
            block = self._program.blocks[at]
            if block.timeout is not None and self._rounds.get(at, 0) < self.visits[node]:
                self._rounds[at] = self.visits[node]
                self._commands.append(WatchBlock(block.id, block.timeout, self.visits[node]))

    # --- loops -------------------------------------------------------------------------------------------------------

    def _go_back(self) -> None:
        """Once all behind the targets of a loop has settled, it starts anew, from the targets."""
        if self._ending is not None:
            self._going_back.clear()
            return
        anew = dict.fromkeys(node for target in self._going_back for node in self._program.behind[target])
        if any(self.state[node] in IN_FLIGHT for node in anew):
            return
        targets, self._going_back = dict.fromkeys(self._going_back), []
        self._failed_blocks = {at for at in self._failed_blocks if not anew.keys() >= set(self._program.members[at])}
        for node in anew:
            self._forget(node, anew)
        for node in targets:
            self._live[node] = 1
        self._enter(deque(node for node in targets if not self._waits[node]))

    def _forget(self, node: int, anew: dict[int, None]) -> None:
        """The node is as before its turn; edges from outside the loop keep what they have said."""
        self.state[node] = State.PENDING
        self._broken[node] = self._live[node] = self._waits[node] = self._dropped[node] = 0
        for source, action in self._program.arriving.get(node, ()):
            if source in anew or source not in self._taken:
                self._waits[node] += 1
            elif self._taken[source] == action:
                self._live[node] = 1

    def _end_loop(self, node: int) -> None:
        """One visit too many fails the step and the run, whatever any mode says."""
        message = f"it has run {self._program.max_visits} times, and settings.max_visits allows no more"
        self.state[node] = State.FAILED
        self.errors.append(RunError(self._program.ids[node], "loop_limit", message))
        self._stop("failed")

    # --- failures ----------------------------------------------------------------------------------------------------

    def _fail(self, block: int, *, rolled_back: bool = False) -> None:
        """A failure goes outwards to the innermost mode; a block that is given up fails for the next one around."""
        for at in self._program.around(block):
            match self._program.blocks[at].on_error:
                case "continue":
                    return
                case "fail_fast":
                    self._drop(at)
                case "rollback":
                    self._drop(at)
                    self._rollbacks.append(at)
                    return
                case None:
                    pass
        if rolled_back and not self._program.mode_is_said:
            self._stop("rolled_back")
        else:
            self._fail_run(self._program.mode)

    def _fail_run(self, mode: str) -> None:
        if mode == "fail_fast":
            self._stop("failed")
        elif mode == "rollback" and self._ending is None:
            self._rollbacks.append(ROOT)
            self._stop("rolled_back")

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

    def _cancel(self, nodes: Iterable[int]) -> None:
        going = tuple(self._program.ids[node] for node in nodes if self.state[node] in IN_FLIGHT)
        if going:
            self._commands.append(CancelRunning(going))

    # --- rollback ----------------------------------------------------------------------------------------------------

    def _roll_back(self) -> None:
        """One undo at a time, latest finished first, once all that ran inside has ended."""
        while self._rollbacks and self._undoing is None:
            block = self._rollbacks[-1]
            inside = [node for node in range(len(self.state)) if self._inside(node, block)]
            if any(self.state[node] in IN_FLIGHT for node in inside):
                return
            to_undo = [node for node in reversed(self._ended) if self._inside(node, block) and self._has_effects(node)]
            undo = next((node for node in to_undo if self._can_undo(node)), None)
            if undo is None:
                self._rolled_back(self._rollbacks.pop(), to_undo)
                continue
            del self._ended[undo]
            self._undoing = undo
            self._in_flight += 1
            self._commands.append(Undo(self._program.ids[undo]))

    def _inside(self, node: int, block: int) -> bool:
        return block == ROOT or block in self._program.around(self._program.block_of[node])

    def _has_effects(self, node: int) -> bool:
        unit = self._program.units[node]
        return unit is not None and not self._harmless[node] and (unit.effectful or unit.undoable)

    def _can_undo(self, node: int) -> bool:
        unit = self._program.units[node]
        return unit is not None and unit.undoable

    def _undo_ended(self) -> None:
        self._undoing = None
        self._in_flight -= 1

    def _rolled_back(self, block: int, left: list[int]) -> None:
        self.not_undone += [self._program.ids[node] for node in left]
        for node in left:
            del self._ended[node]
        if block == ROOT:
            return
        held, self._held = self._held, []
        self._fail(self._program.parent[block], rolled_back=True)
        for node, action in held:
            self._leave(node, action)

    # --- the end -----------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        for node, state in enumerate(self.state):
            if state is State.PENDING:
                self.state[node] = State.NOT_STARTED
        self.status = self._ending or ("completed_with_errors" if self.errors else "succeeded")
        if self.status == "rolled_back" and self.not_undone:
            self.status = "rollback_incomplete"
        self._commands.append(Finish(self.status))
