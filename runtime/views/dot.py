"""A graph as Graphviz source. Every name stands in quotes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from runtime.graph import Edge, Graph, NodeId
from runtime.views.drawing import Cluster, Item, caption, critical_edges, grouped, label, longest_path, plain

CRITICAL = 'color="#c2410c", penwidth=2.5'
DEFAULTS = (
    "graph [rankdir=TB, fontname=Helvetica, fontsize=11]",
    'node [shape=box, style="rounded,filled", fillcolor=white, color="#64748b", fontname=Helvetica, fontsize=12]',
    'edge [color="#64748b", fontname=Helvetica, fontsize=10]',
)


def render(graph: Graph) -> str:
    """The source of a digraph; the critical path is bold, loops are dashed, blocks are clusters. Raises Cycle."""
    path, critical = set(longest_path(graph)), critical_edges(graph)
    lines = [f"digraph {quote(graph.name)} {{", *(f"  {line};" for line in DEFAULTS)]
    lines += _items(grouped(graph), graph, path, "  ")
    lines += [f"  {_edge(edge, edge in critical)};" for edge in graph.visible_edges]
    return "\n".join([*lines, "}"])


def _items(items: Iterable[Item], graph: Graph, path: set[NodeId], indent: str) -> Iterator[str]:
    for item in items:
        if isinstance(item, Cluster):
            yield f"{indent}subgraph {quote(f'cluster {item.block.id}')} {{"
            yield f'{indent}  label={_text(caption(item.block))}; style="rounded,dashed"; color="#94a3b8";'
            yield from _items(item.items, graph, path, indent + "  ")
            yield f"{indent}}}"
        else:
            said = [f"label={_text(item, graph.nodes[item].type)}", *([CRITICAL] if item in path else [])]
            yield f"{indent}{quote(item)} [{', '.join(said)}];"


def _edge(edge: Edge, critical: bool) -> str:
    action = label(edge)
    said = (
        f"label={_text(action)}" if action else "",
        "style=dashed, constraint=false" if edge.back else "",
        CRITICAL if critical else "",
    )
    attributes = ", ".join(filter(None, said))
    return f"{quote(edge.source)} -> {quote(edge.target)}" + (f" [{attributes}]" if attributes else "")


def _text(*lines: str) -> str:
    """A label: Graphviz reads entities in it, and a backslash with a letter."""
    return '"' + "\\n".join(quote(line.replace("&", "&amp;"))[1:-1] for line in lines) + '"'


def quote(text: str) -> str:
    """Text as a quoted Graphviz name."""
    return '"' + plain(text).replace("\\", "\\\\").replace('"', '\\"') + '"'
