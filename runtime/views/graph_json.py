"""A graph as JSON: what `plait graph --format json` prints. Hidden joins are not shown."""

from __future__ import annotations

from runtime.graph import Block, Graph
from runtime.views.drawing import longest_path
from runtime.workflow import JsonObject


def render(graph: Graph) -> JsonObject:
    """`name`, `nodes`, `edges` (those that close a loop included), `blocks` and `critical_path`. Raises Cycle."""
    return {
        "name": graph.name,
        "nodes": [{"id": node.id, "type": node.type} for node in graph.steps],
        "edges": [{"from": edge.source, "to": edge.target, "action": edge.action} for edge in graph.visible_edges],
        "blocks": [_block(block, graph) for block in graph.blocks],
        "critical_path": longest_path(graph),
    }


def _block(block: Block, graph: Graph) -> JsonObject:
    return {
        "id": block.id,
        "nodes": [node.id for node in graph.steps if node.id in block.nodes],
        "on_error": block.on_error,
        "max_concurrent": block.max_concurrent,
        "timeout": block.timeout,
    }
