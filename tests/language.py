"""Short ways to write a document, and to ask what is wrong with it."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from runtime.checks import examine
from runtime.graph import Graph, NodeId
from runtime.issues import Issue
from runtime.node_types import Registry, installed_types

FIXTURES = Path(__file__).with_name("fixtures")
Document = dict[str, Any]


def fixture(name: str) -> Document:
    document: Document = json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))
    return document


@cache
def registry() -> Registry:
    return installed_types()


def step(name: str, value: object = None, **more: object) -> Document:
    """A step without effects: it gives back a value."""
    return {"id": name, "type": "transform", "params": {"value": value}, **more}


def pipeline(*entries: Document, **more: object) -> Document:
    return {"pipeline": list(entries), **more}


def graph(nodes: list[Document], *edges: str, **more: object) -> Document:
    """The graph form; an edge is written `a-b`, or `a-b:action`."""
    return {"nodes": nodes, "edges": [_edge(each) for each in edges], **more}


def _edge(text: str) -> Document:
    pair, _, action = text.partition(":")
    source, _, target = pair.partition("-")
    return {"from": source, "to": target} | ({"action": action} if action else {})


def issues(document: object) -> list[Issue]:
    return list(examine(document, registry()).issues)  # type: ignore[arg-type]  # also what no document can be


def found(document: object) -> set[tuple[str, str]]:
    """Code and path of every issue."""
    return {(issue.code, issue.path) for issue in issues(document)}


def errors(document: object) -> set[tuple[str, str]]:
    """Code and path of every issue that forbids a run."""
    return {(issue.code, issue.path) for issue in issues(document) if issue.severity == "error"}


def only_issue(document: object, code: str) -> Issue:
    """The one issue with the code."""
    (issue,) = (issue for issue in issues(document) if issue.code == code)
    return issue


def graph_of(document: object) -> Graph:
    examined = examine(document, registry())  # type: ignore[arg-type]  # also what no document can be
    assert examined.graph is not None, examined.issues
    return examined.graph


def edges_of(graph: Graph) -> set[str]:
    """The edges between steps, written as `graph` takes them; a way back ends with `!`."""
    return {
        f"{edge.source}-{edge.target}" + ("" if edge.action == "default" else f":{edge.action}") + "!" * edge.back
        for edge in graph.visible_edges
    }


def ids(names: str) -> frozenset[NodeId]:
    return frozenset(NodeId(name) for name in names.split())
