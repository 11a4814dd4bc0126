"""The normalised model: nodes, labelled edges, blocks; and graph theory that knows nothing else. Pure.

A graph does not remember which surface form it came from. Hidden nodes are barriers: they order, and do nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NewType, TypeVar

from runtime.issues import JsonValue
from runtime.workflow import Batch, InputSpec, JsonObject, Mode, OutputSpec, Retry, Settings, Undo

NodeId = NewType("NodeId", str)
BlockId = NewType("BlockId", str)
DEFAULT = "default"
OTHERWISE = "#otherwise"  # the way of an action that nobody named, from a step that sends `default` elsewhere
T = TypeVar("T", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Node:
    """One operation. `path` is its JSON pointer in the document; `timeout` bounds each attempt, in seconds."""

    id: NodeId
    type: str
    params: JsonObject = field(default_factory=dict)
    path: str = ""
    purpose: str = ""
    timeout: float | None = None
    pool: str | None = None
    idempotent: bool = False
    retry: Retry | None = None
    batch: Batch | None = None
    undo: Undo | None = None
    hidden: bool = False

    @property
    def resolved_parts(self) -> tuple[JsonValue, ...]:
        """What is resolved before the node runs: its params and what it is a batch over."""
        return (self.params,) if self.batch is None else (self.params, self.batch.items)

    @property
    def parts(self) -> tuple[JsonValue, ...]:
        """All of the node that may hold references."""
        return self.resolved_parts if self.undo is None else (*self.resolved_parts, self.undo.params)


@dataclass(frozen=True, slots=True)
class Edge:
    """`target` comes after `source`, if that ended with `action`. A back edge closes a loop and orders nothing."""

    source: NodeId
    target: NodeId
    action: str = DEFAULT
    back: bool = False
    path: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Block:
    """What is said about the nodes inside it, those of inner blocks included. `timeout` in seconds."""

    id: BlockId
    nodes: frozenset[NodeId]
    path: str = ""
    parent: BlockId | None = None
    on_error: Mode | None = None
    max_concurrent: int | None = None
    timeout: float | None = None


@dataclass(frozen=True)
class Graph:
    """A workflow with one meaning. Nodes stand in document order."""

    nodes: Mapping[NodeId, Node]
    edges: tuple[Edge, ...] = ()
    blocks: tuple[Block, ...] = ()
    name: str = ""
    description: str = ""
    inputs: Mapping[str, InputSpec] | None = None
    outputs: Mapping[str, OutputSpec] | None = None
    settings: Settings = field(default_factory=Settings)

    @cached_property
    def successors(self) -> Mapping[NodeId, list[NodeId]]:
        """Nodes to the nodes right after them, back edges left out, each once."""
        return adjacency(self.nodes, ((edge.source, edge.target) for edge in self.edges if not edge.back))

    @cached_property
    def predecessors(self) -> Mapping[NodeId, list[NodeId]]:
        return adjacency(self.nodes, ((edge.target, edge.source) for edge in self.edges if not edge.back))

    @cached_property
    def steps(self) -> tuple[Node, ...]:
        """The nodes that do something."""
        return tuple(node for node in self.nodes.values() if not node.hidden)

    def is_step(self, node: NodeId) -> bool:
        return not self.nodes[node].hidden

    @cached_property
    def finals(self) -> tuple[NodeId, ...]:
        """The steps that no other step comes after; the way back of a loop does not count."""
        leading, stack = set[NodeId](), [node.id for node in self.steps]
        while stack:
            new = [node for node in self.predecessors[stack.pop()] if node not in leading]
            leading.update(new)
            stack += [node for node in new if self.nodes[node].hidden]
        return tuple(node.id for node in self.steps if node.id not in leading)

    @cached_property
    def visible_edges(self) -> tuple[Edge, ...]:
        """The edges between steps: a path through barriers counts as one edge, labelled as it leaves its source."""
        return tuple(self.between_steps(edge for edge in self.edges if edge.action != OTHERWISE))

    def between_steps(self, edges: Iterable[Edge]) -> Iterator[Edge]:
        """The given edges followed through barriers: from a step to each step that they lead to, each once."""
        leaving: dict[NodeId, list[Edge]] = {}
        for edge in self.edges:
            leaving.setdefault(edge.source, []).append(edge)

        def lead(edge: Edge) -> Iterator[NodeId]:
            if not self.nodes[edge.target].hidden:
                yield edge.target
                return
            for onward in leaving.get(edge.target, ()):
                yield from lead(onward)

        shown = (Edge(e.source, to, e.action, e.back) for e in edges if self.is_step(e.source) for to in lead(e))
        yield from dict.fromkeys(shown)


def build_graph(nodes: Iterable[Node], edges: Iterable[tuple[str, str] | Edge] = (), **rest: object) -> Graph:
    """A graph from Python, of any size: nodes, and edges as pairs of ids. KeyError names an id that is no node."""
    by_id = {node.id: node for node in nodes}
    made = tuple(e if isinstance(e, Edge) else Edge(NodeId(e[0]), NodeId(e[1])) for e in edges)
    for edge in made:
        if edge.source not in by_id or edge.target not in by_id:
            raise KeyError(f"the edge {edge.source} -> {edge.target} names a node that is not there")
    return Graph(by_id, made, **rest)  # type: ignore[arg-type]  # the other fields of Graph, by name


# --- graph theory, generic -------------------------------------------------------------------------------------------


class Cycle(ValueError):
    """The nodes of one cycle, in order."""

    def __init__(self, nodes: Sequence[Hashable]) -> None:
        self.nodes = tuple(nodes)
        names = [str(node) for node in (*nodes, nodes[0])]
        super().__init__(" -> ".join(names if len(names) <= 10 else [*names[:5], "…", *names[-4:]]))


def adjacency(nodes: Iterable[T], pairs: Iterable[tuple[T, T]]) -> dict[T, list[T]]:
    """Each node to the nodes its pairs lead to, in order and once."""
    found: dict[T, dict[T, None]] = {node: {} for node in nodes}
    for source, target in pairs:
        found[source][target] = None
    return {node: list(targets) for node, targets in found.items()}


def topological(successors: Mapping[T, Sequence[T]]) -> list[T]:
    """All nodes, each after those that lead to it; ties in the mapping's order. Raises Cycle. Kahn (1962)."""
    missing = dict.fromkeys(successors, 0)
    for targets in successors.values():
        for target in targets:
            missing[target] += 1
    order = [node for node, count in missing.items() if not count]
    for node in order:
        for target in successors[node]:
            missing[target] -= 1
            if not missing[target]:
                order.append(target)
    if len(order) < len(missing):
        raise _cycle_among({node: None for node, count in missing.items() if count}, successors)
    return order


def _cycle_among(left: Mapping[T, None], successors: Mapping[T, Sequence[T]]) -> Cycle:
    """One cycle among nodes that cannot be ordered, found by walking backwards: each of them has one before it."""
    before = {target: node for node in left for target in successors[node] if target in left}
    node, walk = next(iter(left)), dict[T, None]()
    while node not in walk:
        walk[node] = None
        node = before[node]
    backwards = list(walk)
    return Cycle(backwards[backwards.index(node) :][::-1])


def components(successors: Mapping[T, Sequence[T]]) -> dict[T, T]:
    """Each node to the one that stands for all those it lies on a cycle with. Two walks, after Kosaraju (1978)."""
    before = adjacency(successors, ((target, node) for node, targets in successors.items() for target in targets))
    found: dict[T, T] = {}
    for root in reversed(_finished(successors)):
        stack = [] if root in found else [root]
        found.setdefault(root, root)
        while stack:
            new = [node for node in before[stack.pop()] if node not in found]
            found.update(dict.fromkeys(new, root))
            stack += new
    return found


def _finished(successors: Mapping[T, Sequence[T]]) -> list[T]:
    """All nodes in the order in which a depth-first walk leaves them."""
    order, seen = list[T](), set[T]()
    for root in successors:
        stack = [] if root in seen else [(root, iter(successors[root]))]
        seen.add(root)
        while stack:
            onward = next((node for node in stack[-1][1] if node not in seen), None)
            if onward is None:
                order.append(stack.pop()[0])
            else:
                seen.add(onward)
                stack.append((onward, iter(successors[onward])))
    return order


def cycles(successors: Mapping[T, Sequence[T]]) -> list[Cycle]:
    """One cycle of every group of nodes that wait for one another."""
    groups: dict[T, dict[T, None]] = {}
    group_of = components(successors)
    for node in successors:
        groups.setdefault(group_of[node], {})[node] = None
    tangled = (group for name, group in groups.items() if len(group) > 1 or name in successors[name])
    return [_cycle_among(group, successors) for group in tangled]


def levels(successors: Mapping[T, Sequence[T]], weight: Callable[[T], int] = lambda node: 1) -> dict[T, int]:
    """Every node to the weight of the heaviest way to it, its own not counted. Raises Cycle."""
    level: dict[T, int] = dict.fromkeys(successors, 0)
    for node in topological(successors):
        reached = level[node] + weight(node)
        for target in successors[node]:
            level[target] = max(level[target], reached)
    return level


def generations(successors: Mapping[T, Sequence[T]]) -> list[list[T]]:
    """The nodes by their level: those without predecessor first. Raises Cycle."""
    level = levels(successors)
    layers: list[list[T]] = [[] for _ in range(max(level.values(), default=-1) + 1)]
    for node, at in level.items():
        layers[at].append(node)
    return layers


def marked_before(successors: Mapping[T, Sequence[T]], marked: Iterable[T]) -> dict[T, int]:
    """For every node, which of the marked nodes come before it, as bits in the order of `marked`. Raises Cycle."""
    bit = {node: 1 << at for at, node in enumerate(marked)}
    before = dict.fromkeys(successors, 0)
    for node in topological(successors):
        seen = before[node] | bit.get(node, 0)
        if seen:
            for target in successors[node]:
                before[target] |= seen
    return before


def ancestors(node: T, predecessors: Mapping[T, Sequence[T]]) -> set[T]:
    """All nodes from which a way leads to `node`."""
    found: set[T] = set()
    stack = list(predecessors[node])
    while stack:
        if (each := stack.pop()) not in found:
            found.add(each)
            stack.extend(predecessors[each])
    return found


def critical_path(successors: Mapping[T, Sequence[T]], weight: Callable[[T], float]) -> tuple[float, list[T]]:
    """The length and the nodes of a heaviest way; of equals, the first in order. Raises Cycle."""
    best: dict[T, tuple[float, T | None]] = dict.fromkeys(successors, (0.0, None))
    order = topological(successors)
    for node in order:
        reached = best[node][0] + weight(node)
        for target in successors[node]:
            if best[target][1] is None or reached > best[target][0]:
                best[target] = (reached, node)
    if not order:
        return 0.0, []
    end: T | None = max(order, key=lambda node: best[node][0] + weight(node))
    assert end is not None
    length, way = best[end][0] + weight(end), list[T]()
    while end is not None:
        way.append(end)
        end = best[end][1]
    return length, way[::-1]


def ordered_pairs(graph: Graph) -> set[tuple[NodeId, NodeId]]:
    """The pairs of steps of which the first is always settled before the second starts."""
    return {
        (before, node.id)
        for node in graph.steps
        for before in ancestors(node.id, graph.predecessors)
        if not graph.nodes[before].hidden
    }


def behind_routing(graph: Graph) -> frozenset[NodeId]:
    """Routers, steps that a loop leads back to, and all that comes after one of them."""
    stack = [edge.source for edge in graph.edges if edge.action != DEFAULT or edge.back]
    stack += [edge.target for edge in graph.edges if edge.back]
    found = set(stack)
    while stack:
        new = [node for node in graph.successors[stack.pop()] if node not in found]
        found.update(new)
        stack += new
    return frozenset(found)


def equal(one: Graph, other: Graph) -> bool:
    """Whether two graphs order the same pairs of nodes, with the same actions, and say the same of the same blocks.

    What a block is called is no part of that. Raises Cycle.
    """

    def blocks(graph: Graph) -> Counter[tuple[object, ...]]:
        return Counter((b.nodes, b.on_error, b.max_concurrent, b.timeout) for b in graph.blocks)

    def actions(graph: Graph) -> set[Edge]:
        return set(graph.between_steps(edge for edge in graph.edges if edge.action != DEFAULT))

    names = [node.id for node in one.steps]
    return (
        set(names) == {node.id for node in other.steps}
        and blocks(one) == blocks(other)
        and actions(one) == actions(other)
        and _befores(one, names) == _befores(other, names)
    )


def _befores(graph: Graph, names: Sequence[NodeId]) -> list[int]:
    before = marked_before(graph.successors, names)
    return [before[name] for name in names]
