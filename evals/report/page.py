"""A report as one page of HTML: the figures, and each case with its request, graphs, attempts and scores."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evals.report.figures import OF_COST, Cell, cells, in_order, score_names
from evals.report.pictures import Picture, difference, graph_of, graph_of_gold, picture
from evals.report.tables import reasons, score_words, verdict
from evals.report.templates import part, rendered
from evals.results import Outcome, Report, Tried


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt as the page shows it; `change` is a diff from the one before."""

    tried: Tried
    accepted: bool
    change: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """An outcome as the page shows it."""

    outcome: Outcome
    verdict: str
    reasons: tuple[str, ...]
    pictures: tuple[Picture, ...]
    attempts: tuple[Attempted, ...]

    @property
    def scores(self) -> list[tuple[str, str, str]]:
        """Name, value and words of each score, and of what only has words; what it took stands elsewhere."""
        scores, why = self.outcome.scores, self.outcome.why
        names = [name for name in in_order([*scores, *why]) if name in why or name not in OF_COST]
        return [(name, score_words(scores.get(name)), why.get(name, "")) for name in names]


@dataclass(frozen=True, slots=True)
class Suite:
    """The cells of one suite, and the names of their scores."""

    name: str
    cells: tuple[Cell, ...]

    @property
    def names(self) -> list[str]:
        return score_names(self.cells)


def html(report: Report) -> str:
    """The whole page. Equal reports give equal pages."""
    found = cells(report)
    return rendered(
        "page.jinja",
        script=part("page.js"),
        report=report,
        suites=[Suite(name, _of(name, found)) for name in dict.fromkeys(cell.column.suite for cell in found)],
        shown=[_shown(outcome) for outcome in report.outcomes],
        choices=_choices(report),
    )


def _of(suite: str, found: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(cell for cell in found if cell.column.suite == suite)


def _choices(report: Report) -> dict[str, list[str]]:
    """What there is to choose from, where there is more than one of it."""
    found = {
        "suite": sorted({each.suite for each in report.outcomes}),
        "model": sorted({each.model for each in report.outcomes}),
        "variant": sorted({each.variant for each in report.outcomes}),
    }
    return {name: values for name, values in found.items() if len(values) > 1}


def _shown(outcome: Outcome) -> Shown:
    title = "accepted" if outcome.status == "accepted" else "best candidate"
    drawn = (picture(title, graph_of(outcome.workflow)), picture("gold", graph_of_gold(outcome.gold)))
    return Shown(
        outcome,
        verdict(outcome),
        tuple(reasons(outcome)),
        tuple(each for each in drawn if each is not None),
        tuple(_attempts(outcome)),
    )


def _attempts(outcome: Outcome) -> Iterator[Attempted]:
    for before, tried in zip((None, *outcome.attempts), outcome.attempts, strict=False):
        accepted = outcome.status == "accepted" and tried is outcome.attempts[-1]
        yield Attempted(tried, accepted, _change(before, tried) if before else ())


def _change(before: Tried, after: Tried) -> tuple[str, ...]:
    if before.candidate is None or after.candidate is None:
        return ()
    names = (f"attempt {before.number}", f"attempt {after.number}")
    return tuple(difference(before.candidate, after.candidate, names).splitlines())
