"""Thresholds: the name of a score, and the least that its mean may be. They mean the same everywhere. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from math import isfinite
from typing import ClassVar

from evals.results import Outcome, Report
from runtime import PlaitError

PASSED = "passed"
_WRITTEN = re.compile(r"\s*(?:(?P<name>[A-Za-z_][\w.-]*)\s*>?=\s*)?(?P<least>[^\s=<>]+)\s*")


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
    """What one column of the matrix came to."""

    threshold: Threshold
    model: str
    variant: str
    found: float

    @property
    def met(self) -> bool:
        return self.found >= self.threshold.least

    def __str__(self) -> str:
        relation = "meets" if self.met else "is below"
        return f"{self.threshold.name} of {self.model}, {self.variant}: {self.found:.3g} {relation} {self.threshold}"


def read_threshold(text: str) -> Threshold:
    """`NAME>=X`, `NAME=X` or `X` alone, which is of `passed`. ValueError says what would be right."""
    written = _WRITTEN.fullmatch(text)
    try:
        if written is None or not isfinite(least := float(written["least"])):
            raise ValueError(text)
        return Threshold(written["name"] or PASSED, least)
    except ValueError:
        raise ValueError(f"'{text}' is no threshold; write NAME>=X, for example passed>=0.9") from None


def means(outcomes: Iterable[Outcome]) -> dict[str, float]:
    """The mean of every score that has one, over the outcomes that have it; labels have none, nor have errors."""
    values: dict[str, list[float]] = {}
    for outcome in outcomes:
        if outcome.passed is not None:
            scores = {PASSED: outcome.passed, **outcome.scores}
            for name, value in scores.items():
                if not isinstance(value, str):
                    values.setdefault(name, []).append(float(value))
    return {name: sum(found) / len(found) for name, found in sorted(values.items())}


def judge(report: Report, thresholds: Sequence[Threshold]) -> Iterator[Verdict]:
    """Each threshold for each column of the matrix. Raises NoSuchScore."""
    columns: dict[tuple[str, str], list[Outcome]] = {}
    for outcome in report.outcomes:
        columns.setdefault((outcome.model, outcome.variant), []).append(outcome)
    for (model, variant), outcomes in columns.items():
        found = means(outcomes)
        for threshold in thresholds:
            if threshold.name not in found:
                raise NoSuchScore(f"no case has a score '{threshold.name}'; {_nearest(threshold.name, found)}")
            yield Verdict(threshold, model, variant, found[threshold.name])


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    close = get_close_matches(name, names, n=1)
    return f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names)}"
