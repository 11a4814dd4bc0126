"""The node types of one case: those offered to the planner, its own tools, and the stand-ins that a run is made with.

A stand-in takes any params, touches nothing and has the outputs that the case scripts. Outputs that nobody scripted are
made up, in the shape that the workflow refers to: what a made-up service answers, no plan can know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, create_model

from evals.dataset import Case, Suite, Tool, ToolParam
from runtime import Effect, Graph, Node, NodeContext, NodeId, NodeType, Registry, Routed, installed_types, references_in

Way = tuple[str | int, ...]

MADE_UP = "made up"
MOST_ITEMS = 100  # of a list that is made up
_TYPES: Mapping[str, object] = {
    "string": str,
    "integer": int,
    "number": float,
    "boolean": bool,
    "array": list[JsonValue],
    "object": dict[str, JsonValue],
    "any": JsonValue,
}
_BY_TYPE: Mapping[str, JsonValue] = {"number": 1, "integer": 1, "boolean": True, "array": [MADE_UP], "object": {}}
_AS_IF_WELL: Mapping[str, JsonValue] = {"exit_code": 0, "status_code": 200}


def offered(suite: Suite, case: Case, installed: Registry | None = None) -> Registry:
    """What may be used: the node types that the case or its suite names, and the case's own tools.

    A workflow that stands in the suite may use whatever is installed.
    """
    known = installed or _installed()
    named = known if case.workflow is not None else known.only(suite.offered(case))
    return named.with_types(*map(type_of_tool, case.tools))


@cache
def _installed() -> Registry:
    """Looked for once: an eval has hundreds of cases."""
    return installed_types()


def scripted(case: Case, graph: Graph, registry: Registry) -> Registry:
    """The registry that a graph of the case is run with: stand-ins for all types but the real ones."""
    real = {name.replace("-", "_") for name in case.real}
    return registry.with_types(*(_stand_in(registry[name], case, graph) for name in registry if name not in real))


# --- tools -----------------------------------------------------------------------------------------------------------


def type_of_tool(tool: Tool) -> NodeType:
    """A tool as a node type: its params have their own names, and it answers in `result`."""
    fields = {f"param_{at}": _field(param) for at, param in enumerate(tool.params)}
    model = create_model(f"{tool.name}_params", __config__=ConfigDict(extra="forbid"), **fields)  # type: ignore[call-overload]  # fields by name
    effects = tuple(Effect("tool", place) for place in tool.writes)
    fields_of_result: JsonValue = {"type": "object", "properties": {name: {} for name in tool.returns}}
    schemas = {"result": fields_of_result} if tool.returns else {}
    return NodeType(
        name=tool.name,
        function=_no_answer,
        params=model,
        call=_no_answer,
        outputs={"result": "any"},
        description=_described(tool),
        schemas=lambda params: schemas,
        effects=lambda params: effects,
    )


def _described(tool: Tool) -> str:
    returns = f"result has {', '.join(tool.returns)}" if tool.returns else ""
    return ". ".join(part.rstrip(".") for part in (tool.description, returns) if part)


def _field(param: ToolParam) -> tuple[object, object]:
    values = tuple(value for value in param.enum if isinstance(value, str | int | bool))
    kind = Literal[values] if values else _TYPES[param.type]
    default = ... if param.required else None
    return (kind if param.required else kind | None), Field(default, alias=param.name, description=param.description)  # type: ignore[operator]  # a type, or a Literal, which takes `| None` too


async def _no_answer(*given: object) -> Mapping[str, JsonValue]:
    return {"result": MADE_UP}


# --- stand-ins -------------------------------------------------------------------------------------------------------


class _Anything(BaseModel):
    model_config = ConfigDict(extra="allow")


def _stand_in(node_type: NodeType, case: Case, graph: Graph) -> NodeType:
    async def answer(params: BaseModel, context: NodeContext) -> Routed:
        said = dict(case.scripted.get(context.node, case.scripted.get(node_type.name, {})))
        action = said.pop("action", context.actions[0] if context.actions else "default")
        whole = _made_up(node_type, context.node, graph) | {_output(name, node_type): said[name] for name in said}
        return Routed(whole | ({"action": action} if "action" in node_type.outputs else {}), str(action))

    return replace(
        node_type,
        params=_Anything,
        call=answer,
        read=_read,
        capabilities=_nothing,
        check=_nothing,
        undo=None,
        limit=None,
        is_async=True,
    )


def _read(returned: object) -> dict[str, JsonValue]:
    return dict(cast("Mapping[str, JsonValue]", returned.outputs if isinstance(returned, Routed) else returned))


def _nothing(params: object) -> tuple[()]:
    return ()


def made_up_of(kind: str) -> JsonValue:
    """A value of a JSON type."""
    return _BY_TYPE.get(kind, MADE_UP)


def _output(name: str, node_type: NodeType) -> str:
    return node_type.aliases.get(name, name)


def _made_up(node_type: NodeType, node: str, graph: Graph) -> dict[str, JsonValue]:
    """The outputs of a step: those that the workflow refers to as deep as it looks into them."""
    schemas = node_type.schemas(graph.nodes[NodeId(node)].params)
    whole = {
        name: _fitting(schemas.get(name), _AS_IF_WELL.get(name, made_up_of(kind)))
        for name, kind in node_type.outputs.items()
    }
    ways: dict[str, list[Way]] = {}
    for keys in _ways(node, graph):
        if keys:
            ways.setdefault(_output(str(keys[0]), node_type), []).append(keys[1:])
    return whole | {name: _holding(inside, whole[name]) for name, inside in ways.items() if name in whole}


def _fitting(schema: JsonValue, otherwise: JsonValue) -> JsonValue:
    """The least value that fits the outline of a JSON Schema."""
    match schema:
        case {"enum": [value, *_]} | {"const": value}:
            return value
        case {"type": "object", "properties": dict(properties)}:
            return {name: _fitting(part, MADE_UP) for name, part in properties.items()}
        case {"type": "array", "items": items}:
            return [_fitting(items, MADE_UP)]
        case {"type": str(kind)}:
            return made_up_of(kind)
        case _:
            return otherwise


def _ways(node: str, graph: Graph) -> Iterator[Way]:
    """Where the references to a step lead inside its outputs; what a batch goes through is a list."""
    for step in graph.steps:
        yield from _led(node, list(step.parts))
        for inside in _of_an_item(step):
            yield from ((*keys, 0, *inside) for keys in _led(node, step.batch.items if step.batch else None))
    yield from _led(node, [output.from_ for output in (graph.outputs or {}).values()])


def _of_an_item(step: Node) -> set[Way]:
    """Where a batch looks inside each of its items."""
    if step.batch is None:
        return set()
    return set(_led(step.batch.as_, step.params)) or {()}


def _led(node: str, value: JsonValue) -> Iterator[Way]:
    return (path.keys for each in references_in(value) for path in each.paths if path.head == node)


def _holding(ways: list[Way], value: JsonValue) -> JsonValue:
    """The value with something at the end of each way: objects for names, lists for numbers."""
    inside: dict[str | int, list[Way]] = {}
    for keys in ways:
        if keys:
            inside.setdefault(keys[0], []).append(keys[1:])
    if not inside:
        return value
    if all(isinstance(key, int) for key in inside):
        last = min(max(int(key) for key in inside), MOST_ITEMS)
        known = value if isinstance(value, list) and value else [MADE_UP]
        return [_holding(inside.get(at, []), known[min(at, len(known) - 1)]) for at in range(last + 1)]
    fields = value if isinstance(value, dict) else {}
    return fields | {str(key): _holding(rest, fields.get(str(key), MADE_UP)) for key, rest in inside.items()}
