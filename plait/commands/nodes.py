"""`plait nodes`: the registry as people and programs read it."""

from __future__ import annotations

from typing import Annotated

import typer

from plait.application import new_app
from plait.display import put, put_json
from plait.options import Json
from plait.tables import table
from runtime.issues import JsonValue, nearest
from runtime.node_types import NodeType, Registry, installed_types
from runtime.schema import Schema, params_schema

app = new_app()


@app.command()
def nodes(
    type: Annotated[str | None, typer.Argument(metavar="[TYPE]", help="One type, with each of its params.")] = None,
    json: Json = False,
) -> int:
    """Print the node types: what each does, its params, its outputs and the capabilities it needs."""
    registry = installed_types()
    if type is not None:
        _print_one(_found(type, registry), json)
    elif json:
        put_json([described(registry[name]) for name in registry])
    else:
        put("\n".join(_line(registry[name]) for name in registry))
    return 0


def _found(name: str, registry: Registry) -> NodeType:
    node_type = registry.get(name)
    if node_type is None:
        raise typer.BadParameter(f"there is no node type '{name}'; {nearest(name, registry)}", param_hint="TYPE")
    return node_type


def _print_one(node_type: NodeType, json: bool) -> None:
    if json:
        put_json(described(node_type))
    else:
        put(_whole(node_type))


def described(node_type: NodeType) -> dict[str, JsonValue]:
    """All that a step of the type may say and gives."""
    return {
        "type": node_type.name,
        "description": node_type.description,
        "params": _params(node_type),
        "outputs": dict(node_type.outputs),
        "aliases": dict(node_type.aliases),
        "capabilities": list(_capabilities(node_type)),
    }


def _params(node_type: NodeType) -> list[JsonValue]:
    schema = params_schema(node_type)
    required = schema.get("required", [])
    return [
        {
            "name": name,
            "type": _type(part),
            "required": name in required,
            "default": part.get("default"),
            "description": part.get("description", ""),
        }
        for name, part in schema.get("properties", {}).items()
    ]


def _type(schema: Schema) -> str:
    """A JSON type in a word, alternatives behind one another; null, which is to leave the param out, is not named."""
    kinds = schema.get("anyOf", [schema])
    words = [_type(kind) if "anyOf" in kind else str(kind.get("type", "any")) for kind in kinds]
    return " | ".join(word for word in dict.fromkeys(words) if word != "null")


def _capabilities(node_type: NodeType) -> list[str]:
    try:
        return sorted({capability.partition(":")[0] for capability in node_type.capabilities({})})
    except Exception:  # noqa: BLE001  # a node type may be anyone's code, and this one wants params before it answers
        return ["as its params say"]


def _line(node_type: NodeType) -> str:
    params = params_schema(node_type)
    names = (name if name in params.get("required", []) else f"{name}?" for name in params.get("properties", {}))
    needs = ", ".join(_capabilities(node_type)) or "nothing"
    return (
        f"{node_type.name}: {node_type.description}\n"
        f"    params   {', '.join(names)}\n    outputs  {', '.join(node_type.outputs)}\n    needs    {needs}"
    )


def _whole(node_type: NodeType) -> str:
    rows: list[tuple[str, ...]] = [("param", "type", "", "default", "what it is")]
    for param in _params(node_type):
        assert isinstance(param, dict)
        default = "" if param["default"] is None else str(param["default"])
        rows.append(
            (
                str(param["name"]),
                str(param["type"]),
                "required" if param["required"] else "",
                default,
                str(param["description"]),
            )
        )
    aliases = "".join(f", {alias} (the same as {name})" for alias, name in node_type.aliases.items())
    outputs = ", ".join(f"{name} ({kind})" for name, kind in node_type.outputs.items())
    needs = ", ".join(_capabilities(node_type)) or "nothing"
    return (
        f"{node_type.name}: {node_type.description}\n\n{table(rows)}\n\noutputs  {outputs}{aliases}\nneeds    {needs}"
    )
