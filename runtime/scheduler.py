"""Decides what happens next: facts in, commands out. It does no I/O, knows no clock and holds no values.

A node starts once all its predecessors are settled and a live edge leads in; with none it is skipped. The same facts
always give the same commands, so replaying recorded facts into a fresh scheduler resumes a run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from runtime.commands import IN_FLIGHT, CancelRunning, Command, Finish, Forget, Start, State, Undo
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
from runtime.rollbacks import Rollbacks
from runtime.watches import Watches

UNVISITED = (State.PENDING, State.SKIPPED, State.NOT_STARTED)


End = tuple[int, str]  # a node and the action by which it was left


class Scheduler:
    """The state of one run. `take` a fact; carry out the commands it returns, in order."""

    def __init__(self, program: Program) -> None:
        count = len(program.ids)
        self.state: list[State] = [State.PENDING] * count
        self.visits = [0] * count
        self.errors: list[RunError] = []
        self.status: RunStatus = "running"
        self._program = program
        self._waits = list(program.waits)
        self._live = bytearray(count)  # an edge that was taken leads in
        self._broken = bytearray(count)  # its outputs are null for the sake of a failure
        self._asked_to_end = bytearray(count)
        # Settled node -> the action whose edges were taken, None if its edges are dead. Kept where there are loops.
        self._taken: dict[int, str | None] = {}
        self._last: dict[int, State] = {}  # how the last visit ended; kept where there are loops
        self._in_flight = 0
        self._ending: RunStatus | None = None
        self._failed_blocks: set[int] = set()
        self._watches = Watches(program)
        self._going_back: list[End] = []  # ends that close a loop, until all behind its start has settled
        self._rollbacks = Rollbacks(program)
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

    @property
    def not_undone(self) -> list[NodeId]:
        """What had effects that could not be taken back."""
        return self._rollbacks.not_undone

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
        if self._in_flight == 0 and self._rollbacks:  # asked for by the last visit that a loop was allowed
            self._roll_back()
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
        node = self._end(fact.node, State.FAILED, touched=fact.touched)
        if self._program.handles_error(node):
            self._leave(node, "error")
            return
        self._broken[node] = 1
        self.errors.append(RunError(fact.node, fact.code, fact.message))
        self._fail(self._program.block_of[node])
        self._leave(node, None)

    def _cancelled(self, fact: Cancelled) -> None:
        at = self._program.index[fact.node]
        if self.state[at] is State.RUNNING:
            self._end(fact.node, State.CANCELLED, touched=fact.attempts > 0)
        else:
            self.visits[at] -= 1
            self.state[at] = State.NOT_STARTED if self._ending else State.SKIPPED
            self._in_flight -= 1
        self._broken[at] = 1
        self._leave(at, None)

    def _timed_out(self, fact: TimedOut) -> None:
        if self._ending is not None:
            return
        most = "the limit of a run (run_seconds)," if fact.limit else "its timeout of"
        message = f"it took longer than {most} {fact.seconds:g} seconds"
        if fact.block is None:
            self.errors.append(RunError(None, "timeout", message))
            self._fail_whole()
            return
        block = next(at for at, each in enumerate(self._program.blocks) if each.id == fact.block)
        if self._is_late(block, fact.round):
            self.errors.append(RunError(fact.block, "timeout", message))
            if self._program.blocks[block].on_error in (None, "continue"):
                self._drop(block)
            self._fail(block)

    def _is_late(self, block: int, round: int) -> bool:
        """Whether the block still runs in the round that the timer was set for, and nothing around it has failed."""
        is_going = self._watches.is_present(block, round) and self._failed_blocks.isdisjoint(
            self._program.around(block)
        )
        return is_going and any(self.state[node] < State.SKIPPED for node in self._program.members[block])

    def _cancel_requested(self, fact: CancelRequested) -> None:
        self._stop("cancelled")

    def _undone(self, fact: Undone) -> None:
        node = self._program.index[fact.node]
        if fact.node not in self.not_undone:
            self.state[node] = self._last[node] = State.UNDONE
        self._undo_ended()

    def _undo_failed(self, fact: UndoFailed) -> None:
        self.errors.append(RunError(fact.node, fact.code, fact.message))
        self._rollbacks.give_up(fact.node)
        self._undo_ended()

    # --- nodes start and end -----------------------------------------------------------------------------------------

    def _end(self, name: NodeId, state: State, *, touched: bool = True) -> int:
        """A visit is over; `touched` unless it is certain that it had no effects yet."""
        node = self._program.index[name]
        if touched:
            self._rollbacks.note(node, self.visits[node])
        if self._program.behind:
            self._last[node] = state
        self.state[node] = state
        self._in_flight -= 1
        return node

    def _leave(self, node: int, action: str | None) -> None:
        """A settled node releases those that waited for it, or goes back to where a loop begins.

        Without an action (it did not come to one) it goes on as if nothing were said.
        """
        if self._ending is not None:
            return
        if self._rollbacks.cover(node):
            self._rollbacks.hold(node, action)
            return
        goes_back = action in self._program.loops[node] and not self._is_dropped(node)
        if goes_back:
            self._going_back.append((node, action or DEFAULT))
        if not goes_back or action in self._program.targets[node]:
            self._enter(self._released(node, self._program.way(node, action)))

    def _released(self, node: int, taken: str | None) -> deque[int]:
        """The nodes for which this end was the last they waited for; None: all its edges are dead."""
        targets, waits = self._program.targets[node], self._waits
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
        while ready and self._ending is None:
            node = ready.popleft()
            unit = units[node]
            if not self._live[node]:
                ready += self._passed_over(node, None)
            elif unit is None:
                self.state[node] = State.SUCCEEDED
                ready += self._released(node, DEFAULT)
            elif self._is_dropped(node) or (unit.needs and any(self._broken[need] for need in unit.needs)):
                self._broken[node] = 1
                ready += self._passed_over(node, self._program.way(node, None))
            else:
                self._start(node)

    def _passed_over(self, node: int, taken: str | None) -> deque[int]:
        self.state[node] = State.SKIPPED
        if self.visits[node]:
            self._commands.append(Forget(self._program.ids[node]))
        return self._released(node, taken)

    def _start(self, node: int) -> None:
        if self.visits[node] == self._program.max_visits:
            self._end_loop(node)
            return
        self.visits[node] += 1
        self.state[node] = State.READY
        self._asked_to_end[node] = 0
        self._in_flight += 1
        if self._program.blocks:
            self._commands += self._watches.start(node)
        self._commands.append(Start(self._program.ids[node]))

    # --- loops -------------------------------------------------------------------------------------------------------

    def _go_back(self) -> None:
        """Loops of which all that is behind their beginning has settled start anew, together."""
        going, self._going_back = self._going_back, []
        ready, given_up = dict[End, dict[int, None]](), list[End]()
        for end in going:
            node, action = end
            round = dict.fromkeys(each for to in self._program.loops[node][action] for each in self._program.behind[to])
            if self._is_dropped(node):
                given_up.append(end)
            elif any(map(self._is_busy, round)):
                self._going_back.append(end)
            else:
                ready[end] = round
        if ready:
            self._start_anew(ready)
        for node, action in given_up:
            if self.state[node] >= State.SKIPPED and action not in self._program.targets[node]:
                self._leave(node, action)

    def _is_busy(self, node: int) -> bool:
        return self._is_in_flight(node) or self._rollbacks.cover(node)

    def _is_in_flight(self, node: int) -> bool:
        return self.state[node] in IN_FLIGHT

    def _start_anew(self, ready: dict[End, dict[int, None]]) -> None:
        """Each end begins its round; a block that lies in the round, and not around the end, begins anew too."""
        for (node, _), round in ready.items():
            for block in {*self._failed_blocks, *self._watches}:
                if round.keys() >= set(self._program.members[block]) and not self._program.is_inside(node, block):
                    self._failed_blocks.discard(block)
                    self._watches.bring_back(block)
        anew = {node: None for round in ready.values() for node in round}
        self._going_back = [end for end in self._going_back if end[0] not in anew]
        for node in anew:
            self._reset(node, anew)
        targets = dict.fromkeys(to for node, action in ready for to in self._program.loops[node][action])
        for node in targets:
            self._live[node] = 1
        self._enter(deque(node for node in targets if not self._waits[node]))

    def _reset(self, node: int, anew: dict[int, None]) -> None:
        """The node is as before its turn; edges from outside the loop keep what they have said."""
        self.state[node] = State.PENDING
        self._broken[node] = self._live[node] = self._waits[node] = 0
        self._taken.pop(node, None)
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
        self._fail_whole()

    # --- failures ----------------------------------------------------------------------------------------------------

    def _fail(self, block: int, status: RunStatus = "failed") -> None:
        """A failure goes outwards to the innermost mode; a block that is given up fails for the next one around.

        `status` is that of the run, if no mode is said around.
        """
        for at in self._program.around(block):
            mode = self._program.blocks[at].on_error
            if mode == "continue":
                return
            if mode is not None:
                self._drop(at)
                status = "failed"
            if mode == "rollback":
                self._rollbacks.ask(at)
                return
        if not self._program.mode_is_said:
            self._stop(status)
        elif self._program.mode == "fail_fast":
            self._stop("failed")
        elif self._program.mode == "rollback":
            self._undo_all("rolled_back")

    def _fail_whole(self) -> None:
        """What no mode can hold back ends the run as failed; it is undone first if the workflow says so."""
        if self._program.mode == "rollback":
            self._undo_all("failed")
        else:
            self._stop("failed")

    def _undo_all(self, status: RunStatus) -> None:
        if self._ending is None:
            self._rollbacks.ask(ROOT)
            self._stop(status)

    def _drop(self, block: int) -> None:
        """The block has failed: what runs in it is cancelled, what has not begun never will be."""
        self._failed_blocks.add(block)
        self._cancel(self._program.members[block])

    def _is_dropped(self, node: int) -> bool:
        if not self._failed_blocks:
            return False
        return not self._failed_blocks.isdisjoint(self._program.around(self._program.block_of[node]))

    def _stop(self, status: RunStatus) -> None:
        if self._ending is None:
            self._ending = status
            self._going_back.clear()
            self._cancel(range(len(self.state)))

    def _cancel(self, nodes: Iterable[int]) -> None:
        going = [node for node in nodes if self._is_in_flight(node) and not self._asked_to_end[node]]
        for node in going:
            self._asked_to_end[node] = 1
        if going:
            self._commands.append(CancelRunning(tuple(self._program.ids[node] for node in going)))

    # --- rollback ----------------------------------------------------------------------------------------------------

    def _roll_back(self) -> None:
        while (step := self._rollbacks.next(self._is_in_flight)) is not None:
            if isinstance(step, Undo):
                self._in_flight += 1
                self._commands.append(step)
            elif step != ROOT:
                self._fail(self._program.parent[step], "rolled_back")
                for node, action in self._rollbacks.let_go():
                    self._leave(node, action)

    def _undo_ended(self) -> None:
        self._rollbacks.busy = False
        self._in_flight -= 1

    # --- the end -----------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        for node, state in enumerate(self.state):
            if state is State.PENDING:
                self.state[node] = State.NOT_STARTED
            if state in UNVISITED and node in self._last:  # it ran in an earlier round
                self.state[node] = self._last[node]
        self.status = self._ending or ("completed_with_errors" if self.errors else "succeeded")
        if self.not_undone and self.status != "cancelled":
            self.status = "rollback_incomplete"
        self._commands.append(Finish(self.status))
