"""Small graphs that the views are shown on."""

from __future__ import annotations

import pytest

from runtime.graph import Block, BlockId, Edge, Graph, Node, NodeId, build_graph
from runtime.normalise import normalise
from runtime.workflow import load_workflow


def step(name: str, kind: str, **rest: object) -> dict[str, object]:
    return {"id": name, "type": kind, **rest}


@pytest.fixture
def report() -> Graph:
    """One step, three side by side, one step: the form people write."""
    branches = [step("analyze", "llm"), step("visualize", "llm"), step("summarize", "llm")]
    pipeline = [step("fetch", "http"), {"parallel": branches}, step("combine", "llm")]
    return normalise(load_workflow({"name": "report", "pipeline": pipeline})).graph


@pytest.fixture
def n_shape() -> Graph:
    """The least graph that no nesting of sequences and parallel blocks can say."""
    nodes = [Node(NodeId(name), "wait") for name in "abcd"]
    return build_graph(nodes, [("a", "c"), ("a", "d"), ("b", "d")], name="n-shape")


@pytest.fixture
def routed() -> Graph:
    """Actions, an arm, a loop."""
    review = step("review", "approve", next={"approved": "publish", "no, thanks": [step("log", "shell")], "again": "draft"})
    pipeline = [step("draft", "llm"), review, step("file", "shell", next={"default": None}), step("publish", "http")]
    return normalise(load_workflow({"name": "routed", "pipeline": pipeline})).graph


@pytest.fixture
def barriers() -> Graph:
    """Two blocks, one after the other: every step of the first comes before every step of the second."""
    blocks = [{"parallel": [step(f"{letter}{n}", "wait") for n in (1, 2)]} for letter in "ab"]
    return normalise(load_workflow({"pipeline": blocks})).graph


@pytest.fixture
def boxed(n_shape: Graph) -> Graph:
    """Blocks inside one another, and two that cross."""
    blocks = (
        Block(BlockId("outer"), frozenset(map(NodeId, "abc")), on_error="continue", max_concurrent=2, timeout=1.5),
        Block(BlockId("#inner"), frozenset(map(NodeId, "ab"))),
        Block(BlockId("crossing"), frozenset(map(NodeId, "cd"))),
    )
    kept = blocks[:2]
    return Graph(n_shape.nodes, n_shape.edges, (*kept, Block(BlockId("alone"), frozenset({NodeId("d")}))), name="boxed")
