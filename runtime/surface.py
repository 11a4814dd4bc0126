"""A Graph back to a document: the shortest pipeline, or the graph form. Pure.

A pipeline can say series and parallel parts and nothing else. What it cannot say is refused: no order is dropped, and
none is added but what the caller allows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from runtime.graph import DEFAULT, Edge, Graph, NodeId, behind_routing, equal, topological
from runtime.issues import InvalidWorkflow, Issue, JsonValue, errors_of
from runtime.normalise import STOP, normalise
from runtime.pipelines import PipelineWriter, rows_of
from runtime.shape import load_workflow
from runtime.workflow import GraphWorkflow, PipelineWorkflow
from runtime.written import Written, edges_of, head_of, is_named, limits_of, not_convertible, step_of

MOST_EDGES = 40_000  # in a document of 1 MiB


def to_pipeline(graph: Graph, within: Graph | None = None) -> Written:
    """The shortest pipeline that says the graph. Raises InvalidWorkflow if there is none.

    `within`, a graph of the same steps in a stricter order, allows what it orders to stay in order where a pipeline
    needs it.
    """
    document = {**head_of(graph, PipelineWorkflow), "pipeline": PipelineWriter.of(graph, within).pipeline()}
    made = normalise(load_workflow(document))
    if errors_of(made.issues) or not _between(graph, made.graph, within):
        cut = "its actions lead where no 'next' can" if behind_routing(graph) else "its blocks cut through one another"
        raise not_convertible("", cut)
    return document


def _between(least: Graph, made: Graph, within: Graph | None) -> bool:
    """Whether a graph keeps all order of one, and adds none that the other has not."""
    if within is None or behind_routing(least):
        return _same(made, least)
    steps = [node.id for node in least.steps]
    rows = zip(*(rows_of(each, steps) for each in (least, made, within)), strict=True)
    return all(need & ~has == 0 and has & ~may == 0 for need, has, may in rows) and equal(
        replace(made, edges=()), replace(least, edges=())
    )


def to_graph_form(graph: Graph) -> Written:
    """The graph as nodes and edges, exactly. Raises InvalidWorkflow if that form, or any document, cannot hold it."""
    for edge in graph.edges:
        if edge.back and edge.action == DEFAULT:
            message = f"'{edge.source}' goes back by 'default': an edge back to an earlier step needs another action"
            raise not_convertible(graph.nodes[edge.source].path, message, "only a pipeline says it")
    if (many := _ways(graph)) > MOST_EDGES:
        message = f"{many} edges are more than a document can hold"
        raise InvalidWorkflow([Issue("document_limits", "", message, "a pipeline says it in blocks")])
    said: dict[str, list[JsonValue]] = {"edges": [*map(_edge, edges_of(graph))], "blocks": [*_named_blocks(graph)]}
    nodes: list[JsonValue] = [step_of(node) for node in graph.steps]
    document = {**head_of(graph, GraphWorkflow), "nodes": nodes, **{key: value for key, value in said.items() if value}}
    if not _same(normalise(load_workflow(document)).graph, graph):
        raise not_convertible("", "its loops are not those that edges would show", "only a pipeline says it")
    return document


def _same(one: Graph, other: Graph) -> bool:
    """Whether two graphs are equal, and lead to steps that may be passed over by the very same edges."""
    routed = behind_routing(one) | behind_routing(other)
    return equal(one, other) and (not routed or _edges_at(one, routed) == _edges_at(other, routed))


def _edges_at(graph: Graph, steps: frozenset[NodeId]) -> set[Edge]:
    return {edge for edge in edges_of(graph) if edge.source in steps or edge.target in steps}


def _edge(edge: Edge) -> JsonValue:
    to = None if edge.target == STOP else edge.target
    return {"from": edge.source, "to": to, **({} if edge.action == DEFAULT else {"action": edge.action})}


def _ways(graph: Graph) -> int:
    """How many edges there would be without barriers."""
    onward: dict[NodeId, int] = {}
    for name in reversed(topological(graph.successors)):
        through = (1 if graph.is_step(each) else onward[each] for each in graph.successors[name])
        onward[name] = sum(through)
    return sum(onward[step.id] for step in graph.steps)


def _named_blocks(graph: Graph) -> Iterator[Written]:
    """The blocks, those around after those inside them; one without an id gets one that is free."""
    taken = {*graph.nodes, *(block.id for block in graph.blocks)}
    position = {name: at for at, name in enumerate(graph.nodes)}
    number = 0
    for block in graph.blocks:
        name: str = block.id
        while not is_named(block) and (name == block.id or name in taken):
            number += 1
            name = f"block_{number}"
        nodes: list[JsonValue] = [*sorted(block.nodes, key=position.__getitem__)]
        yield {"id": name, "nodes": nodes, **limits_of(block)}
