"""What outcomes come to: a cell for each suite, model and variant, with a figure for each score. Pure.

What could not be judged is counted apart: it has neither passed nor failed, and is in no figure.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from evals.results import Outcome, Report, Score, Tokens
from evals.statistics import Interval, interval_of, pass_at, pass_every

PASSED = "passed"
OF_COST = frozenset({"tokens", "cost", "seconds"})
"""Scores that a report has columns of its own for."""

LESS_IS_BETTER = OF_COST | {"repairs"}

FIRST = (
    *(PASSED, "valid_first", "valid", "repaired", "meets", "runs", "outputs"),
    *("node_f1", "edge_f1", "order_f1", "parallel_f1", "dependencies", "speedup", "arguments", "repairs"),
)
"""The order in which scores are read; others come after them."""

Kind = Literal["rate", "mean", "labels"]


class Column(NamedTuple):
    """What a cell is of."""

    suite: str
    model: str
    variant: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One score over the outcomes that have it: a rate of assertions, a mean of numbers, or how often each label."""

    kind: Kind
    count: int
    value: float = 0.0
    interval: Interval | None = None
    labels: Mapping[str, int] = field(default_factory=dict)

    @property
    def met(self) -> int:
        """Of a rate: how many."""
        return round(self.value * self.count)


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of the matrix, over all its cases and epochs. `cost_usd` is of the outcomes that say theirs."""

    column: Column
    outcomes: tuple[Outcome, ...]
    figures: Mapping[str, Figure]

    @property
    def cases(self) -> int:
        return len({each.case for each in self.outcomes})

    @property
    def errors(self) -> int:
        return sum(each.passed is None for each in self.outcomes)

    @property
    def usage(self) -> Tokens:
        used = [each.usage for each in self.outcomes]
        return Tokens(
            prompt_tokens=sum(each.prompt_tokens for each in used),
            completion_tokens=sum(each.completion_tokens for each in used),
            cached_tokens=sum(each.cached_tokens for each in used),
        )

    @property
    def cost_usd(self) -> float:
        return sum(each.cost_usd for each in self.outcomes if each.cost_usd is not None)

    @property
    def unknown_costs(self) -> int:
        return sum(each.cost_usd is None for each in self.outcomes)

    @property
    def seconds(self) -> float:
        return sum(each.seconds for each in self.outcomes)


def cells(report: Report) -> tuple[Cell, ...]:
    """The cells of a report, in its order."""
    found: dict[Column, list[Outcome]] = {}
    for outcome in report.outcomes:
        found.setdefault(Column(outcome.suite, outcome.model, outcome.variant), []).append(outcome)
    return tuple(Cell(column, tuple(outcomes), figures(outcomes)) for column, outcomes in sorted(found.items()))


def figures(outcomes: Iterable[Outcome]) -> dict[str, Figure]:
    """`passed`, and every score that a report has no column of its own for, as they first occur."""
    values: dict[str, dict[str, list[Score]]] = {}
    for outcome in outcomes:
        for name, value in scores_of(outcome).items():
            if name not in OF_COST:
                values.setdefault(name, {}).setdefault(outcome.case, []).append(value)
    found = {name: _figure(name, by_case) for name, by_case in values.items()}
    return found | _of_epochs(list(values.get(PASSED, {}).values()))


def _of_epochs(passed: Sequence[Sequence[Score]]) -> dict[str, Figure]:
    """pass@k and pass^k for as many tries as every case has; nothing where that is one."""
    k, count = min(map(len, passed), default=1), sum(map(len, passed))
    if k < 2:
        return {}
    whole = [(len(each), sum(value is True for value in each)) for each in passed]
    return {
        name: Figure("rate", count, sum(chance(k, *each) for each in whole) / len(whole))
        for name, chance in ((f"{PASSED}@{k}", pass_at), (f"{PASSED}^{k}", pass_every))
    }


def scores_of(outcome: Outcome) -> dict[str, Score]:
    """Whether it passed, and its scores; nothing of what could not be judged."""
    return {} if outcome.passed is None else {PASSED: outcome.passed, **outcome.scores}


def score_names(found: Iterable[Cell]) -> list[str]:
    """The names of all figures, in the order in which they are read."""
    return in_order(name for cell in found for name in cell.figures)


def in_order(names: Iterable[str]) -> list[str]:
    """Names without repetition; those that plait knows come first."""
    said = dict.fromkeys(names)
    return [*(name for name in FIRST if name in said), *(name for name in said if name not in FIRST)]


def _figure(name: str, by_case: Mapping[str, list[Score]]) -> Figure:
    values = [value for found in by_case.values() for value in found]
    numbers = [[float(value) for value in found if not isinstance(value, str)] for found in by_case.values()]
    if any(isinstance(value, str) for value in values):
        return Figure("labels", len(values), labels=dict(sorted(Counter(map(str, values)).items())))
    rate = all(isinstance(value, bool) for value in values)
    mean = sum(map(sum, numbers)) / len(values)
    interval = interval_of(numbers, rate=rate)
    if interval is not None and name not in LESS_IS_BETTER and all(0 <= each <= 1 for case in numbers for each in case):
        interval = Interval(max(interval.low, 0.0), min(interval.high, 1.0))
    return Figure("rate" if rate else "mean", len(values), mean, interval)
