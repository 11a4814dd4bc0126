"""Runs of a part of a workflow, with outputs given for the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from runtime.given import excerpt, untouched_by
from runtime.graph import Graph, NodeId
from runtime.issues import InvalidWorkflow, JsonValue, Refused
from runtime.node_types import NodeFailed, Registry, Routed, node_type
from runtime.record import RunRecord
from runtime.running import Execution, load, prepare
from runtime.virtual_time import run_in_virtual_time
from runtime.workflow import JsonObject

Document = dict[str, JsonValue]
ran: list[str] = []


@node_type("work", outputs={"result": "any", "more": "any"}, aliases={"response": "result"})
async def work(value: JsonValue = None, seconds: float = 0) -> dict[str, JsonValue]:
    await asyncio.sleep(seconds)
    ran.append(str(value))
    return {"result": value, "more": None}


@node_type("guarded", capabilities=lambda params: ("shell",))
async def guarded() -> str:
    raise NodeFailed("ran", "it was run")


@node_type("choose", outputs={"result": "any"}, routes=True)
async def choose(action: str) -> Routed:
    return Routed({"result": None}, action)


REGISTRY = Registry({}).with_types(work, guarded, choose)


@pytest.fixture(autouse=True)
def nothing_ran() -> None:
    ran.clear()


def step(name: str, kind: str = "work", **keys: JsonValue) -> Document:
    params = keys.pop("params", None) or {key: keys.pop(key) for key in ("value", "seconds", "action") if key in keys}
    return {"id": name, "type": kind, "params": params, **keys}


def pipeline(*entries: JsonValue, **keys: JsonValue) -> Document:
    return {"pipeline": list(entries), **keys}


def run(document: Document | Graph, given: Mapping[str, JsonObject], **options: int) -> RunRecord:
    prepared = prepare(document, registry=REGISTRY, given=given, max_concurrent=options.get("max_concurrent"))
    return run_in_virtual_time(Execution(prepared).result())


def graph_of(document: Document) -> Graph:
    graph = load(document, REGISTRY).graph
    assert graph is not None
    return graph


CHAIN = pipeline(step("a", value="really"), step("b", value="${a.result}!"))


def test_a_given_step_is_not_run_and_its_outputs_are_read() -> None:
    record = run(CHAIN, {"a": {"result": "said"}})
    assert ran == ["said!"]
    assert record.nodes["a"].outputs == {"result": "said", "more": None}
    assert (record.nodes["a"].status, record.nodes["a"].attempts, record.nodes["b"].attempts) == ("succeeded", 0, 1)


def test_an_output_may_be_given_by_its_second_name() -> None:
    assert run(CHAIN, {"a": {"response": "said"}}).outputs == {"b": {"result": "said!", "more": None}}


def test_a_given_step_needs_no_capability_and_no_param() -> None:
    with pytest.raises(Refused):
        prepare(pipeline(step("g", "guarded")), registry=REGISTRY)
    assert run(pipeline(step("g", "guarded")), {"g": {"result": 1}}).status == "succeeded"


def test_a_given_step_takes_no_time_no_place_and_no_retry() -> None:
    second = step("b", value=2, seconds=7, timeout=1, retry={"max_attempts": 3})
    record = run(pipeline({"parallel": [step("a", value=1, seconds=5), second]}), {"b": {}}, max_concurrent=1)
    assert (record.wall_seconds, record.nodes["b"].finished) == (5, 0)


def test_a_given_step_ends_though_what_it_refers_to_has_failed() -> None:
    document = pipeline(step("g", "guarded"), step("b", value="${g.result}"), settings={"on_error": "continue"})
    prepared = prepare(document, registry=REGISTRY, given={"b": {"result": "said"}}, allow=["shell"])
    record = run_in_virtual_time(Execution(prepared).result())
    assert [node.status for node in record.nodes.values()] == ["failed", "succeeded"]


def test_each_run_gets_its_own_copy_of_what_is_given() -> None:
    given: JsonObject = {"result": [1]}
    outputs = run(CHAIN, {"a": given}).nodes["a"].outputs
    assert outputs is not None
    assert outputs["result"] == [1]
    assert outputs["result"] is not given["result"]


def test_a_thousand_given_steps_end_one_after_another() -> None:
    names = [f"s{number}" for number in range(1_000)]
    record = run(pipeline(*(step(name) for name in names)), {name: {} for name in names})
    assert record.status == "succeeded"
    assert ran == []


@pytest.mark.parametrize(
    ("given", "code", "hint"),
    [
        ({"aa": {}}, "unknown_reference", "did you mean 'a'?"),
        ({"a": {"resul": 1}}, "unknown_output", "did you mean 'result'?"),
    ],
)
def test_what_cannot_be_given_is_said_before_the_start(given: dict[str, JsonObject], code: str, hint: str) -> None:
    with pytest.raises(InvalidWorkflow) as refused:
        prepare(CHAIN, registry=REGISTRY, given=given)
    assert [(issue.code, issue.hint) for issue in refused.value.issues] == [(code, hint)]


# --- a step and what comes after it


DIAMOND = pipeline(
    step("a"),
    {"parallel": [{"pipeline": [step("b"), step("c")]}, step("d")]},
    step("e"),
)


@pytest.mark.parametrize(
    ("starts", "untouched"),
    [(["a"], ""), (["b"], "ad"), (["c"], "abd"), (["b", "d"], "a"), (["e"], "abcd"), ([], "abcde")],
)
def test_what_comes_after_no_start_is_untouched(starts: list[NodeId], untouched: str) -> None:
    assert "".join(untouched_by(graph_of(DIAMOND), starts)) == untouched


# --- a step alone


def test_a_step_alone_keeps_what_it_refers_to() -> None:
    graph = graph_of(pipeline(step("a"), step("b"), step("c", value="${a.result}")))
    alone = excerpt(graph, NodeId("c"), {"a"})
    assert (list(alone.graph.nodes), alone.missing) == (["a", "c"], ())
    assert run(alone.graph, {"a": {"result": "said"}}).outputs == {"c": {"result": "said", "more": None}}


def test_what_a_step_alone_cannot_do_without_is_missing() -> None:
    graph = graph_of(pipeline(step("a"), step("b"), step("c", value="${a.result} ${b.result ?? 1}")))
    assert excerpt(graph, NodeId("c"), set()).missing == ("a",)


def test_what_a_step_alone_can_do_without_falls_back() -> None:
    graph = graph_of(pipeline(step("b"), step("c", value='${b.result ?? "else"}')))
    record = run(excerpt(graph, NodeId("c"), set()).graph, {})
    assert record.outputs == {"c": {"result": "else", "more": None}}
    assert list(record.nodes) == ["c"]


def test_a_step_alone_needs_only_its_own_inputs() -> None:
    graph = graph_of(pipeline(step("a", value="${x}"), step("b", value="${y}"), inputs={"x": {}, "y": {}}))
    alone = excerpt(graph, NodeId("b"), set()).graph
    prepared = prepare(alone, registry=REGISTRY, inputs={"y": "here"})
    assert run_in_virtual_time(Execution(prepared).result()).outputs["b"] == {"result": "here", "more": None}


def test_a_batch_alone_knows_its_items() -> None:
    items: Document = {"items": "${a.result}", "as": "each"}
    graph = graph_of(pipeline(step("a"), step("b", value="${each} ${item}", batch=items)))
    alone = excerpt(graph, NodeId("b"), {"a"})
    assert (list(alone.graph.nodes), alone.missing) == (["a", "b"], ())


# --- routing, blocks, undo


def test_a_given_router_ends_with_the_action_given() -> None:
    router = step("r", "choose", action="left", next={"left": "a", "right": "b"})
    record = run(pipeline(router, step("a"), step("b"), step("c")), {"r": {"action": "right"}})
    assert [node.status for node in record.nodes.values()] == ["succeeded", "skipped", "succeeded", "succeeded"]
    assert record.nodes["r"].outputs == {"result": None}


def test_a_router_alone_still_has_its_actions_and_leads_nowhere() -> None:
    graph = graph_of(
        pipeline(step("r", "choose", action="left", next={"left": "a", "right": "b"}), step("a"), step("b"))
    )
    alone = excerpt(graph, NodeId("r"), set()).graph
    assert {edge.action for edge in alone.edges} == {"left", "right"}
    assert list(run(alone, {}).nodes) == ["r"]


def test_what_was_given_is_not_undone() -> None:
    undo: Document = {"type": "work", "params": {"value": "undone"}}
    document = pipeline(
        step("a", undo=undo),
        step("b", undo=undo),
        step("f", "guarded"),
        settings={"on_error": "rollback"},
    )
    prepared = prepare(document, registry=REGISTRY, given={"a": {}}, allow=["shell"])
    record = run_in_virtual_time(Execution(prepared).result())
    assert ran == ["None", "undone"]
    assert [record.nodes[name].status for name in "abf"] == ["succeeded", "undone", "failed"]


def test_a_batch_is_given_as_one() -> None:
    batch: Document = {"items": [1, 2], "as": "each"}
    record = run(pipeline(step("a", value="${each}", batch=batch), step("b", value="${a.count}")), {"a": {"count": 9}})
    assert record.nodes["b"].outputs == {"result": 9, "more": None}
    assert ran == ["9"]


def test_an_input_that_only_a_given_step_reads_is_still_the_workflows() -> None:
    with pytest.raises(InvalidWorkflow, match="the input 'x' is required"):
        prepare(pipeline(step("a", value="${x}"), inputs={"x": {}}), registry=REGISTRY, given={"a": {}})
