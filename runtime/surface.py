"""A Graph back to a document: the shortest pipeline, or the graph form. Pure.

A pipeline can say series and parallel parts and nothing else. What it cannot say is refused: no order is dropped, and
none is added but what the caller allows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from pydantic import BaseModel

from runtime.graph import (
    DEFAULT,
    Block,
    BlockId,
    Edge,
    Graph,
    Node,
    NodeId,
    behind_routing,
    equal,
    marked_before,
    topological,
)
from runtime.issues import InvalidWorkflow, Issue, JsonValue
from runtime.normalise import STOP, normalise
from runtime.orders import NotSeriesParallel, Parallel, Series, Tree, series_parallel
from runtime.shape import load_workflow
from runtime.workflow import GraphWorkflow, PipelineWorkflow, Settings, Workflow

Written = dict[str, JsonValue]
MOST_EDGES = 40_000  # in a document of 1 MiB


def to_pipeline(graph: Graph, within: Graph | None = None) -> Written:
    """The shortest pipeline that says the graph. Raises InvalidWorkflow if there is none.

    `within`, a graph of the same steps in a stricter order, allows what it orders to stay in order where a pipeline
    needs it.
    """
    if behind_routing(graph):
        raise _not_convertible("", "its steps are routed by actions")
    document = {**_head(graph, PipelineWorkflow), "pipeline": _Writer.of(graph, within).entries(None)}
    made = normalise(load_workflow(document)).graph
    if not _between(graph, made, within):
        raise _not_convertible("", "blocks that say something cut through what runs side by side")
    return document


def _between(least: Graph, made: Graph, within: Graph | None) -> bool:
    """Whether a graph keeps all order of one, and adds none that the other has not."""
    if within is None:
        return _same(made, least)
    steps = [node.id for node in least.steps]
    rows = zip(*(_rows(each, steps) for each in (least, made, within)), strict=True)
    return all(need & ~has == 0 and has & ~may == 0 for need, has, may in rows) and equal(
        replace(made, edges=()), replace(least, edges=())
    )


def to_graph_form(graph: Graph) -> Written:
    """The graph as nodes and edges, exactly. Raises InvalidWorkflow if that form, or any document, cannot hold it."""
    for edge in graph.edges:
        if edge.back and edge.action == DEFAULT:
            message = f"'{edge.source}' goes back by 'default': an edge back to an earlier step needs another action"
            raise _not_convertible(graph.nodes[edge.source].path, message, "only a pipeline says it")
    if (many := _ways(graph)) > MOST_EDGES:
        message = f"{many} edges are more than a document can hold"
        raise InvalidWorkflow([Issue("document_limits", "", message, "a pipeline says it in blocks")])
    said: dict[str, list[JsonValue]] = {"edges": [*map(_edge, _edges(graph))], "blocks": [*_named_blocks(graph)]}
    nodes: list[JsonValue] = [_step(node) for node in graph.steps]
    document = {**_head(graph, GraphWorkflow), "nodes": nodes, **{key: value for key, value in said.items() if value}}
    if not _same(normalise(load_workflow(document)).graph, graph):
        raise _not_convertible("", "its loops are not those that edges would show", "only a pipeline says it")
    return document


def _same(one: Graph, other: Graph) -> bool:
    """Whether two graphs are equal, and lead to steps that may be passed over by the very same edges."""
    routed = behind_routing(one) | behind_routing(other)
    edges = [{edge for edge in _edges(each) if edge.source in routed or edge.target in routed} for each in (one, other)]
    return equal(one, other) and edges[0] == edges[1]


# --- what both forms say alike ---------------------------------------------------------------------------------------


def _head(graph: Graph, form: type[Workflow]) -> Written:
    version = form.model_fields["ir_version"].default
    head: Written = {"ir_version": version, "name": graph.name, "description": graph.description}
    head = {key: value for key, value in head.items() if value}
    if graph.inputs is not None:
        head["inputs"] = {name: _dumped(spec) for name, spec in graph.inputs.items()}
    if graph.outputs is not None:
        head["outputs"] = {name: _short(_dumped(spec)) for name, spec in graph.outputs.items()}
    if graph.settings != Settings():
        head["settings"] = _in_numbers(_dumped(graph.settings))
    return head


def _dumped(model: BaseModel) -> Written:
    """A part of a document as it was written, by its own keys and without what was left out."""
    dumped: Written = model.model_dump(mode="json", by_alias=True, exclude_unset=True)
    return dumped


def _in_numbers(said: Written) -> Written:
    """Whole seconds without a point, and nothing for what is not said."""
    return {key: _number(value) for key, value in said.items() if value is not None}


def _short(output: Written) -> JsonValue:
    return output["from"] if output.keys() == {"from"} and isinstance(output["from"], str) else output


def _number(value: JsonValue) -> JsonValue:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _step(node: Node) -> Written:
    said: Written = {
        "id": node.id,
        "type": node.type,
        "purpose": node.purpose or None,
        "params": node.params or None,
        "batch": _dumped(node.batch) if node.batch else None,
        "timeout": node.timeout,
        "pool": node.pool,
        "idempotent": node.idempotent or None,
        "retry": _in_numbers(_dumped(node.retry)) if node.retry else None,
        "undo": _in_numbers(_dumped(node.undo)) if node.undo else None,
    }
    return _in_numbers(said)


def _limits(block: Block) -> Written:
    return _in_numbers({"on_error": block.on_error, "max_concurrent": block.max_concurrent, "timeout": block.timeout})


def _is_named(block: Block) -> bool:
    """Whether the block has an id of its own: one that a document did not name is called by its place."""
    return not block.id.startswith("#")


# --- the graph form --------------------------------------------------------------------------------------------------


def _edges(graph: Graph) -> Iterator[Edge]:
    """The edges between steps, and those that lead nowhere: to the end of the workflow."""
    yield from graph.between_steps(graph.edges)
    yield from (edge for edge in graph.edges if edge.target == STOP)


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
        while not _is_named(block) and (name == block.id or name in taken):
            number += 1
            name = f"block_{number}"
        nodes: list[JsonValue] = [*sorted(block.nodes, key=position.__getitem__)]
        yield {"id": name, "nodes": nodes, **_limits(block)}


# --- the pipeline ----------------------------------------------------------------------------------------------------


def _not_convertible(path: str, message: str, hint: str = "the graph form says it exactly") -> InvalidWorkflow:
    return InvalidWorkflow([Issue("not_convertible", path, message, hint)])


@dataclass(slots=True)
class _Writer:
    """Writes the steps of a graph as entries. `before` and `within` are rows of bits, as in `orders`."""

    graph: Graph
    steps: Sequence[NodeId]
    before: Sequence[int]
    within: Sequence[int] | None
    inside: dict[BlockId | None, list[NodeId]]  # steps whose innermost block it is
    blocks: dict[BlockId | None, list[Block]]  # blocks right inside it
    standing: dict[int, Block] = field(default_factory=dict)  # the first step of a block, for all of it

    @classmethod
    def of(cls, graph: Graph, within: Graph | None) -> _Writer:
        # The numbering of the stricter order fits both.
        steps = [name for name in topological((within or graph).successors) if graph.is_step(name)]
        rows = [None if each is None else _rows(each, steps) for each in (graph, within)]
        blocks: dict[BlockId | None, list[Block]] = {}
        innermost: dict[NodeId, BlockId] = {}
        for block in sorted(graph.blocks, key=lambda block: _depth(block, graph.blocks)):
            blocks.setdefault(block.parent, []).append(block)
            innermost.update(dict.fromkeys(block.nodes, block.id))
        inside: dict[BlockId | None, list[NodeId]] = {}
        for name in steps:
            inside.setdefault(innermost.get(name), []).append(name)
        return cls(graph, steps, rows[0] or (), rows[1], inside, blocks)

    def entries(self, around: BlockId | None) -> list[JsonValue]:
        """What stands in a block, or outside all of them, as a pipeline."""
        number = {name: at for at, name in enumerate(self.steps)}
        elements = sum(1 << number[name] for name in self.inside.get(around, ()))
        for block in self.blocks.get(around, ()):
            first = min(number[name] for name in block.nodes)
            self.standing[first] = block
            elements |= 1 << first
        try:
            return self.series(series_parallel(elements, self.before, self.within))
        except NotSeriesParallel as error:
            raise self.explained(error) from None

    def series(self, tree: Tree) -> list[JsonValue]:
        match tree:
            case Series(parts):
                return [entry for part in parts for entry in self.series(part)]
            case Parallel(parts):
                return [{"parallel": [_branch(self.series(part)) for part in parts]}]
            case _:
                block = self.standing.pop(tree, None)
                return [self.block(block) if block else _step(self.graph.nodes[self.steps[tree]])]

    def block(self, block: Block) -> JsonValue:
        inner = self.entries(block.id)
        only = inner[0] if len(inner) == 1 else None
        branches = only["parallel"] if isinstance(only, dict) and only.keys() == {"parallel"} else [_branch(inner)]
        return {**({"id": block.id} if _is_named(block) else {}), "parallel": branches, **_limits(block)}

    def explained(self, error: NotSeriesParallel) -> InvalidWorkflow:
        if error.shape is None:
            return _not_convertible("", "its blocks would be nested too deep")
        a, b, c, d = (self.steps[each] for each in error.shape)
        message = f"'{d}' waits for '{a}' and '{b}', '{c}' only for '{a}': blocks cannot say that"
        return _not_convertible(self.graph.nodes[d].path, message)


def _rows(graph: Graph, steps: Sequence[NodeId]) -> list[int]:
    before = marked_before(graph.successors, steps)
    return [before[name] for name in steps]


def _depth(block: Block, blocks: Iterable[Block]) -> int:
    by_id: Mapping[BlockId, Block] = {each.id: each for each in blocks}
    depth = 0
    while block.parent is not None:
        block, depth = by_id[block.parent], depth + 1
    return depth


def _branch(entries: list[JsonValue]) -> JsonValue:
    return entries[0] if len(entries) == 1 else {"pipeline": entries}
