"""Warnings: a workflow that is legal, and probably not what was meant. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise

from runtime.graph import DEFAULT, OTHERWISE, Graph, Node, NodeId, levels, marked_before, topological
from runtime.issues import Issue
from runtime.node_types import ANYTHING, Effect, Registry
from runtime.references import references_in


def warnings_of(graph: Graph, registry: Registry, *, inferred: bool) -> list[Issue]:
    """All warnings about a valid graph; `inferred`: its parallelism comes from edges, not from blocks."""
    effects = {node.id: _effects(node, registry) for node in graph.steps}
    found = [
        *_no_undo(graph, registry, effects),
        *_missed_parallelism(graph, effects),
        *_unreachable_actions(graph, registry),
    ]
    return found + (list(_ambiguous_fan_out(graph, effects)) if inferred else [])


def _effects(node: Node, registry: Registry) -> tuple[Effect, ...]:
    node_type = registry.get(node.type)
    return tuple(node_type.effects(node.params)) if node_type else ANYTHING


def _no_undo(graph: Graph, registry: Registry, effects: dict[NodeId, tuple[Effect, ...]]) -> Iterator[Issue]:
    inside = {node for block in graph.blocks if block.on_error == "rollback" for node in block.nodes}
    if graph.settings.on_error == "rollback":
        inside = set(graph.nodes)
    for node in graph.steps:
        node_type = registry.get(node.type)
        has_undo = node.undo is not None or (node_type is not None and node_type.undo is not None)
        if node.id in inside and not has_undo and any(effect.writes for effect in effects[node.id]):
            message = f"'{node.id}' ({node.type}) has effects and no undo; a rollback cannot take them back"
            yield Issue("rollback_without_undo", node.path, message, 'add "undo": {"type": ..., "params": ...}')


def _unreachable_actions(graph: Graph, registry: Registry) -> Iterator[Issue]:
    """Edges whose action the node at their source never ends with."""
    seen: set[str] = set()
    for edge in graph.edges:
        node = graph.nodes[edge.source]
        node_type = registry.get(node.type)
        chooses = node_type is not None and node_type.routes and node.batch is None
        if edge.action in (DEFAULT, OTHERWISE, "error") or chooses or node.hidden or edge.path in seen:
            continue
        seen.add(edge.path)
        message = f"'{node.id}' ({node.type}) never ends with the action '{edge.action}'"
        yield Issue("unreachable_action", edge.path, message, "it ends with 'default', or with 'error' when it fails")


def _missed_parallelism(graph: Graph, effects: dict[NodeId, tuple[Effect, ...]]) -> Iterator[Issue]:
    """Neighbours of which the second waits for the first without a reason that the document shows."""
    routed = {node for edge in graph.edges if edge.action != DEFAULT for node in (edge.source, edge.target)}
    above, below = (levels(each, graph.is_step) for each in (graph.successors, graph.predecessors))
    for node in graph.steps:
        before = graph.predecessors[node.id][0] if len(graph.predecessors[node.id]) == 1 else node.id
        if graph.successors[before] != [node.id] or graph.nodes[before].hidden or {node.id, before} & routed:
            continue
        if not _depends(node, before) and not _meet(effects[node.id], effects[before]):
            message = f"'{node.id}' waits for '{before}' and uses nothing of it"
            now = above[before] + below[node.id] + 2
            gain = f"the way through both then takes {now - 1} step{'s'[: now - 2]} instead of {now}"
            yield Issue("missed_parallelism", node.path, message, f'put both into one {{"parallel": [...]}}: {gain}')


def _depends(node: Node, other: NodeId) -> bool:
    return any(path.head == other for part in node.parts for each in references_in(part) for path in each.paths)


def _meet(one: tuple[Effect, ...], other: tuple[Effect, ...]) -> bool:
    return any(effect.meets(each) for effect in one for each in other)


def _ambiguous_fan_out(graph: Graph, effects: dict[NodeId, tuple[Effect, ...]]) -> Iterator[Issue]:
    """Steps that write to one place and are not ordered: perhaps an edge was forgotten."""
    writers: dict[tuple[str, str], list[NodeId]] = {}
    for node in graph.steps:
        for effect in effects[node.id]:
            if effect.writes and effect.place is not None:
                writers.setdefault((effect.kind, effect.place), []).append(node.id)
    shared = {place: nodes for place, nodes in writers.items() if len(nodes) > 1}
    number = {node: at for at, node in enumerate(dict.fromkeys(chain.from_iterable(shared.values())))}
    before = marked_before(graph.successors, number)
    order = {node: at for at, node in enumerate(topological(graph.successors))}
    for (kind, place), nodes in shared.items():
        for one, other in pairwise(sorted(nodes, key=order.__getitem__)):
            if one != other and not before[other] >> number[one] & 1:
                message = f"'{one}' and '{other}' run side by side and both write to the {kind} {place}"
                hint = f'if one must come first, add {{"from": "{one}", "to": "{other}"}}'
                yield Issue("ambiguous_fan_out", graph.nodes[other].path, message, hint)
