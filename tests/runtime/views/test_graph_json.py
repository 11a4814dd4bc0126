"""What `plait graph --format json` prints."""

from __future__ import annotations

import json

from runtime.graph import Graph
from runtime.views import graph_json


def test_nodes_edges_blocks_and_the_critical_path(boxed: Graph) -> None:
    assert graph_json.render(boxed) == {
        "name": "boxed",
        "nodes": [{"id": name, "type": "wait"} for name in "abcd"],
        "edges": [{"from": one, "to": other, "action": "default"} for one, other in ("ac", "ad", "bd")],
        "blocks": [
            {"id": "#inner", "nodes": ["a", "b"], "on_error": None, "max_concurrent": None, "timeout": None},
            {"id": "outer", "nodes": ["a", "b", "c"], "on_error": "continue", "max_concurrent": 2, "timeout": 1.5},
            {"id": "alone", "nodes": ["d"], "on_error": None, "max_concurrent": None, "timeout": None},
        ],
        "critical_path": ["a", "c"],
    }


def test_hidden_joins_are_not_shown_and_weigh_nothing(barriers: Graph) -> None:
    assert any(node.hidden for node in barriers.nodes.values())
    shown = graph_json.render(barriers)
    assert [node["id"] for node in shown["nodes"]] == ["a1", "a2", "b1", "b2"]
    assert [(edge["from"], edge["to"]) for edge in shown["edges"]] == [
        *(("a1", "b1"), ("a1", "b2"), ("a2", "b1"), ("a2", "b2")),
    ]
    assert shown["critical_path"] == ["a1", "b1"]


def test_loops_and_actions_are_among_the_edges(routed: Graph) -> None:
    assert {"from": "review", "to": "draft", "action": "again"} in graph_json.render(routed)["edges"]


def test_it_is_json(report: Graph) -> None:
    assert json.loads(json.dumps(graph_json.render(report))) == graph_json.render(report)
