"""Small graphs that the views are shown on."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from runtime.graph import Block, BlockId, Edge, Graph, Node, NodeId, build_graph
from runtime.normalise import normalise
from runtime.workflow import PipelineWorkflow


def step(name: str, kind: str, **rest: object) -> dict[str, object]:
    return {"id": name, "type": kind, **rest}


@pytest.fixture
def report() -> Graph:
    """One step, three side by side, one step: the form people write."""
    branches = [step("analyze", "llm"), step("visualize", "llm"), step("summarize", "llm")]
    pipeline = [step("fetch", "http"), {"parallel": branches}, step("combine", "llm")]
    return normalise(PipelineWorkflow.model_validate({"name": "report", "pipeline": pipeline})).graph


@pytest.fixture
def n_shape() -> Graph:
    """The least graph that no nesting of sequences and parallel blocks can say."""
    nodes = [Node(NodeId(name), "wait") for name in "abcd"]
    return build_graph(nodes, [("a", "c"), ("a", "d"), ("b", "d")], name="n-shape")


@pytest.fixture
def routed() -> Graph:
    """Actions, an arm, a loop."""
    review = step(
        "review", "approve", next={"approved": "publish", "no, thanks": [step("log", "shell")], "again": "draft"}
    )
    pipeline = [step("draft", "llm"), review, step("file", "shell", next={"default": None}), step("publish", "http")]
    return normalise(PipelineWorkflow.model_validate({"name": "routed", "pipeline": pipeline})).graph


@pytest.fixture
def barriers() -> Graph:
    """Two blocks, one after the other: every step of the first comes before every step of the second."""
    blocks = [{"parallel": [step(f"{letter}{n}", "wait") for n in (1, 2)]} for letter in "ab"]
    return normalise(PipelineWorkflow.model_validate({"pipeline": blocks})).graph


@pytest.fixture
def boxed(n_shape: Graph) -> Graph:
    """A block inside another, and two that cross."""
    blocks = (
        Block(BlockId("#inner"), frozenset(map(NodeId, "ab"))),
        Block(BlockId("outer"), frozenset(map(NodeId, "abc")), on_error="continue", max_concurrent=2, timeout=1.5),
        Block(BlockId("alone"), frozenset(map(NodeId, "d"))),
    )
    return replace(n_shape, blocks=blocks, name="boxed")


@pytest.fixture
def hostile() -> Graph:
    """Names, types and actions that would be syntax, markup or an order to the terminal."""
    texts = [
        *(
            "end",
            'a"]b',
            "<script>alert(1)</script>",
            "`x`",
            "1. list",
            "- item",
            "#35;",
            "__b__",
            "&amp;",
            "%%{init}%%",
        ),
        *("style:a:b#c;", "\x1b[31m\n", "\u202ertl", "\\", "a\\N", "--> z", "]]>", "\ud800", "\ufffe", "${x}", "-- c"),
    ]
    nodes = [Node(NodeId(text), text, purpose=text) for text in texts]
    edges = [Edge(one.id, two.id, two.type[::-1]) for one, two in pairwise(nodes)]
    block = Block(BlockId('"]; end'), frozenset({nodes[0].id}))
    return build_graph(nodes, edges, blocks=(block,), name='</title>"{\x00')
