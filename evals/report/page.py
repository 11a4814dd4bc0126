"""A report as one page of HTML that needs nothing else: no network, no fonts, no scripts but its own.

The page may run the one script and use the one style that it was made with, and says so to the browser. All else in it
comes from outside and is escaped, by the template.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files

from jinja2 import Environment, StrictUndefined, Template

from evals.report import words
from evals.report.figures import LESS_IS_BETTER, Cell, Figure, cells, score_names
from evals.report.pictures import Picture, difference, graph_of, graph_of_gold, picture, written
from evals.report.tables import cost_words, figure_words, interval_words, reasons, score_words, verdict
from evals.results import Outcome, Report, Tried

PLOT = 100  # the width of the line from 0 to 1


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
        """Name, value and words of each score, and of what only has words."""
        scores, why = self.outcome.scores, self.outcome.why
        return [(name, score_words(scores.get(name)), why.get(name, "")) for name in dict.fromkeys([*scores, *why])]


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
    style, script = _part("page.css"), _part("page.js")
    found = cells(report)
    return _template().render(
        style=style,
        script=script,
        policy=_policy(style, script),
        report=report,
        suites=[Suite(name, _of(name, found)) for name in dict.fromkeys(cell.column.suite for cell in found)],
        shown=[_shown(outcome) for outcome in report.outcomes],
        choices=_choices(report),
    )


def _of(suite: str, found: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(cell for cell in found if cell.column.suite == suite)


def _part(name: str) -> str:
    return (files("evals.report") / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """What the browser is told to allow."""
    known = {"style-src": style, "script-src": script}
    hashes = (f"{key} 'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'" for key, text in known.items())
    return "; ".join(["default-src 'none'", "img-src data:", *hashes, "base-uri 'none'", "form-action 'none'"])


@cache
def _template() -> Template:
    made = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_harmless
    )
    made.globals.update(
        plot=_plot,
        figure_words=figure_words,
        interval_words=interval_words,
        cost_words=cost_words,
        dollars=words.dollars,
        written=written,
        counted=words.counted,
        percent=words.percent,
        number=words.number,
    )
    return made.from_string(_part("page.jinja"))


def _harmless(value: object) -> object:
    """Of whatever stands in the page: text that a browser shows as it stands."""
    return words.readable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


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
    names = (f"attempt {before.number}", f"attempt {after.number}")
    return tuple(difference(before.candidate, after.candidate, names).splitlines())


def _plot(name: str, figure: Figure) -> tuple[float, float, float] | None:
    """Where the value and the ends of its interval stand on a line from nothing to perfect; None if it has no place."""
    if figure.interval is None or name in LESS_IS_BETTER or not 0 <= figure.value <= 1:
        return None
    low, high = (min(max(end, 0.0), 1.0) for end in figure.interval)
    return round(low * PLOT, 1), round(figure.value * PLOT, 1), round(high * PLOT, 1)
