"""From what somebody names to a suite and its cassettes: a shipped suite's name, or a file of one's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import ClassVar

from evals.dataset import Suite
from evals.suite_files import load_suite
from runtime import PlaitError

HERE = Path(__file__).parent
SUITES, CASSETTES = HERE / "suites", HERE / "cassettes"


class NotFound(PlaitError):
    """A suite or a case was named that is not there. The message names the nearest."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class Found:
    """A suite and the root of its cassettes."""

    suite: Suite
    cassettes: Path

    def only(self, cases: Sequence[str]) -> Found:
        """The suite with those of its cases that are named."""
        kept = tuple(each for each in self.suite.cases if each.id in cases)
        return replace(self, suite=self.suite.model_copy(update={"cases": kept}))


def shipped() -> tuple[str, ...]:
    """The names of the suites that come with plait."""
    return tuple(sorted(path.stem for path in SUITES.glob("*.yaml")))


def find_suite(name: str, cassettes: Path | None = None) -> Found:
    """The shipped suite of that name, else the file; its cassettes lie beside it unless said otherwise.

    Raises NotFound, and InvalidWorkflow with every issue of the file.
    """
    if name in shipped():
        return Found(load_suite(SUITES / f"{name}.yaml"), cassettes or CASSETTES)
    path = Path(name)
    if not path.is_file():
        raise NotFound(f"there is no suite '{name}'; {_nearest(name, shipped())}, or give the path of a suite's file")
    return Found(load_suite(path), cassettes or path.parent / "cassettes")


def select_cases(found: Sequence[Found], cases: Sequence[str]) -> list[Found]:
    """The suites with the named cases alone; all of them where none is named. NotFound if one is in no suite."""
    if not cases:
        return list(found)
    known = [case.id for each in found for case in each.suite.cases]
    if unknown := [name for name in cases if name not in known]:
        raise NotFound("\n".join(f"there is no case '{name}'; {_nearest(name, known)}" for name in unknown))
    return [kept for each in found if (kept := each.only(cases)).suite.cases]


def _nearest(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(known[:12])}"
