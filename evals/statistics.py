"""How sure a figure is, and whether two differ by more than noise. Pure: whatever is drawn at random is handed in.

Tries of one case resemble each other, so a case counts as one piece of evidence however often it was tried.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import comb, sqrt
from typing import Literal, NamedTuple

Z = 1.959963984540054
"""The normal quantile of a two-sided interval of 95 %."""

SURE = 0.05
"""A difference that chance gives less often than this is one."""

Verdict = Literal["better", "worse", "not distinguishable"]
ByCase = Sequence[Sequence[float]]
"""The values of each case, one for each of its tries."""

Summed = tuple[float, int]
Drawing = Callable[[Sequence[Summed]], Sequence[Summed]]
"""As many as there are, drawn with replacement."""


class Interval(NamedTuple):
    """Where the value lies in 95 of 100 repetitions."""

    low: float
    high: float


def mean(values: ByCase) -> float:
    """Of all tries alike."""
    return sum(map(sum, values)) / sum(map(len, values))


def wilson(successes: float, count: float) -> Interval:
    """The score interval of a rate. Wilson (1927)."""
    rate, spread = successes / count, Z * Z / count
    middle = (rate + spread / 2) / (1 + spread)
    half = sqrt(max(rate * (1 - rate) / count + spread / (4 * count), 0.0)) * Z / (1 + spread)
    return Interval(max(middle - half, 0.0), min(middle + half, 1.0))


def pass_at(k: int, tries: int, passed: int) -> float:
    """The chance that at least one of `k` tries passes, pass@k. The unbiased estimate of Chen et al. (2021)."""
    return 1 - comb(tries - passed, k) / comb(tries, k)


def pass_every(k: int, tries: int, passed: int) -> float:
    """The chance that all of `k` tries pass, pass^k. Yao et al. (2024)."""
    return comb(passed, k) / comb(tries, k)


def clustered_error(values: ByCase) -> float:
    """The standard error of the mean over all tries, those of a case taken together; 0 for a single case.

    The sandwich estimator with cases as clusters (Liang & Zeger 1986), times G/(G-1) for G cases.
    """
    cases, tries, middle = len(values), sum(map(len, values)), mean(values)
    if cases < 2:
        return 0.0
    residuals = [sum(value - middle for value in case) for case in values]
    return sqrt(sum(each * each for each in residuals) * cases / (cases - 1)) / tries


def interval_of(values: ByCase, *, rate: bool) -> Interval | None:
    """Wilson's for a rate, the normal one for a mean; None for the mean of a single case, of which nothing is known."""
    if rate:
        count = _worth(values)
        return wilson(mean(values) * count, count)
    if len(values) < 2:
        return None
    half = Z * clustered_error(values)
    return Interval(mean(values) - half, mean(values) + half)


def _worth(values: ByCase) -> float:
    """How many independent tries a rate's tries are worth: between the number of cases and that of tries."""
    cases, tries, rate = len(values), sum(map(len, values)), mean(values)
    error = clustered_error(values)
    if error == 0 or cases == tries:
        return float(cases)
    return min(max(rate * (1 - rate) / (error * error), cases), tries)


def mcnemar(better: int, worse: int) -> float:
    """How often chance alone gives so uneven a split, or a more uneven one. The exact test of McNemar (1947)."""
    changed = better + worse
    tail = sum(comb(changed, at) for at in range(min(better, worse) + 1))
    return min(2 * tail / (1 << changed), 1.0)


def bootstrap(differences: ByCase, draw: Drawing, times: int = 2000) -> Interval:
    """The percentile interval of a mean difference, its cases drawn anew so often. Efron (1979)."""
    cases = [(sum(case), len(case)) for case in differences]
    if len({total / count for total, count in cases}) == 1:  # whatever is drawn, it comes to the same
        return Interval(mean(differences), mean(differences))
    means = sorted(_mean_of(draw(cases)) for _ in range(times))
    rest = round(times * SURE / 2)
    return Interval(means[rest], means[-rest - 1])


def _mean_of(cases: Sequence[Summed]) -> float:
    return sum([total for total, _ in cases]) / sum([count for _, count in cases])


def changes(differences: ByCase) -> tuple[int, int]:
    """How many cases came out better and how many worse, over the tries of each."""
    totals = [sum(case) for case in differences]
    return sum(total > 0 for total in totals), sum(total < 0 for total in totals)


def verdict_by_split(better: int, worse: int) -> Verdict:
    """What McNemar's test says of cases that came out better and worse."""
    if mcnemar(better, worse) >= SURE:
        return "not distinguishable"
    return "better" if better > worse else "worse"


def verdict_by_interval(difference: Interval, changed: int) -> Verdict:
    """Whether an interval lies on one side of no difference, of at least as many changed cases as any test needs."""
    if mcnemar(changed, 0) >= SURE:  # five alike are still chance, and a bootstrap of so few is too sure of itself
        return "not distinguishable"
    return "better" if difference.low > 0 else "worse" if difference.high < 0 else "not distinguishable"
