"""`plait schema`: the workflow language, or the eval suites, as JSON Schema."""

from __future__ import annotations

from typing import Annotated

import typer

from evals.dataset import suite_schema
from plait.application import new_app
from plait.display import put_json
from runtime.node_types import installed_types
from runtime.schema import language_schema

app = new_app()

OfSuites = Annotated[bool, typer.Option("--suite", help="Of eval suites instead.")]


@app.command()
def schema(suite: OfSuites = False) -> int:
    """Print the JSON Schema of the workflow language, the params of each installed node type included."""
    put_json(suite_schema() if suite else language_schema(installed_types()))
    return 0
