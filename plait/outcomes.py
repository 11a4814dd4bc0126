"""The outcomes of an eval in words: one on a line, and all of them as a table."""

from __future__ import annotations

from evals.gates import means
from evals.results import Outcome, Report
from plait.tables import table


def line_of(outcome: Outcome) -> str:
    """Which trial it was, and how it went."""
    return f"{outcome.suite}/{outcome.case}{_which(outcome)}: {_verdict(outcome)}"


def _which(outcome: Outcome) -> str:
    cell = [outcome.model, outcome.variant, *([f"epoch {outcome.epoch}"] if outcome.epoch > 1 else [])]
    return f" ({', '.join(cell)})"


def _verdict(outcome: Outcome) -> str:
    match outcome.status:
        case "error":
            return f"error: {(outcome.error or '').partition(chr(10))[0]}"
        case "not_accepted":
            return "no workflow accepted"
        case _:
            return "passed" if outcome.passed else "; ".join(outcome.why.values()) or "not passed"


def shown(report: Report) -> str:
    """The means of all scores, a row for each column of the matrix."""
    cells = dict.fromkeys((each.model, each.variant) for each in report.outcomes)
    rows = [("model", "variant", "cases", "errors", "scores")]
    for model, variant in cells:
        own = [each for each in report.outcomes if (each.model, each.variant) == (model, variant)]
        errors = sum(each.status == "error" for each in own)
        scores = ", ".join(f"{name} {value:.3f}" for name, value in means(own).items())
        rows.append((model, variant, str(len(own)), str(errors), scores))
    return table(rows)
