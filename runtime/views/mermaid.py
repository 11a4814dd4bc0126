"""A graph as a Mermaid flowchart. Ids are made here (`n0`, `b0`): one of the workflow's may be a Mermaid keyword."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping

from runtime.graph import Edge, Graph, NodeId
from runtime.views.drawing import Cluster, Item, caption, critical_edges, grouped, label, longest_path, plain

CRITICAL = "stroke:#c2410c,stroke-width:3px"


def render(graph: Graph) -> str:
    """The flowchart's source; the critical path bears the class `critical`, loops are dotted. Raises Cycle."""
    names = {node.id: f"n{at}" for at, node in enumerate(graph.steps)}
    lines = ["flowchart TD", *_items(grouped(graph), graph, names, "  ")]
    lines += [f"  {_edge(edge, names)}" for edge in graph.visible_edges]
    return "\n".join([*lines, *_marks(graph, names)])


def _items(items: Iterable[Item], graph: Graph, names: Mapping[NodeId, str], indent: str) -> Iterator[str]:
    for item in items:
        if isinstance(item, Cluster):
            yield f'{indent}subgraph b{graph.blocks.index(item.block)}["{escape(caption(item.block))}"]'
            yield from _items(item.items, graph, names, indent + "  ")
            yield f"{indent}end"
        else:
            yield f'{indent}{names[item]}["{escape(item)}<br/>{escape(graph.nodes[item].type)}"]'


def _edge(edge: Edge, names: Mapping[NodeId, str]) -> str:
    arrow, action = "-.->" if edge.back else "-->", label(edge)
    said = f'|"{escape(action)}"|' if action else ""
    return f"{names[edge.source]} {arrow}{said} {names[edge.target]}"


def _marks(graph: Graph, names: Mapping[NodeId, str]) -> Iterator[str]:
    critical = critical_edges(graph)
    links = [str(at) for at, edge in enumerate(graph.visible_edges) if edge in critical]
    yield f"  classDef critical {CRITICAL}"
    if path := longest_path(graph):
        yield f"  class {','.join(names[node] for node in path)} critical"
    if links:
        yield f"  linkStyle {','.join(links)} {CRITICAL}"


# Mermaid reads labels as Markdown and HTML; a hyphen or underscore inside a word is neither.
_SPECIAL = re.compile(r"[^\w ,]|_")
_IN_A_WORD = re.compile(r"(?<=[^\W_])[_-](?=[^\W_])")


def escape(text: str) -> str:
    """Text for a Mermaid label in quotes: whatever could be syntax, markup or Markdown as `#code;`."""
    text = plain(text)
    words = {found.start() for found in _IN_A_WORD.finditer(text)}
    return _SPECIAL.sub(lambda found: found[0] if found.start() in words else f"#{ord(found[0])};", text)
