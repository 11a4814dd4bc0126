"""The blocks with a timeout: which of them run, and how often a loop has brought each back. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from runtime.commands import WatchBlock
from runtime.program import Program


class Watches:
    """A block is watched from the start of its first node until a loop begins it anew."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._rounds: dict[int, int] = {}
        self._watched: set[int] = set()

    def __iter__(self) -> Iterator[int]:
        return iter(self._watched)

    def start(self, node: int) -> Iterator[WatchBlock]:
        """The blocks around a node that start with it."""
        for at in self._program.around(self._program.block_of[node]):
            block = self._program.blocks[at]
            if block.timeout is not None and at not in self._watched:
                self._watched.add(at)
                yield WatchBlock(block.id, block.timeout, self._rounds.setdefault(at, 1))

    def is_present(self, block: int, round: int) -> bool:
        """Whether a timer that was set in some round means the present one."""
        return block in self._watched and self._rounds[block] == round

    def bring_back(self, block: int) -> None:
        if block in self._watched:
            self._watched.remove(block)
            self._rounds[block] += 1
