"""Workflows out of a report as pictures and as text. They were written by a model: what cannot be drawn is not drawn.

A picture goes into a page as an image of its own, in which a browser runs no script and loads nothing.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import unified_diff

from pydantic import ValidationError

from evals.dataset import Gold
from evals.report.words import counted, readable
from runtime import Graph, JsonValue, Node, NodeId, Registry, build_graph, draw, examine

NO_TYPES = Registry({})  # a picture needs to know none of them
WIDTH = 100
MOST_STEPS, MOST_EDGES = 60, 120  # more is no picture that anybody could read, and takes long to lay out


@dataclass(frozen=True, slots=True)
class Picture:
    """A graph drawn: `source` for an image, `said` for who cannot see it."""

    title: str
    source: str
    said: str


def graph_of(workflow: JsonValue) -> Graph | None:
    """The graph of a workflow, also of one with issues; None where it has no shape."""
    return examine(workflow, NO_TYPES).graph if isinstance(workflow, Mapping) else None


def graph_of_gold(gold: JsonValue) -> Graph | None:
    """The graph of a perfect answer, as a suite writes it."""
    try:
        read = Gold.model_validate(gold)
        return build_graph([Node(NodeId(node.id), node.type) for node in read.nodes], read.edges)
    except (ValidationError, KeyError):
        return None


def picture(title: str, graph: Graph | None) -> Picture | None:
    """None for a graph that is none, goes in a circle or is too large."""
    if graph is None or not 0 < len(graph.steps) <= MOST_STEPS or len(graph.visible_edges) > MOST_EDGES:
        return None
    try:
        drawn = draw(replace(graph, name=title), "svg")
    except ValueError:
        return None
    source = "data:image/svg+xml;base64," + b64encode(drawn.encode()).decode()
    ties = ", ".join(f"{edge.source} to {edge.target}" for edge in graph.visible_edges)
    return Picture(title, source, f"{title}: {counted(len(graph.steps), 'step')}; {ties or 'none waits for another'}")


def outline(workflow: JsonValue) -> str:
    """The graph as lines of text; the document itself where it has none."""
    graph = graph_of(workflow)
    try:
        return readable(draw(replace(graph, name=""), "ascii")) if graph is not None else written(workflow)
    except ValueError:
        return written(workflow)


def written(value: JsonValue) -> str:
    """JSON as a person reads it, what fits on a line on one line; nothing for None."""
    return "" if value is None else readable(_laid_out(value, ""))


def _laid_out(value: JsonValue, margin: str) -> str:
    line = json.dumps(value, ensure_ascii=False)
    if len(margin) + len(line) <= WIDTH or not isinstance(value, list | dict):
        return line
    deeper = f"{margin}  "
    if isinstance(value, dict):
        parts = [f"{json.dumps(name, ensure_ascii=False)}: {_laid_out(each, deeper)}" for name, each in value.items()]
    else:
        parts = [_laid_out(each, deeper) for each in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    return f"{opening}\n{deeper}" + f",\n{deeper}".join(parts) + f"\n{margin}{closing}"


def difference(before: JsonValue, after: JsonValue, names: tuple[str, str]) -> str:
    """A unified diff of two documents; empty if they are equal."""
    return "\n".join(_diff(written(before).splitlines(), written(after).splitlines(), names))


def _diff(before: list[str], after: list[str], names: tuple[str, str]) -> Iterator[str]:
    yield from unified_diff(before, after, *names, lineterm="", n=2)
