"""`plait eval show`: a report again, from its file, in any of its formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from evals.reading import read_report
from evals.report import html, junit
from plait.display import put, put_json
from plait.eval_report import report_text
from plait.options import Json


def show(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What --json printed, or a results file.")],
    cases: Annotated[bool, typer.Option("--cases", help="Every case, not only those that did not pass.")] = False,
    report: Annotated[
        Path | None, typer.Option("--report", metavar="F.html", help="Write the report there, one page.")
    ] = None,
    xml: Annotated[
        Path | None, typer.Option("--junit", metavar="F.xml", help="Write the report there, as JUnit XML.")
    ] = None,
    json: Json = False,
) -> int:
    """Print a report again, of an interrupted eval as far as it came."""
    found = read_report(file)
    for path, written in ((report, html), (xml, junit)):
        if path is not None:
            path.write_text(written(found), encoding="utf-8")
    if json:
        put_json(found.model_dump(mode="json"))
    else:
        put(report_text(found, cases=cases))
    return 0
