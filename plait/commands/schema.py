"""`plait schema`: the workflow language as JSON Schema."""

from __future__ import annotations

from plait.application import new_app
from plait.display import put_json
from runtime.node_types import installed_types
from runtime.schema import language_schema

app = new_app()


@app.command()
def schema() -> int:
    """Print the JSON Schema of the workflow language, the params of each installed node type included."""
    put_json(language_schema(installed_types()))
    return 0
