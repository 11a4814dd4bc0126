"""What is to be taken back, and in which order: the latest finished first, one visit at a time. Pure.

A rollback waits until nothing runs inside its block; of several, the one asked for last goes first.
"""

from __future__ import annotations

from collections.abc import Callable

from runtime.commands import Undo
from runtime.graph import NodeId
from runtime.program import ROOT, Program

End = tuple[int, str | None]  # a node and the action by which it was left, None if it did not come to one


class Rollbacks:
    """The rollbacks of a run. `not_undone` names what had effects that could not be taken back."""

    def __init__(self, program: Program) -> None:
        self.not_undone: list[NodeId] = []
        self.busy = False  # an undo is under way
        self._program = program
        self._done: list[tuple[int, int]] = []  # visits that may have had effects, in the order of their ends
        self._blocks: list[int] = []  # to undo (ROOT: the run), in the order of their failures
        self._drained: set[int] = set()  # those of them in which nothing runs any more
        self._held: list[End] = []  # ends inside them, which lead on only afterwards

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def note(self, node: int, visit: int) -> None:
        """A visit is over that may have had effects."""
        unit = self._program.units[node]
        if unit is not None and (unit.effectful or unit.undoable):
            self._done.append((node, visit))

    def ask(self, block: int) -> None:
        self._blocks.append(block)

    def cover(self, node: int) -> bool:
        """Whether the node is inside what is being rolled back."""
        return any(self._program.is_inside(node, block) for block in self._blocks)

    def hold(self, node: int, action: str | None) -> None:
        self._held.append((node, action))

    def let_go(self) -> list[End]:
        held, self._held = self._held, []
        return held

    def next(self, is_in_flight: Callable[[int], bool]) -> Undo | int | None:
        """The visit to take back now, or the block of which all has been; None: there is something to wait for."""
        if not self._blocks or self.busy or not self._is_drained(self._blocks[-1], is_in_flight):
            return None
        block = self._blocks[-1]
        for at in reversed(range(len(self._done))):
            node, visit = self._done[at]
            if self._program.is_inside(node, block):
                del self._done[at]
                if self._can_undo(node):
                    self.busy = True
                    return Undo(self._program.ids[node], visit)
                self.give_up(self._program.ids[node])
        self._drained.discard(block)
        return self._blocks.pop()

    def give_up(self, name: NodeId) -> None:
        """The node's effects stay."""
        if name not in self.not_undone:
            self.not_undone.append(name)

    def _can_undo(self, node: int) -> bool:
        unit = self._program.units[node]
        return unit is not None and unit.undoable

    def _is_drained(self, block: int, is_in_flight: Callable[[int], bool]) -> bool:
        """What has failed starts nothing any more, so that this is asked of the nodes until it holds, and not again."""
        if block not in self._drained:
            inside = range(len(self._program.ids)) if block == ROOT else self._program.members[block]
            if any(map(is_in_flight, inside)):
                return False
            self._drained.add(block)
        return True
