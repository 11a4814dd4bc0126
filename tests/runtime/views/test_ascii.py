"""The outline for a terminal."""

from __future__ import annotations

from runtime.graph import Graph, Node, NodeId, build_graph
from runtime.views import ascii


def test_branches_stand_below_the_step_they_follow(report: Graph) -> None:
    assert ascii.render(report).splitlines() == [
        "* fetch         http",
        "* ├─ analyze    llm",
        "  ├─ visualize  llm",
        "  └─ summarize  llm",
        "* combine       llm",
        "",
        "* critical path",
    ]


def test_what_no_nesting_can_say_is_said_by_arrows(n_shape: Graph) -> None:
    assert ascii.render(n_shape).splitlines() == [
        "* ┌─ a  wait",
        "  ├─ b  wait",
        "* ├─ c  wait  <- a",
        "  └─ d  wait  <- a, b",
        "",
        "* critical path   <- after just these",
    ]


def test_actions_stand_in_brackets_and_a_loop_at_the_step_it_leaves(routed: Graph) -> None:
    assert ascii.render(routed).splitlines() == [
        "* draft       llm",
        "* review      approve  -> draft [again]",
        '* ├─ log      shell    <- review ["no, thanks"]',
        "* │  file     shell    <- review, log",
        "  └─ publish  http     <- review [approved]",
        "",
        "* critical path   <- after just these   -> loops back",
    ]


def test_a_barrier_between_two_blocks_needs_no_arrow(barriers: Graph) -> None:
    assert ascii.render(barriers).splitlines()[:4] == [
        "* ┌─ a1  wait",
        "  └─ a2  wait",
        "* ┌─ b1  wait",
        "  └─ b2  wait",
    ]


def test_branches_hold_sequences_that_hold_branches() -> None:
    nodes = [Node(NodeId(name), "wait") for name in "abcdef"]
    graph = build_graph(nodes, [("a", "b"), ("b", "c"), ("b", "d"), ("c", "e"), ("d", "e")])
    assert ascii.render(graph).splitlines()[:6] == [
        "* ┌─ a     wait",
        "* │  b     wait",
        "* │  ├─ c  wait",
        "  │  └─ d  wait",
        "* │  e     wait",
        "  └─ f     wait",
    ]


def test_a_step_below_branches_follows_their_ends_alone() -> None:
    nodes = [Node(NodeId(name), "wait") for name in "abcd"]
    graph = build_graph(nodes, [("a", "b"), ("b", "d"), ("c", "d")])
    assert ascii.render(graph).splitlines()[:4] == ["* ┌─ a  wait", "* │  b  wait", "  └─ c  wait", "* d     wait"]


def test_a_mark_stands_before_its_id(report: Graph) -> None:
    lines = ascii.render(report, marks={"fetch": "✓", "visualize": "✗"}).splitlines()
    assert lines[:3] == ["* ✓ fetch         http", "* ├─   analyze    llm", "  ├─ ✗ visualize  llm"]


def test_arrows_that_find_no_place_go_below(n_shape: Graph) -> None:
    lines = ascii.render(n_shape, width=20).splitlines()
    assert lines[2:6] == ["* ├─ c  wait  <- a", "  └─ d  wait", "         <- a, b", ""]


def test_nothing_that_a_terminal_obeys_comes_through(hostile: Graph) -> None:
    text = ascii.render(hostile, marks={"end": "\x1b"})
    assert all(line.isprintable() for line in text.splitlines())
    assert "\\u202ertl" in text
