"""Which references need `??` because a router may pass their step by."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.certainty import Certainty
from runtime.graph import Edge, Graph, Node, NodeId, build_graph
from tests.language import Document, errors, found, graph, graph_of, only_issue, pipeline, step


def ask(name: str, **more: object) -> Document:
    return {"id": name, "type": "llm", "params": {"prompt": "which?"}, **more}


ARMS = (ask("a", next={"x": "one", "y": "other"}), step("one"), step("other"))


def test_a_step_that_only_one_arm_runs_is_not_certain() -> None:
    issue = only_issue(pipeline(*ARMS, step("z", "${one.result}")), "unguaranteed_reference")
    assert issue.path == "/pipeline/3/params/value"
    assert "${one.result ?? null}" in issue.hint


@pytest.mark.parametrize("value", ["${one.result ?? other.result}", "${one.error}", "${a.result}"])
def test_an_alternative_an_error_or_the_router_itself_are_certain_enough(value: str) -> None:
    assert not errors(pipeline(*ARMS, step("z", value)))


def test_inside_an_arm_the_steps_of_the_arm_are_certain() -> None:
    assert not errors(pipeline(ask("a", next={"x": [step("i"), step("j", "${i.result}")]}), step("z")))


def test_what_null_may_skip_is_not_certain_behind_the_block() -> None:
    branch: Document = {"pipeline": [ask("q", next={"stop": None}), step("b")]}
    document = pipeline({"parallel": [branch, step("c")]}, step("z", "${q.result} ${c.result} ${b.result}"))
    assert errors(document) == {("unguaranteed_reference", "/pipeline/1/params/value")}


def test_two_steps_of_one_decision_are_certain_of_each_other() -> None:
    nodes = [ask("a"), step("b"), step("c"), step("d", "${b.result} ${c.result}")]
    joined = graph(nodes, "a-b:x", "a-c:x", "b-d", "c-d")
    assert not errors(joined)


def test_the_outputs_of_the_workflow_may_name_any_step() -> None:
    document = {**pipeline(*ARMS), "outputs": {"one": "${one.result}"}}
    assert not [code for code, _ in found(document) if code == "unguaranteed_reference"]


def test_what_every_way_leads_to_is_certain_behind_any_number_of_routers() -> None:
    steps = [entry for at in range(60) for entry in (ask(f"r{at}", next={"x": f"s{at}"}), step(f"s{at}"))]
    certain = Certainty(graph_of(pipeline(*steps, step("z"))))
    assert all(certain.runs_whenever(NodeId(f"r{at}"), NodeId("z")) for at in range(60))
    assert not any(certain.runs_whenever(NodeId(f"s{at}"), NodeId("z")) for at in range(60))


def test_a_step_with_an_error_arm_is_certain_for_what_follows() -> None:
    handled: Document = {"id": "a", "type": "shell", "params": {"command": "true"}, "next": {"error": [step("i")]}}
    assert not errors(pipeline(handled, step("z", "${a.stdout}")))


@given(st.integers(0, 10_000))
def test_the_diagram_agrees_with_trying_every_combination_of_decisions(seed: int) -> None:
    graph = routed_graph(Random(seed))
    certain = Certainty(graph)
    worlds = [frozenset(_runs(graph, world)) for world in _worlds(graph)]
    for one in graph.nodes:
        for other in graph.nodes:
            expected = all(one in ran for ran in worlds if other in ran)
            assert certain.runs_whenever(one, other) == expected


def routed_graph(random: Random) -> Graph:
    names = [f"n{at}" for at in range(random.randint(1, 7))]
    edges = [
        Edge(NodeId(a), NodeId(b), random.choice(["default", "default", "x", "y"]))
        for at, b in enumerate(names)
        for a in names[:at]
        if random.random() < 0.4
    ]
    return build_graph([Node(NodeId(name), "transform") for name in names], edges)


def _worlds(graph: Graph) -> Iterator[dict[NodeId, str]]:
    for actions in product(("default", "x", "y"), repeat=len(graph.nodes)):
        yield dict(zip(graph.nodes, actions, strict=True))


def _runs(graph: Graph, world: dict[NodeId, str]) -> Iterator[NodeId]:
    """The nodes that run, by the join rule alone; an action without an edge takes the default edges."""
    ran: set[NodeId] = set()
    for node in graph.nodes:
        arriving = [edge for edge in graph.edges if edge.target == node]
        if not arriving or any(edge.source in ran and _takes(graph, edge, world) for edge in arriving):
            ran.add(node)
            yield node


def _takes(graph: Graph, edge: Edge, world: dict[NodeId, str]) -> bool:
    action = world[edge.source]
    named = {each.action for each in graph.edges if each.source == edge.source}
    return edge.action == (action if action in named else "default")
