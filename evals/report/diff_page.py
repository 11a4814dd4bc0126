"""A comparison as one page of HTML: the figures, and both graphs of each case that flipped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evals.comparing import Comparison, Pair
from evals.report.diff_tables import changes_table, grounds, makings
from evals.report.pictures import Picture, difference, graph_of, picture
from evals.report.tables import reasons
from evals.report.templates import rendered


@dataclass(frozen=True, slots=True)
class Flipped:
    """A pair as the page shows it."""

    pair: Pair
    reasons: tuple[str, ...]
    pictures: tuple[Picture, ...]
    change: tuple[str, ...]


def diff_html(found: Comparison) -> str:
    """The whole page. Equal comparisons give equal pages."""
    table = changes_table(found)
    return rendered(
        "comparison.jinja",
        found=found,
        table=table,
        rows=list(zip(found.changes, table.rows, strict=True)),
        grounds=grounds(found),
        makings=makings(found),
        flipped=[_flipped(pair) for pair in found.flipped],
        apart=[
            ("Not judged in both, so in no figure", [pair.place for pair in found.unjudged]),
            ("Only in A", found.only_before),
            ("Only in B", found.only_after),
        ],
    )


def _flipped(pair: Pair) -> Flipped:
    drawn = (picture("A", graph_of(pair.before.workflow)), picture("B", graph_of(pair.after.workflow)))
    change = difference(pair.before.workflow, pair.after.workflow, ("A", "B"))
    return Flipped(
        pair,
        tuple(_reasons(pair)),
        tuple(each for each in drawn if each is not None),
        tuple(change.splitlines()),
    )


def _reasons(pair: Pair) -> Iterator[str]:
    """Why the side that did not pass did not."""
    for letter, outcome in (("A", pair.before), ("B", pair.after)):
        if not outcome.passed:
            yield from (f"{letter}: {reason}" for reason in reasons(outcome))
