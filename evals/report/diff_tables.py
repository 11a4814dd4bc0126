"""A comparison in words: its figures as rows of text, and what the verdict over all rests on. Pure."""

from __future__ import annotations

from evals.comparing import Change, Comparison
from evals.making import Aspect, Different
from evals.report.figures import PASSED
from evals.report.tables import Table
from evals.report.words import counted, dollars, number, percent, readable

VALUES = ("model", "temperature", "max_tokens", "language")  # which are no hashes


def changes_table(found: Comparison) -> Table:
    """A row for each score that both have; of rates the change is in percentage points.

    `(of 15)` after the cases: so many pairs have the score.
    """
    head = ("score", "A", "B", "change", "95 %", "cases", "verdict")
    judged = len(found.pairs) - len(found.unjudged)
    return Table("scores", head, tuple(_row(each, judged) for each in found.changes))


def grounds(found: Comparison) -> str:
    """The figures behind the verdict over all."""
    for each in found.changes:
        if each.score == PASSED and each.p is not None:
            split = f"{counted(each.better, 'case')} better, {each.worse} worse"
            return f"{split}; chance alone gives so uneven a split with p = {each.p:.2g}"
    return "no pair could be judged"


def makings(found: Comparison) -> str:
    """What differs of what both were made with, and what is the same; nothing where it is not said of both."""
    apart = [_apart(each, len(found.pairs)) for each in found.made_with if not each.same]
    alike = [readable(each.name) for each in found.made_with if each.same]
    told = (("different", apart), ("the same", alike))
    return "; ".join(f"{what}: {', '.join(names)}" for what, names in told if names)


def _apart(each: Aspect, pairs: int) -> str:
    some = f" in {each.pairs} of {counted(pairs, 'pair')}" if each.pairs != pairs else ""
    shown = ", ".join(filter(None, (_entry(each.name, entry) for entry in each.different)))
    return readable(f"{each.name}{f' ({shown})' if shown else ''}{some}")


def _entry(aspect: str, each: Different) -> str:
    """Templates by their names, values as they are; a hash of anything else says nothing to a reader."""
    if aspect == "prompts":
        return each.name
    named = "" if each.name == aspect else f"{each.name} "
    return f"{named}{each.before} -> {each.after}" if each.name in VALUES else ""


def _row(each: Change, judged: int) -> tuple[str, ...]:
    before, after = (_figure(each, value) for value in (each.before, each.after))
    change, low, high = (_signed(each, value) for value in (each.difference, *each.interval))
    split = f"+{each.better} -{each.worse}" if each.better or each.worse else "same"
    split += "" if each.pairs == judged else f" (of {each.pairs})"
    return readable(each.score), before, after, change, f"[{low}, {high}]", split, each.verdict


def _figure(each: Change, value: float) -> str:
    if each.score == "cost":
        return dollars(value)
    return percent(value) if each.kind == "rate" else number(value)


def _signed(each: Change, value: float) -> str:
    size = f"{abs(value) * 100:.0f}" if each.kind == "rate" else _figure(each, abs(value))
    return f"{'+' if value > 0 else '-'}{size}" if value else "0"
