"""A run drawn on a terminal while it goes: each step with its state and its time; what runs at once is seen at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from plait.telling import Happening, Items
from runtime.graph import Graph, Node
from runtime.record import Begun, Cancelled, Failed, RunRecord, Started, Succeeded, Undone
from runtime.views.drawing import plain

BAR = 24  # characters for the whole time of the run
LOOKS = {
    "not_started": ("·", "dim"),
    "running": ("▶", "cyan"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "bold red"),
    "cancelled": ("■", "yellow"),
    "undone": ("↶", "yellow"),
    "skipped": ("–", "dim"),
}


@dataclass(slots=True)
class _Step:
    node: Node
    state: str = "not_started"
    began: float | None = None
    ended: float | None = None
    note: str = ""


class Drawn:
    """Redraws itself until the run has ended; the last drawing stays."""

    def __init__(
        self, graph: Graph, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._steps = {node.id: _Step(node) for node in graph.steps}
        self._console = console or Console(stderr=True)
        self._clock, self._zero = clock, clock()
        self._wall: float | None = None
        self._live = Live(
            get_renderable=self.table,
            console=self._console,
            refresh_per_second=10,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Drawn:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def take(self, seen: Happening, /) -> None:
        match seen:
            case Begun():
                self._zero = self._clock()
            case Started(node, at):
                step = self._step(node)
                step.state, step.began, step.ended = "running", at, None
            case Succeeded(node, at):
                self._end(node, "succeeded", at)
            case Failed(node, at, code):
                self._end(node, "failed", at, code)
            case Cancelled(node, at):
                self._end(node, "cancelled", at)
            case Undone(node):
                self._step(node).state = "undone"
            case Items(node, done, count):
                self._step(node).note = f"{done} of {count}"
            case RunRecord():
                self._finish(seen)
            case _:
                pass

    def _end(self, name: str, state: str, at: float, note: str = "") -> None:
        step = self._step(name)
        step.state, step.ended, step.note = state, at, note or step.note

    def _step(self, name: str) -> _Step:
        return self._steps[name]  # type: ignore[index]  # a node's id is a str

    def _finish(self, record: RunRecord) -> None:
        self._wall = record.wall_seconds
        for step in self._steps.values():
            step.state = record.nodes[step.node.id].status

    def table(self) -> Table:
        """The drawing as it is now."""
        now = self._clock() - self._zero if self._wall is None else self._wall
        table = Table.grid(padding=(0, 2))
        shown = self._shown()
        for step in shown:
            sign, style = LOOKS.get(step.state, ("?", ""))
            seconds = "" if step.began is None else f"{_until(step, now) - step.began:.2f} s"
            said = [sign, plain(step.node.id), plain(step.node.type), _bar(step, now), seconds, plain(step.note)]
            table.add_row(*(Text(each, style) for each in said))
        if len(shown) < len(self._steps):
            table.add_row("", Text(f"and {len(self._steps) - len(shown)} more", "dim"))
        return table

    def _shown(self) -> list[_Step]:
        """What fits: where not all do, those that run or failed first, then those that ended last."""
        room = max(self._console.height - 3, 1)
        steps = list(self._steps.values())
        if len(steps) <= room:
            return steps
        ranked = sorted(steps, key=lambda step: (step.state not in ("running", "failed"), -(step.ended or 0.0)))
        kept = {step.node.id for step in ranked[:room]}
        return [step for step in steps if step.node.id in kept]


def spinner(text: str) -> Live:
    """A line that moves until it is left, and leaves nothing behind."""
    return Live(Spinner("dots", Text(text)), console=Console(stderr=True), transient=True)


def _until(step: _Step, now: float) -> float:
    return now if step.ended is None else step.ended


def _bar(step: _Step, now: float) -> str:
    """When the step ran, on the scale of the whole run so far."""
    if step.began is None or now <= 0:
        return " " * BAR
    start = min(round(BAR * step.began / now), BAR - 1)
    end = max(round(BAR * _until(step, now) / now), start + 1)
    return (" " * start + "━" * (end - start)).ljust(BAR)[:BAR]
