"""`plait validate`: every issue of every document given, found in one process."""

from __future__ import annotations

from typing import Annotated

import typer

from plait.application import new_app
from plait.display import issue_line, put, put_json
from plait.documents import examine_named, shown_name
from plait.options import Json
from runtime.checks import Examination
from runtime.issues import JsonValue
from runtime.node_types import installed_types

INVALID = 2

app = new_app()


@app.command()
def validate(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="Workflows in JSON or YAML; - is standard input.")
    ],
    json: Json = False,
) -> int:
    """Print all issues of one or many documents; exit 2 if any of them has an error."""
    registry = installed_types()
    found = [(file, examine_named(file, registry)) for file in files]
    if json:
        put_json([_told(file, examined) for file, examined in found])
    else:
        for file, examined in found:
            put(_shown(shown_name(file), examined))
    return 0 if all(examined.valid for _, examined in found) else INVALID


def _told(file: str, examined: Examination) -> dict[str, JsonValue]:
    return {"file": file, "valid": examined.valid, "issues": [issue.to_json() for issue in examined.issues]}


def _shown(file: str, examined: Examination) -> str:
    lines = [issue_line(issue, file) for issue in examined.issues]
    return "\n".join([*lines, f"{file}: valid"] if examined.valid else lines)
