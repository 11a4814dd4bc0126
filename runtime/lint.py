"""Warnings: a workflow that is legal, and probably not what was meant. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from runtime.graph import DEFAULT, Edge, Graph, Node, NodeId, adjacency, levels, marked_before
from runtime.issues import Issue
from runtime.node_types import ANYTHING, Effect, Registry
from runtime.references import references_in


def warnings_of(graph: Graph, registry: Registry, *, inferred: bool) -> list[Issue]:
    """All warnings about a valid graph; `inferred`: its parallelism comes from edges, not from blocks."""
    effects = {node.id: _effects(node, registry) for node in graph.steps}
    found = [*_no_undo(graph, registry, effects), *_missed_parallelism(graph, effects)]
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
        has_undo = node.undo is not None or (node_type is not None and node_type.undoes)
        if node.id in inside and not has_undo and any(effect.writes for effect in effects[node.id]):
            message = f"'{node.id}' ({node.type}) has effects and no undo; a rollback cannot take them back"
            yield Issue("rollback_without_undo", node.path, message, 'add "undo": {"type": ..., "params": ...}')


def _missed_parallelism(graph: Graph, effects: dict[NodeId, tuple[Effect, ...]]) -> Iterator[Issue]:
    """Neighbours of which the second waits for the first without a reason that the document shows."""
    edges = graph.visible_edges
    outgoing: dict[NodeId, list[NodeId]] = {}
    incoming: dict[NodeId, list[NodeId]] = {}
    routed = {node for edge in edges if edge.action != DEFAULT for node in (edge.source, edge.target)}
    for edge in edges:
        outgoing.setdefault(edge.source, []).append(edge.target)
        incoming.setdefault(edge.target, []).append(edge.source)
    above, below = levels(adjacency(graph.nodes, _pairs(edges))), levels(adjacency(graph.nodes, _pairs(edges, True)))
    for node in graph.steps:
        before = incoming.get(node.id, [])
        if len(before) != 1 or outgoing[before[0]] != [node.id] or {node.id, before[0]} & routed:
            continue
        if not _depends(node, before[0]) and not _meet(effects[node.id], effects[before[0]]):
            message = f"'{node.id}' waits for '{before[0]}' and uses nothing of it"
            now = above[before[0]] + below[node.id] + 2
            gain = f"the way through both then takes {now - 1} steps instead of {now}"
            yield Issue("missed_parallelism", node.path, message, f'put both into one {{"parallel": [...]}}: {gain}')


def _pairs(edges: tuple[Edge, ...], backwards: bool = False) -> Iterator[tuple[NodeId, NodeId]]:
    for edge in edges:
        if not edge.back:
            yield (edge.target, edge.source) if backwards else (edge.source, edge.target)


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
    for (kind, place), nodes in writers.items():
        before = marked_before(graph.successors, nodes) if len(nodes) > 1 else {}
        for at, (one, other) in enumerate(pairwise(nodes)):
            if not (before[other] >> at & 1 or before[one] >> (at + 1) & 1):
                message = f"'{one}' and '{other}' run side by side and both write to the {kind} {place}"
                hint = f'if one must come first, add {{"from": "{one}", "to": "{other}"}}'
                yield Issue("ambiguous_fan_out", graph.nodes[other].path, message, hint)
