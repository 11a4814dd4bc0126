"""`plait approvals`: what was approved for which document, and how to take it back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from plait.application import new_app
from plait.approvals import Approval, Approvals, Known
from plait.display import put, put_json, say
from plait.options import Json, State
from plait.tables import table
from runtime.issues import JsonValue, nearest

SHOWN = 12  # characters of a hash

app = new_app()


@app.command()
def approvals(
    forget: Annotated[
        list[str] | None,
        typer.Option("--forget", metavar="DOCUMENT", help="Take it back: a hash, its beginning, or all. Repeatable."),
    ] = None,
    state: State = None,
    json: Json = False,
) -> int:
    """Print what was approved: for which document, in which folder, and what it may do."""
    kept = Approvals.within(state)
    for known in _named(kept.all(), forget or ()):
        kept.forget(known)
    found = [(known, each) for known in kept.all() for each in known.approvals]
    if json:
        put_json([_told(*each) for each in found])
    elif found:
        put(table([("document", "workflow", "written by", "may", "in"), *(_row(*each) for each in found)]))
    else:
        say("nothing is approved")
    return 0


def _named(known: Sequence[Known], names: Sequence[str]) -> list[Known]:
    """The documents that somebody named. A usage error for a name of none or several."""
    approved = [each for each in known if each.approvals]
    if "all" in names:
        return approved
    return [_one(approved, name) for name in names]


def _one(known: Sequence[Known], name: str) -> Known:
    found = [each for each in known if name and each.document.startswith(name)]
    if len(found) == 1:
        return found[0]
    hint = "give more of it" if found else nearest(name, (each.document[:SHOWN] for each in known))
    what = f"several documents begin with '{name}'" if found else f"no approved document is called '{name}'"
    raise typer.BadParameter(f"{what}; {hint}", param_hint="--forget")


def _told(known: Known, approval: Approval) -> JsonValue:
    return {
        "document": known.document,
        "workflow": known.name,
        "written_by": known.written_by,
        "granted": list(approval.granted),
        "directory": approval.directory,
        "given": approval.given.isoformat(),
    }


def _row(known: Known, approval: Approval) -> tuple[str, ...]:
    granted = ", ".join(approval.granted)
    return known.document[:SHOWN], known.name, known.written_by or "", granted, approval.directory
