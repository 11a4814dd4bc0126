"""`plait convert`: one surface form of a workflow to the other."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import typer

from plait.application import new_app
from plait.approvals import Approvals
from plait.display import issue_line, put, put_json, say
from plait.documents import examine_named, shown_name
from plait.options import State
from plait.problems import told
from runtime.document_yaml import write_yaml
from runtime.issues import InvalidWorkflow
from runtime.node_types import installed_types
from runtime.surface import to_graph_form, to_pipeline

Form = Literal["pipeline", "graph"]
INVALID = 2
WRITERS = {"pipeline": to_pipeline, "graph": to_graph_form}

app = new_app()


@app.command()
def convert(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A workflow in JSON or YAML; - is standard input.")],
    to: Annotated[Form, typer.Option("--to", help="The form to print.")],
    yaml: Annotated[bool, typer.Option("--yaml", help="Print YAML instead of JSON.")] = False,
    state: State = None,
) -> int:
    """Print a workflow in the other form; what that form cannot say is refused, and nothing is left out."""
    examined = examine_named(file, installed_types())
    for issue in examined.issues:
        say(issue_line(issue, shown_name(file)))
    if examined.workflow is None or examined.graph is None or not examined.valid:
        return INVALID
    graph = replace(examined.graph, name=examined.workflow.name)  # not that of the file
    try:
        document = WRITERS[to](graph)
    except InvalidWorkflow as refused:
        say(told(refused, shown_name(file)))
        return refused.exit_code
    Approvals.within(state).hand_on(examined.document, document)
    if yaml:
        put(write_yaml(document))
    else:
        put_json(document)
    return 0
