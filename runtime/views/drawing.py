"""What the drawings of a graph share: its critical path, its blocks as boxes in boxes, text that is safe to show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from runtime.graph import DEFAULT, Block, Edge, Graph, NodeId, critical_path


@dataclass(frozen=True, slots=True)
class Cluster:
    """A block and what stands directly in it, in document order."""

    block: Block
    items: tuple[Item, ...]


Item: TypeAlias = NodeId | Cluster


def longest_path(graph: Graph) -> list[NodeId]:
    """The steps of a longest way through the graph, each of weight 1; of equals the first. Raises Cycle."""
    _, way = critical_path(graph.successors, lambda node: 0 if graph.nodes[node].hidden else 1)
    return [node for node in way if not graph.nodes[node].hidden]


def critical_edges(graph: Graph) -> frozenset[Edge]:
    """The visible edges along the longest path. Raises Cycle."""
    links = set(pairwise(longest_path(graph)))
    return frozenset(edge for edge in graph.visible_edges if not edge.back and (edge.source, edge.target) in links)


def grouped(graph: Graph) -> list[Item]:
    """The steps in their blocks; a block that crosses another, holding only a part of it, is left out."""
    items: list[Item] = [node.id for node in graph.steps]
    for block in sorted(_nesting(graph.blocks), key=lambda block: len(block.nodes)):
        if inside := [item for item in items if block.nodes.issuperset(_members(item))]:
            cluster = Cluster(block, tuple(inside))
            items = [
                cluster if item is inside[0] else item for item in items if item is inside[0] or item not in inside
            ]
    return items


def _nesting(blocks: tuple[Block, ...]) -> Iterator[Block]:
    for one in blocks:
        shared = [(one.nodes & other.nodes, other.nodes) for other in blocks]
        if all(not both or both in (one.nodes, nodes) for both, nodes in shared):
            yield one


def _members(item: Item) -> frozenset[NodeId]:
    return item.block.nodes if isinstance(item, Cluster) else frozenset((item,))


def caption(block: Block) -> str:
    """What a block says, on one line; an id that no document can hold (`#...`) stands for a block without one."""
    said = (
        "" if block.id.startswith("#") else plain(block.id),
        block.on_error or "",
        f"at most {block.max_concurrent} at once" if block.max_concurrent is not None else "",
        f"within {block.timeout:g} s" if block.timeout is not None else "",
    )
    return ", ".join(filter(None, said)) or "parallel"


def label(edge: Edge) -> str:
    """An edge's action as it is shown: nothing for the default one, `""` for one that is empty."""
    return "" if edge.action == DEFAULT else plain(edge.action) or '""'


def plain(text: str) -> str:
    """Text on one line, in which what a terminal or a browser would obey (controls, bidi marks) is escaped."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
