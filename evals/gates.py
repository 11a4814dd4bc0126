"""Thresholds: the name of a score, and the least that its mean may be. They mean the same everywhere. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import isfinite
from typing import ClassVar

from evals.report.figures import PASSED, Cell, Column, cells, score_names
from evals.results import Report
from runtime import PlaitError, nearest

_WRITTEN = re.compile(r"\s*(?:(?P<name>[A-Za-z_][\w.@^-]*)\s*>?=\s*)?(?P<least>[^\s=<>]+)\s*")


class NoSuchScore(PlaitError):
    """A threshold names a score that nothing has. The message names the nearest."""

    exit_code: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class Threshold:
    """`name` is a score's, or `passed` for the part of the cases that passed."""

    name: str
    least: float

    def __str__(self) -> str:
        return f"{self.name}>={self.least:g}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one row of the report came to: a suite with a model and a variant."""

    threshold: Threshold
    row: Column
    found: float

    @property
    def met(self) -> bool:
        return self.found >= self.threshold.least

    def __str__(self) -> str:
        relation = "meets" if self.met else "is below"
        return f"{self.threshold.name} of {', '.join(self.row)}: {self.found:.3g} {relation} {self.threshold}"


def read_threshold(text: str) -> Threshold:
    """`NAME>=X`, `NAME=X` or `X` alone, which is of `passed`. ValueError says what would be right."""
    written = _WRITTEN.fullmatch(text)
    try:
        if written is None or not isfinite(least := float(written["least"])):
            raise ValueError(text)
        return Threshold(written["name"] or PASSED, least)
    except ValueError:
        raise ValueError(f"'{text}' is no threshold; write NAME>=X, for example passed>=0.9") from None


def judge(report: Report, thresholds: Iterable[Threshold]) -> list[Verdict]:
    """Each threshold for each row that has the score. Raises NoSuchScore for a score that none has."""
    found = cells(report)
    known = [name for name in score_names(found) if any(name in numbers(cell) for cell in found)]
    verdicts: list[Verdict] = []
    for threshold in thresholds:
        if threshold.name not in known:
            raise NoSuchScore(f"no case has a score '{threshold.name}'; {nearest(threshold.name, known)}")
        rows = ((cell.column, numbers(cell).get(threshold.name)) for cell in found)
        verdicts += [Verdict(threshold, row, value) for row, value in rows if value is not None]
    return verdicts


def numbers(cell: Cell) -> dict[str, float]:
    """The rates and means of a row; labels have none."""
    return {name: figure.value for name, figure in cell.figures.items() if figure.kind != "labels"}
