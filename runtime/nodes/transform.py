"""The node type `transform`: gives back what its references bring, in the shape written."""

from __future__ import annotations

from pydantic import Field

from runtime.issues import JsonValue
from runtime.node_types import node_type
from runtime.nodes.params import Params
from runtime.workflow import Json


class TransformParams(Params):
    value: Json = Field(description="any JSON value with references")


@node_type("transform", outputs={"result": "any"})
async def transform(params: TransformParams) -> dict[str, JsonValue]:
    """Builds a JSON value from earlier outputs."""
    return {"result": params.value}
