"""An eval as it goes, told on standard error: a bar on a terminal, a line for each outcome elsewhere."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol

from evals.results import Outcome
from plait.display import is_lively, say
from plait.outcomes import line_of


class Progress(Protocol):
    """Sees each outcome."""

    def __enter__(self) -> Progress: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def take(self, outcome: Outcome) -> None: ...


class Quiet:
    """Says nothing."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def take(self, outcome: Outcome) -> None:
        pass


class Lines(Quiet):
    """One line for each outcome."""

    def __init__(self, total: int) -> None:
        self._done, self._total = 0, total

    def take(self, outcome: Outcome) -> None:
        self._done += 1
        say(f"{self._done:>{len(str(self._total))}}/{self._total}  {line_of(outcome)}")


def progress_of(total: int, *, quiet: bool) -> Progress:
    """What suits standard error; `quiet` for one who reads JSON."""
    if quiet:
        return Quiet()
    if not is_lively():
        return Lines(total)
    from plait.eval_bar import Bar  # noqa: PLC0415  # it brings rich, of use on a terminal only

    return Bar(total)
