"""A comparison in words: its figures as rows of text, and what the verdict over all rests on. Pure."""

from __future__ import annotations

from evals.comparing import Change, Comparison
from evals.report.figures import PASSED
from evals.report.tables import Table
from evals.report.words import counted, dollars, number, percent, readable


def changes_table(found: Comparison) -> Table:
    """A row for each score that both have; of rates the change is in percentage points."""
    head = ("score", "A", "B", "change", "95 %", "cases", "verdict")
    return Table("scores", head, tuple(map(_row, found.changes)))


def grounds(found: Comparison) -> str:
    """The figures behind the verdict over all."""
    for each in found.changes:
        if each.score == PASSED and each.p is not None:
            split = f"{counted(each.better, 'case')} better, {each.worse} worse"
            return f"{split}; chance alone gives so uneven a split with p = {each.p:.2g}"
    return "no pair could be judged"


def _row(each: Change) -> tuple[str, ...]:
    before, after = (_figure(each, value) for value in (each.before, each.after))
    change, low, high = (_signed(each, value) for value in (each.difference, *each.interval))
    split = f"+{each.better} -{each.worse}" if each.better or each.worse else "same"
    return readable(each.score), before, after, change, f"[{low}, {high}]", split, each.verdict


def _figure(each: Change, value: float) -> str:
    if each.score == "cost":
        return dollars(value)
    return percent(value) if each.kind == "rate" else number(value)


def _signed(each: Change, value: float) -> str:
    size = f"{abs(value) * 100:.0f}" if each.kind == "rate" else _figure(each, abs(value))
    return f"{'+' if value > 0 else '-'}{size}" if value else "0"
