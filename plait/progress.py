"""A run as it goes, told on standard error: drawn on a terminal, a line for each step that ended elsewhere."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from plait.display import is_lively, say
from plait.telling import Happening, Progress, Quiet
from runtime.graph import Graph
from runtime.record import Cancelled, Failed, RunRecord, Started, Succeeded, UndoFailed, Undone


class Lines(Quiet[Happening]):
    """One line for each step that ended."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}

    def take(self, seen: Happening, /) -> None:
        match seen:
            case Started(node, at):
                self._began[node] = at
            case Succeeded(node, at):
                say(f"succeeded  {node}  {self._seconds(node, at)}")
            case Failed(node, at, code):
                say(f"failed     {node}  {self._seconds(node, at)}  {code}")
            case Cancelled(node, at):
                say(f"cancelled  {node}  {self._seconds(node, at)}")
            case Undone(node):
                say(f"undone     {node}")
            case UndoFailed(node):
                say(f"not undone {node}")
            case _:
                pass

    def _seconds(self, node: str, at: float) -> str:
        return f"{at - self._began.get(node, at):.2f} s"


def progress_of(graph: Graph, *, quiet: bool) -> Progress[Happening]:
    """What suits standard error; `quiet` for one who reads JSON."""
    if quiet:
        return Quiet()
    if not is_lively():
        return Lines()
    from plait.live import Drawn  # noqa: PLC0415  # it brings rich, of use on a terminal only

    return Drawn(graph)


def waiting(text: str, *, quiet: bool) -> AbstractContextManager[object]:
    """Inside, a terminal shows that something is under way which says nothing yet."""
    if quiet or not is_lively():
        return nullcontext()
    from plait.live import spinner  # noqa: PLC0415  # it brings rich, of use on a terminal only

    return spinner(text)


def summary(record: RunRecord) -> str:
    """How it ended and how long it took, against one step after another."""
    took = f"{record.wall_seconds:.2f} s, one step after another {record.sequential_seconds:.2f} s"
    several = len(record.nodes) > 1  # a single step is its own sequence
    factor = f", {record.speedup:.1f} times as fast" if several and record.speedup else ""
    return f"{(record.status or 'not run').replace('_', ' ')} in {took}{factor}"
