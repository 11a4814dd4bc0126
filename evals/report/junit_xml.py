"""A report as JUnit XML, which CI services show: a suite for each cell of the matrix, a test case for each outcome.

Scores are properties. What did not pass is a failure, what could not be judged an error. There is no clock in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from evals.report.figures import Cell, cells
from evals.report.tables import figure_words, reasons, score_words, verdict
from evals.report.words import dollars, readable
from evals.results import Outcome, Report, made_alike


def junit(report: Report) -> str:
    """The XML document. `time` is of this evaluation, in seconds; the model's own are the property `seconds`."""
    found = cells(report)
    root = _element(None, "testsuites", {"name": "plait eval", **_counts(report.outcomes)})
    for cell in found:
        _suite(root, cell)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, cell: Cell) -> None:
    name = " / ".join(cell.column)
    suite = _element(root, "testsuite", {"name": name, **_counts(cell.outcomes), "skipped": "0"})
    judged = len(cell.outcomes) - cell.errors
    figures = {name: figure_words(figure, judged) for name, figure in cell.figures.items()}
    _properties(suite, {**made_alike(cell.outcomes), **figures})
    for outcome in cell.outcomes:
        _case(suite, outcome, ".".join(cell.column))


def _case(suite: Element, outcome: Outcome, classname: str) -> None:
    name = outcome.case if outcome.epoch == 1 else f"{outcome.case} [epoch {outcome.epoch}]"
    case = _element(suite, "testcase", {"classname": classname, "name": name, "time": _seconds(outcome.wall_seconds)})
    used = outcome.usage
    _properties(
        case,
        {
            **{
                name: score_words(value) if isinstance(value, str) else f"{float(value):g}"
                for name, value in outcome.scores.items()
            },
            "attempts": str(len(outcome.attempts)),
            "tokens": str(used.prompt_tokens + used.completion_tokens),
            "cost": dollars(outcome.cost_usd),
            "seconds": _seconds(outcome.seconds),
        },
    )
    if not outcome.passed:
        why = list(reasons(outcome)) or ["not met"]
        kind = "error" if outcome.passed is None else "failure"
        told = _element(case, kind, {"message": why[0], "type": outcome.status})
        told.text = readable("\n".join(why))
    _element(case, "system-out", {}).text = readable(outcome.request)


def _properties(owner: Element, values: Mapping[str, str]) -> None:
    listed = _element(owner, "properties", {}) if values else None
    for name, value in values.items():
        _element(listed, "property", {"name": name, "value": value})


def _counts(outcomes: Iterable[Outcome]) -> dict[str, str]:
    found = list(outcomes)
    verdicts = [verdict(each) for each in found]
    return {
        "tests": str(len(found)),
        "failures": str(verdicts.count("failed")),
        "errors": str(verdicts.count("error")),
        "time": _seconds(sum(each.wall_seconds for each in found)),
    }


def _seconds(value: float) -> str:
    return f"{value:.3f}"


def _element(parent: Element | None, tag: str, attributes: Mapping[str, str]) -> Element:
    said = {name: readable(value) for name, value in attributes.items()}
    return Element(tag, said) if parent is None else SubElement(parent, tag, said)
