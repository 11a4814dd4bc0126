"""`plait eval diff`: what became better and what worse between two reports."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from evals.comparing import Comparison, compare, side_of
from evals.reading import read_report
from evals.report.diff_page import diff_html
from plait.display import put, put_json, say
from plait.eval_diff import comparison_json, comparison_text
from plait.eval_report import room_for_text
from plait.options import Json

FAILED = 1
OF_THE_MACHINE = frozenset({"seconds"})  # which differ from one machine to the next

FailOn = Literal["worse", "any-worse"]

TheModel = Annotated[
    str | None, typer.Option("--model", metavar="M", help="Compare this model, where there are several.")
]
TheVariant = Annotated[
    str | None, typer.Option("--variant", metavar="V", help="Compare this variant, where there are several.")
]
ModelB = Annotated[str | None, typer.Option("--model-b", metavar="M", help="The model of B, if not that of A.")]
VariantB = Annotated[str | None, typer.Option("--variant-b", metavar="V", help="The variant of B, if not that of A.")]
Failing = Annotated[
    FailOn | None, typer.Option("--fail-on", help="Exit 1 if it is worse over all, or if any score is.")
]
PageFile = Annotated[Path | None, typer.Option("--report", metavar="F.html", help="Write it as a page of HTML too.")]


def diff(
    a: Annotated[Path, typer.Argument(metavar="A", help="The report before: printed by --json, or a results file.")],
    b: Annotated[Path, typer.Argument(metavar="B", help="The report after.")],
    model: TheModel = None,
    variant: TheVariant = None,
    model_b: ModelB = None,
    variant_b: VariantB = None,
    fail_on: Failing = None,
    report: PageFile = None,
    json: Json = False,
) -> int:
    """Say what is better, worse or not distinguishable in B, pair by pair, and list the cases that flipped."""
    before = side_of(str(a), read_report(a), model, variant)
    after = side_of(str(b), read_report(b), model_b or model, variant_b or variant)
    found = compare(before, after)
    if report is not None:
        report.write_text(diff_html(found), encoding="utf-8")
    if json:
        put_json(comparison_json(found))
    else:
        put(comparison_text(found, room_for_text()))
    if not found.pairs:
        say(f"{a} and {b} have no case in common")
    return FAILED if _fails(found, fail_on) else 0


def _fails(found: Comparison, fail_on: FailOn | None) -> bool:
    """Where nothing could be compared, a gate does not open."""
    if fail_on is not None and not found.changes:
        return True
    match fail_on:
        case None:
            return False
        case "worse":
            return found.verdict == "worse"
        case "any-worse":
            return any(each.verdict == "worse" for each in found.changes if each.score not in OF_THE_MACHINE)
