"""Two reports of the same cases, paired by case and epoch: what became better, what worse, and what is only noise.

What passes or fails is told apart by McNemar's exact test, a number by a paired bootstrap of its difference. Over all
says what `passed` says: one test, chosen beforehand, since of many scores one always differs by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from random import Random
from typing import ClassVar, Literal, NamedTuple

from evals.making import Aspect, aspects
from evals.report.figures import LESS_IS_BETTER, PASSED, in_order, scores_of
from evals.results import Outcome, Report, Score
from evals.statistics import (
    Interval,
    Verdict,
    bootstrap,
    changes,
    mcnemar,
    mean,
    verdict_by_interval,
    verdict_by_split,
)
from runtime import PlaitError

SEED = 4  # any: the same reports always give the same figures
OPPOSITE: Mapping[Verdict, Verdict] = {"better": "worse", "worse": "better"}


class Unclear(PlaitError):
    """A report has several models or variants and none is named, or none that is named."""

    exit_code: ClassVar[int] = 2


class Place(NamedTuple):
    """What two outcomes have in common."""

    suite: str
    case: str
    epoch: int


@dataclass(frozen=True, slots=True)
class Side:
    """One report, of one model and one variant. `name` says where it came from."""

    name: str
    model: str
    variant: str
    outcomes: Mapping[Place, Outcome]


@dataclass(frozen=True, slots=True)
class Pair:
    """The same case and epoch in both."""

    place: Place
    before: Outcome
    after: Outcome

    @property
    def judged(self) -> bool:
        return self.before.passed is not None and self.after.passed is not None

    @property
    def flip(self) -> Verdict | None:
        """Whether the case passes now, or no longer."""
        if not self.judged or self.before.passed == self.after.passed:
            return None
        return "better" if self.after.passed else "worse"


@dataclass(frozen=True, slots=True)
class Change:
    """One score over the pairs that both have it. `interval` is of the difference, after less before.

    `better` and `worse` count cases; `p` is McNemar's, of what passes or fails.
    """

    score: str
    kind: Literal["rate", "mean"]
    pairs: int
    before: float
    after: float
    interval: Interval
    better: int
    worse: int
    p: float | None
    verdict: Verdict

    @property
    def difference(self) -> float:
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that two reports say about each other. `made_with`: what differs of what their pairs were made with."""

    before: Side
    after: Side
    pairs: tuple[Pair, ...]
    changes: tuple[Change, ...]
    only_before: tuple[Place, ...]
    only_after: tuple[Place, ...]
    made_with: tuple[Aspect, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Over all: that of `passed`."""
        return next((each.verdict for each in self.changes if each.score == PASSED), "not distinguishable")

    @property
    def flipped(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.pairs if pair.flip is not None)

    @property
    def unjudged(self) -> tuple[Pair, ...]:
        return tuple(pair for pair in self.pairs if not pair.judged)


def side_of(name: str, report: Report, model: str | None = None, variant: str | None = None) -> Side:
    """The outcomes of one model and one variant. Raises Unclear, which lists what there is."""
    found = sorted({(each.model, each.variant) for each in report.outcomes})
    fitting = [each for each in found if model in (None, each[0]) and variant in (None, each[1])]
    if len(fitting) != 1:
        raise Unclear(f"{name}: {_which(found, fitting, model, variant)}")
    kept = (each for each in report.outcomes if (each.model, each.variant) == fitting[0])
    return Side(name, *fitting[0], {Place(each.suite, each.case, each.epoch): each for each in kept})


def _which(
    found: Sequence[tuple[str, str]], fitting: Sequence[tuple[str, str]], model: str | None, variant: str | None
) -> str:
    there = "; ".join(f"model '{each[0]}', variant '{each[1]}'" for each in fitting or found)
    if not found:
        return "there are no outcomes in it"
    if fitting:
        return f"there are several to compare, say which by --model or --variant: {there}"
    for what, asked, at in (("model", model, 0), ("variant", variant, 1)):
        if asked is not None and asked not in (known := [each[at] for each in found]):
            close = get_close_matches(asked, known, n=1)
            return f"no {what} '{asked}'; " + (f"did you mean '{close[0]}'?" if close else f"there is {there}")
    return f"no model '{model}' with variant '{variant}'; there is {there}"


def compare(before: Side, after: Side) -> Comparison:
    """Everything, in the order of the cases. The same sides always give the same comparison."""
    common = sorted(before.outcomes.keys() & after.outcomes.keys())
    pairs = tuple(Pair(place, before.outcomes[place], after.outcomes[place]) for place in common)
    return Comparison(
        before,
        after,
        pairs,
        tuple(_changes([pair for pair in pairs if pair.judged])),
        tuple(sorted(before.outcomes.keys() - after.outcomes.keys())),
        tuple(sorted(after.outcomes.keys() - before.outcomes.keys())),
        aspects((pair.before.made_with, pair.after.made_with) for pair in pairs),
    )


def _changes(pairs: Iterable[Pair]) -> Iterator[Change]:
    found: dict[str, dict[tuple[str, str], list[tuple[Score, Score]]]] = {}
    for pair in pairs:
        before, after = _compared(pair.before), _compared(pair.after)
        for name in before:
            if name in after:
                cases = found.setdefault(name, {})
                cases.setdefault(pair.place[:2], []).append((before[name], after[name]))
    for name in in_order(found):
        yield _change(name, list(found[name].values()))


def _compared(outcome: Outcome) -> dict[str, bool | float]:
    """What can be compared: assertions and numbers, and what it took; an unknown cost is left out."""
    scores = {name: value for name, value in scores_of(outcome).items() if not isinstance(value, str)}
    used = outcome.usage
    scores |= {"tokens": float(used.prompt_tokens + used.completion_tokens), "seconds": outcome.seconds}
    return scores if outcome.cost_usd is None else {**scores, "cost": outcome.cost_usd}


def _change(name: str, cases: Sequence[Sequence[tuple[Score, Score]]]) -> Change:
    before = [[float(one) for one, _ in case] for case in cases]
    after = [[float(other) for _, other in case] for case in cases]
    differences = [[b - a for a, b in zip(*both, strict=True)] for both in zip(before, after, strict=True)]
    rate = all(isinstance(value, bool) for case in cases for pair in case for value in pair)
    random = Random(SEED)
    interval = bootstrap(differences, lambda cases: random.choices(cases, k=len(cases)))
    up, down = changes(differences)
    better, worse = (down, up) if name in LESS_IS_BETTER else (up, down)
    return Change(
        score=name,
        kind="rate" if rate else "mean",
        pairs=sum(map(len, cases)),
        before=mean(before),
        after=mean(after),
        interval=interval,
        better=better,
        worse=worse,
        p=mcnemar(better, worse) if rate else None,
        verdict=verdict_by_split(better, worse) if rate else _by_interval(name, interval, better + worse),
    )


def _by_interval(name: str, interval: Interval, changed: int) -> Verdict:
    more_is_better = verdict_by_interval(interval, changed)
    return OPPOSITE.get(more_is_better, more_is_better) if name in LESS_IS_BETTER else more_is_better
