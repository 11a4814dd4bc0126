"""The processes that came from one, wherever they went: by parentage, and by a mark that they inherit. Linux only.

A process that leaves its group, or whose parent has ended, keeps the mark in its environment. Elsewhere than on Linux
nothing is found here, and only the process group is ended.
"""

from __future__ import annotations

import os
import secrets
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MARK = b"PLAIT_STEP"
ROUNDS = 100  # of killing what is found; a process may fork once more while it is being looked for
_PROC = Path("/proc")


def new_mark() -> bytes:
    """A value for MARK that no other process has."""
    return secrets.token_hex(8).encode()


@dataclass(frozen=True, slots=True)
class Process:
    """A process as its number and its start, so that a number given to another one later is not mistaken for it."""

    number: int
    started: int

    def send(self, number: signal.Signals) -> bool:
        """Whether there was something to send it to."""
        now = _look_at(self.number)
        if now is None or now[0] != self:
            return False
        try:
            os.kill(self.number, number)
        except (ProcessLookupError, PermissionError):
            return False
        return True


def groups_below(root: int) -> set[int]:
    """The process groups of all that descends from a process, but its own."""
    found = set[int]()
    for each in descendants(root):
        with suppress(ProcessLookupError):
            found.add(os.getpgid(each.number))
    return found - {root}


def descendants(*roots: int) -> set[Process]:
    """The children of processes, and theirs."""
    children: dict[int, list[Process]] = {}
    for number in _numbers():
        if (seen := _look_at(number)) is not None:
            children.setdefault(seen[1], []).append(seen[0])
    found, waiting = set[Process](), list(roots)
    while waiting:
        new = children.pop(waiting.pop(), [])
        found.update(new)
        waiting += (each.number for each in new)
    return found


def end_family(known: set[Process], mark: bytes) -> None:
    """Kills the known processes, those that bear the mark and what descends from them, until none is found."""
    for _ in range(ROUNDS):
        alive = {each for each in _held(known | _marked(mark)) if each.send(signal.SIGKILL)}
        if not alive:
            return
        known = alive


def _held(family: set[Process]) -> set[Process]:
    """The family and all that descends from it, stopped: who runs may fork, and nobody finds a child of the dead."""
    held = set[Process]()
    for _ in range(ROUNDS):
        new = {each for each in family - held if each.send(signal.SIGSTOP)}
        if not new:
            break
        held |= new
        family = descendants(*(each.number for each in held))
    return held


def _numbers() -> Iterator[int]:
    try:
        names = os.listdir(_PROC)
    except OSError:
        return
    yield from (int(name) for name in names if name.isdecimal() and int(name) != os.getpid())


def _marked(mark: bytes) -> set[Process]:
    wanted, found = MARK + b"=" + mark, set[Process]()
    for number in _numbers():
        try:
            environment = (_PROC / str(number) / "environ").read_bytes()
        except OSError:  # it has ended, or is another user's
            continue
        if wanted in environment.split(b"\0") and (seen := _look_at(number)) is not None:
            found.add(seen[0])
    return found


def _look_at(number: int) -> tuple[Process, int] | None:
    """A process and its parent's number; None if it has ended, as a zombie or for good."""
    try:
        status = (_PROC / str(number) / "stat").read_bytes()
    except OSError:
        return None
    state, parent, *rest = status.rpartition(b")")[2].split()  # the name before it may hold anything, brackets too
    return None if state in (b"Z", b"X") else (Process(number, int(rest[17])), int(parent))
