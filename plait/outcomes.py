"""One outcome of an eval on a line."""

from __future__ import annotations

from textwrap import shorten

from evals.results import Outcome

MOST = 160  # characters of a verdict: the report has it all


def line_of(outcome: Outcome) -> str:
    """Which trial it was, and how it went."""
    return f"{outcome.suite}/{outcome.case}{_which(outcome)}: {_verdict(outcome)}"


def _which(outcome: Outcome) -> str:
    cell = [outcome.model, outcome.variant, *([f"epoch {outcome.epoch}"] if outcome.epoch > 1 else [])]
    return f" ({', '.join(cell)})"


def _verdict(outcome: Outcome) -> str:
    match outcome.status:
        case "error":
            return shorten(f"error: {(outcome.error or '').partition(chr(10))[0]}", MOST)
        case "not_accepted":
            return "no workflow accepted"
        case _:
            broken = [name for name in outcome.broken if name in outcome.why]
            return shorten("; ".join(outcome.why[name] for name in broken), MOST) or "passed"
