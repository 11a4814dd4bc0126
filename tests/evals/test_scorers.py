"""Scorers: from a case and how it went to what was found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from evals.dataset import Case
from evals.scorers import installed_scorers, score
from evals.subject import Finding, Subject
from planner import Attempt
from runtime import Issue, JsonValue, Node, NodeId, build_graph

GRAPH_SCORES = ("node_f1", "edge_f1", "order_f1", "parallel_f1", "dependencies", "speedup", "arguments")
Steps = Sequence[tuple[str, str] | tuple[str, str, dict[str, JsonValue]]]
Edges = Sequence[tuple[str, str]]


def case(steps: Steps = (), edges: Edges = (), **rest: object) -> Case:
    nodes = [{"id": name, "type": kind, "params": params[0] if params else {}} for name, kind, *params in steps]
    gold = {"nodes": nodes, "edges": list(edges)}
    return Case.model_validate({"id": "one", "request": "Do it.", "expect": {"gold": gold} if steps else {}, **rest})


def answer(steps: Steps, edges: Edges = ()) -> Subject:
    nodes = [Node(NodeId(name), kind, params[0] if params else {}) for name, kind, *params in steps]
    return Subject(True, graph=build_graph(nodes, edges), attempts=(Attempt(1, ""),))


def scores(case: Case, subject: Subject) -> Mapping[str, object]:
    found = score(case, subject).scores
    return {name: found[name] for name in GRAPH_SCORES if name in found}


FAN = [("r", "read_file"), ("a", "llm"), ("b", "llm"), ("w", "write_file")]
FAN_EDGES = [("r", "a"), ("r", "b"), ("a", "w"), ("b", "w")]
CHAIN_EDGES = [("r", "a"), ("a", "b"), ("b", "w")]


def test_the_gold_graph_itself_is_perfect() -> None:
    assert scores(case(FAN, FAN_EDGES), answer(FAN, FAN_EDGES)) == dict.fromkeys(
        ("node_f1", "edge_f1", "order_f1", "parallel_f1", "dependencies", "speedup"), 1.0
    )


def test_a_needless_wait_costs_parallel_pairs_and_no_dependency() -> None:
    found = scores(case(FAN, FAN_EDGES), answer(FAN, CHAIN_EDGES))
    assert found["parallel_f1"] == 0.0
    assert found["dependencies"] == 1.0
    assert found["order_f1"] == pytest.approx(2 * 5 / (6 + 5))
    assert found["edge_f1"] == pytest.approx(2 * 2 / (3 + 4))
    assert found["speedup"] == pytest.approx((4 / 4) / (4 / 3))


def test_a_dropped_wait_costs_dependencies_and_makes_a_pair_too_many() -> None:
    found = scores(case(FAN, CHAIN_EDGES), answer(FAN, FAN_EDGES))
    assert found["dependencies"] == pytest.approx(5 / 6)
    assert found["parallel_f1"] == 0.0


def test_a_chain_that_is_a_chain_has_no_parallel_pairs_to_score() -> None:
    assert "parallel_f1" not in scores(case(FAN, CHAIN_EDGES), answer(FAN, CHAIN_EDGES))


def test_what_was_not_accepted_scores_zero_on_the_graph_and_says_why() -> None:
    refused = Subject(False, attempts=(Attempt(1, "", issues=(Issue("cycle", "/nodes", "a cycle"),)),))
    found = score(case(FAN, FAN_EDGES), refused)
    assert {found.scores[name] for name in ("node_f1", "edge_f1", "order_f1", "parallel_f1", "dependencies")} == {0.0}
    assert found.scores["valid"] is False
    assert found.scores["valid_first"] is False
    assert found.why["node_f1"] == "no workflow was accepted"


def test_a_scorer_that_raises_has_no_score_and_is_named() -> None:
    def broken(case: Case, subject: Subject) -> Finding:
        raise ValueError("no such thing")

    found = score(case(), Subject(True), {"broken": broken, "label": lambda case, subject: "a word"})
    assert found.scores == {"label": "a word"}
    assert found.why == {"broken": "the scorer failed (ValueError: no such thing)"}


def test_the_built_in_scorers_come_through_the_public_door() -> None:
    assert {"valid", "node_f1", "parallel_f1", "dependencies", "runs", "outputs", "cost"} <= set(installed_scorers())
