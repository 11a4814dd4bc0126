"""The node types of one case: those offered to the planner, its own tools, and the stand-ins that a run is made with.

A stand-in takes any params, touches nothing and has the outputs that the case scripts. Outputs that nobody scripted are
made up, in the shape that the workflow refers to: what a made-up service answers, no plan can know.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal, cast

from pydantic import BaseModel, ConfigDict, Field, JsonValue, create_model

from evals.dataset import Case, Suite, Tool, ToolParam
from runtime import Effect, Graph, NodeContext, NodeType, Registry, Routed, installed_types, references_in

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


def offered(suite: Suite, case: Case, installed: Registry | None = None) -> Registry:
    """What the planner may use: the node types that the case or its suite names, and the case's own tools."""
    return (installed or installed_types()).only(suite.offered(case)).with_types(*map(type_of_tool, case.tools))


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
    return NodeType(
        name=tool.name,
        function=_no_answer,
        params=model,
        call=_no_answer,
        outputs={"result": "any"},
        description=_described(tool),
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
    async def answer(params: BaseModel, context: NodeContext) -> Mapping[str, JsonValue] | Routed:
        said = case.scripted.get(context.node, case.scripted.get(node_type.name))
        made = {} if said is not None else dict(_made_up(context.node, graph))
        whole = (
            {name: _BY_TYPE.get(kind, MADE_UP) for name, kind in node_type.outputs.items()} | made | dict(said or {})
        )
        action = whole.pop("action", None) if "action" not in node_type.outputs else whole.get("action")
        return Routed(whole, str(action)) if action is not None else whole

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


def _made_up(node: str, graph: Graph) -> Iterator[tuple[str, JsonValue]]:
    """The outputs of a step that the workflow refers to, each as deep as it looks into it."""
    ways: dict[str, list[tuple[str | int, ...]]] = {}
    for keys in _ways(node, graph):
        if keys:
            ways.setdefault(str(keys[0]), []).append(keys[1:])
    yield from ((name, _holding(inside)) for name, inside in ways.items())


def _ways(node: str, graph: Graph) -> Iterator[tuple[str | int, ...]]:
    """Where the references to a step lead inside its outputs; what a batch goes through is a list."""
    for step in graph.steps:
        yield from _led(node, list(step.parts))
        if step.batch is not None:
            yield from ((*keys, 0) for keys in _led(node, step.batch.items))
    yield from _led(node, [output.from_ for output in (graph.outputs or {}).values()])


def _led(node: str, value: JsonValue) -> Iterator[tuple[str | int, ...]]:
    return (path.keys for each in references_in(value) for path in each.paths if path.head == node)


def _holding(ways: list[tuple[str | int, ...]]) -> JsonValue:
    """A value with something at the end of each way: objects for names, lists for numbers, else a text."""
    inside: dict[str | int, list[tuple[str | int, ...]]] = {}
    for keys in ways:
        if keys:
            inside.setdefault(keys[0], []).append(keys[1:])
    if not inside:
        return MADE_UP
    if all(isinstance(key, int) for key in inside):
        return [_holding(inside.get(at, [])) for at in range(min(max(int(key) for key in inside), MOST_ITEMS) + 1)]
    return {str(key): _holding(rest) for key, rest in inside.items()}
