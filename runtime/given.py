"""Runs of a part: steps whose outputs are given answer with them at once, untouched by their types. Pure.

The outputs of a step may have an `action` beside them: how the step ended.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from pydantic import BaseModel

from runtime.graph import DEFAULT, Edge, Graph, Node, NodeId, ancestors
from runtime.inputs import declared_inputs
from runtime.issues import Issue, JsonValue, nearest, pointer
from runtime.node_types import NodeContext, Outputs, Registry, Routed
from runtime.program import NO_RETRY, Program, Unit
from runtime.references import Path, references_in
from runtime.workflow import BATCH_OUTPUTS, InputSpec, JsonObject

ACTION = "action"


@dataclass(frozen=True, slots=True)
class Excerpt:
    """A graph of one step and of those it refers to and that are given; without the `missing` ones it cannot run."""

    graph: Graph
    missing: tuple[NodeId, ...]


def excerpt(graph: Graph, step: NodeId, given: Container[str]) -> Excerpt:
    """The step alone. Its actions lead nowhere, its blocks are left out, inputs it does not name are not required.

    Steps that it can do without and that are not given are hidden: a reference to one has no value.
    """
    node = graph.nodes[step]
    others = _referred(node, graph)
    before = [graph.nodes[name] if name in given else replace(graph.nodes[name], hidden=True) for name in others]
    ends = {edge.action: Node(NodeId(f"#{edge.action}"), "", hidden=True) for edge in _routes(graph, step)}
    alone = replace(
        graph,
        nodes={each.id: each for each in (*before, node, *ends.values())},
        edges=(*(Edge(name, step) for name in others), *(Edge(step, end.id, way) for way, end in ends.items())),
        blocks=(),
        inputs=_inputs(graph, node),
        outputs=None,
    )
    return Excerpt(alone, tuple(name for name, needed in others.items() if needed and name not in given))


def _routes(graph: Graph, step: NodeId) -> Iterator[Edge]:
    return (edge for edge in graph.edges if edge.source == step and edge.action != DEFAULT)


def _paths(node: Node) -> Iterator[tuple[Path, bool]]:
    """What a node refers to, and whether it cannot do without."""
    own = {"item", "index", node.batch.as_} if node.batch else set[str]()
    for part in node.parts:
        for reference in references_in(part):
            yield from ((path, not reference.has_fallback) for path in reference.paths if path.head not in own)


def _referred(node: Node, graph: Graph) -> dict[NodeId, bool]:
    """The other steps that it refers to, and whether it cannot do without their outputs."""
    found: dict[NodeId, bool] = {}
    for path, strictly in _paths(node):
        name = NodeId(path.head)
        if name in graph.nodes and name != node.id:
            found[name] = found.get(name, False) or (strictly and path.keys[:1] != ("error",))
    return found


def _inputs(graph: Graph, node: Node) -> dict[str, InputSpec]:
    """The inputs: those that the node names as they are declared, the others with null where none is given."""
    named = {str(path.keys[0] if path.head == "workflow" and path.keys else path.head) for path, _ in _paths(node)}
    return {
        name: spec if name in named or not spec.is_required else spec.model_copy(update={"required": False})
        for name, spec in declared_inputs(graph).items()
    }


def untouched_by(graph: Graph, starts: Iterable[NodeId]) -> tuple[NodeId, ...]:
    """The steps that are none of `starts` and come after none of them; the way back of a loop does not count."""
    touched = {node for start in starts for node in (start, *ancestors(start, graph.successors))}
    return tuple(node.id for node in graph.steps if node.id not in touched)


def misgiven(graph: Graph, registry: Registry, given: Mapping[str, JsonObject]) -> list[Issue]:
    """Given steps that the workflow has not, and given outputs that a step has not."""
    steps = {node.id: node for node in graph.steps}
    issues: list[Issue] = []
    for name, outputs in given.items():
        node = steps.get(NodeId(name))
        if node is None:
            what = f"outputs are given for '{name}', and there is no such step"
            issues.append(Issue("unknown_reference", pointer("given", name), what, nearest(name, steps)))
            continue
        known = _outputs(node, registry)
        issues += [
            Issue("unknown_output", pointer("given", name, key), f"'{name}' has no output '{key}'", nearest(key, known))
            for key in outputs
            if known and key not in known and key != ACTION
        ]
    return issues


def _outputs(node: Node, registry: Registry) -> dict[str, str]:
    """The names under which outputs may be given, each with that under which it is kept."""
    if node.batch is not None:
        return {name: name for name in BATCH_OUTPUTS}
    node_type = registry[node.type]
    return {**{name: name for name in node_type.outputs}, **node_type.aliases}


# --- in place of the types -------------------------------------------------------------------------------------------


class _Nothing(BaseModel):
    """The params of a step that is not run."""


def with_given(program: Program, registry: Registry, given: Mapping[str, JsonObject]) -> Program:
    """The program in which the given steps end with their outputs: no place taken, nothing needed, nothing to undo.

    An output that is not given is null.
    """
    if not given:
        return program
    units = tuple(
        _answering(unit, _complete(program.graph.nodes[unit.id], registry, given[unit.id]))
        if unit is not None and unit.id in given
        else unit
        for unit in program.units
    )
    return replace(program, units=units)


def _complete(node: Node, registry: Registry, given: JsonObject) -> Routed:
    names = _outputs(node, registry)
    outputs: JsonObject = dict.fromkeys(names.values())
    outputs |= {names.get(key, key): value for key, value in given.items() if key in names or key != ACTION}
    action = given.get(ACTION)
    return Routed(outputs, action if isinstance(action, str) else DEFAULT)


def _answering(unit: Unit, answer: Routed) -> Unit:
    async def answered(params: BaseModel, context: NodeContext) -> Routed:
        return answer

    node_type = replace(
        unit.type,
        params=_Nothing,
        call=answered,
        read=_outputs_of,
        capabilities=lambda params: (),
        is_async=True,
        undo=None,
    )
    return replace(
        unit,
        type=node_type,
        params={},
        resolve=None,
        timeout=None,
        own_timeout=False,
        retry=NO_RETRY,
        limits=(),
        needs=(),
        effectful=False,
        undoable=False,
        undo=None,
        batch=None,
        items=None,
    )


def _outputs_of(answer: Routed) -> dict[str, JsonValue]:
    outputs: Outputs = answer.outputs
    return dict(outputs)
