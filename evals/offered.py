"""The node types that a case is planned and run with: those its suite or it names, and the tools that are its own."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field, create_model

from evals.dataset import Case, Suite, Tool, ToolParam
from runtime import JsonValue, NodeContext, NodeType, Registry, installed_types

# A suite states what it offers, so that a node type added later changes no prompt of it.
TYPES = ("code", "http", "llm", "read_file", "shell", "transform", "wait", "write_file")

_KINDS: Mapping[str, type] = {
    "string": str,
    "integer": int,
    "number": float,
    "float": float,
    "boolean": bool,
    "array": list[JsonValue],
    "object": dict[str, JsonValue],
    "dict": dict[str, JsonValue],
}


def offered(suite: Suite, case: Case) -> Registry:
    """What may be used in the workflow of a case."""
    named = case.types if case.types is not None else suite.types if suite.types is not None else TYPES
    return installed_types().only(named).with_types(*map(node_type_of, case.tools))


def node_type_of(tool: Tool) -> NodeType:
    """A node type that answers nothing until it is scripted, and touches nothing."""

    async def nothing() -> None:
        return None

    def call(params: BaseModel, context: NodeContext) -> object:
        return nothing()

    return NodeType(
        name=tool.name,
        function=nothing,
        params=create_model(
            f"{tool.name}_params",
            __config__=ConfigDict(extra="forbid"),
            **{f"param_{at}": _field(each) for at, each in enumerate(tool.params)},  # type: ignore[call-overload]  # fields by name
        ),
        call=call,
        read=lambda returned: {"result": returned},
        outputs={"result": "any"},
        description=tool.description,
    )


def _field(param: ToolParam) -> tuple[object, object]:
    """By alias: a tool may call its params what a model calls its methods."""
    kind = _KINDS.get(param.type, JsonValue)
    if param.required:
        return kind, Field(alias=param.name, description=param.description)
    return kind | None, Field(None, alias=param.name, description=param.description)
