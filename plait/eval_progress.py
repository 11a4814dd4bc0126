"""An eval as it goes, told on standard error: a bar on a terminal, a line for each outcome elsewhere."""

from __future__ import annotations

from evals.results import Outcome
from plait.display import is_lively, say
from plait.outcomes import line_of
from plait.telling import Progress, Quiet


class Lines(Quiet[Outcome]):
    """One line for each outcome."""

    def __init__(self, total: int) -> None:
        self._done, self._total = 0, total

    def take(self, outcome: Outcome, /) -> None:
        self._done += 1
        say(f"{self._done:>{len(str(self._total))}}/{self._total}  {line_of(outcome)}")


def progress_of(total: int, *, quiet: bool) -> Progress[Outcome]:
    """What suits standard error; `quiet` for one who reads JSON."""
    if quiet:
        return Quiet()
    if not is_lively():
        return Lines(total)
    from plait.eval_bar import Bar  # noqa: PLC0415  # it brings rich, of use on a terminal only

    return Bar(total)
