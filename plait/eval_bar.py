"""The bar of an eval on a terminal, above it what did not pass."""

from __future__ import annotations

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from evals.results import Outcome
from plait.display import harmless
from plait.outcomes import line_of


class Bar:
    """Moves with each outcome."""

    def __init__(self, total: int, console: Console | None = None) -> None:
        columns = (
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
        )
        self._bar = Progress(*columns, console=console or Console(stderr=True))
        self._task = self._bar.add_task("", total=total)

    def __enter__(self) -> Bar:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def take(self, outcome: Outcome) -> None:
        if not outcome.passed:
            self._bar.console.print(harmless(line_of(outcome)), markup=False, highlight=False)
        self._bar.update(self._task, advance=1, description=f"{outcome.suite}/{outcome.case}")
