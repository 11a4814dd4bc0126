"""Warnings: a workflow that is legal, and probably not what was meant. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, pairwise

from runtime.graph import DEFAULT, OTHERWISE, Graph, NodeId, marked_before, topological
from runtime.issues import Issue
from runtime.node_types import Effect, Registry
from runtime.parallelize import effects_of, parallelize


def warnings_of(graph: Graph, registry: Registry, *, inferred: bool) -> list[Issue]:
    """All warnings about a valid graph; `inferred`: its parallelism comes from edges, not from blocks."""
    effects = {node.id: effects_of(node, registry) for node in graph.steps}
    found = [
        *_no_undo(graph, registry, effects),
        *_missed_parallelism(graph, registry),
        *_unreachable_actions(graph, registry),
    ]
    return found + (list(_ambiguous_fan_out(graph, effects)) if inferred else [])


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


def _missed_parallelism(graph: Graph, registry: Registry) -> Iterator[Issue]:
    """Neighbours of which the second waits for the first without a reason that the document shows."""
    neighbours = [
        (before[0], node.id)
        for node in graph.steps
        if len(before := graph.predecessors[node.id]) == 1
        and graph.is_step(before[0])
        and graph.successors[before[0]] == [node.id]
    ]
    if not neighbours:
        return
    leaner = parallelize(graph, registry)
    gain = f"{leaner.levels_after} step{'s'[: leaner.levels_after - 1]} instead of {leaner.levels_before}"
    for first, name in neighbours:
        if first in leaner.freed.get(name, ()):
            message = f"'{name}' waits for '{first}' and uses nothing of it"
            hint = f'put both into one {{"parallel": [...]}}; without false waits the longest way takes {gain}'
            yield Issue("missed_parallelism", graph.nodes[name].path, message, hint)


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
