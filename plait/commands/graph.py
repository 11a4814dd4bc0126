"""`plait graph`: a workflow's graph in the form that is asked for."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from plait.application import new_app
from plait.display import issue_line, put, put_json, say
from plait.documents import examine_named, shown_name
from plait.options import Explain, Json
from runtime.explain import explain as explained
from runtime.node_types import installed_types
from runtime.views import draw, graph_json

Format = Literal["ascii", "mermaid", "dot", "svg", "json"]
INVALID = 2

app = new_app()


@app.command()
def graph(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A workflow in JSON or YAML; - is standard input.")],
    format: Annotated[Format, typer.Option("--format", help="What to print.")] = "ascii",
    explain: Explain = False,
    json: Json = False,
) -> int:
    """Print the graph of a workflow, its critical path marked."""
    registry = installed_types()
    examined = examine_named(file, registry)
    for issue in examined.issues:
        say(issue_line(issue, shown_name(file)))
    if examined.graph is None or not examined.valid:
        return INVALID
    told = explained(examined.graph, registry) if explain else None
    if json or format == "json":
        put_json(told.to_json() if told else graph_json.render(examined.graph))
    else:
        put(str(told) if told else draw(examined.graph, format))
    return 0
