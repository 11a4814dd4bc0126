"""A workflow changed by a model: what was not spoken of stays, also where the model has no words for it."""

from __future__ import annotations

import asyncio
import json

import pytest

from planner import InvalidRequest, Plan, difference, editable, plan
from planner.editing import restored, shown
from runtime.completion import ScriptedClient
from runtime.issues import JsonValue
from runtime.node_types import Registry, installed_types


@pytest.fixture(scope="module")
def types() -> Registry:
    return installed_types()


def step(name: str, **more: JsonValue) -> dict[str, JsonValue]:
    return {"id": name, "type": "transform", "params": {"value": name}, **more}


RETRY: JsonValue = {"max_attempts": 3}
REPORT: dict[str, JsonValue] = {
    "name": "report",
    "inputs": {"place": {"default": "Oslo"}},
    "settings": {"on_error": "continue"},
    "outputs": {"text": "${both.result}"},
    "pipeline": [
        {"parallel": [step("one", retry=RETRY), step("two")], "id": "sources", "timeout": 9},
        step("both", params={"value": "${one.result} ${two.result}"}, next={"error": "late"}),
        step("late"),
    ],
}


def changed(answer: dict[str, JsonValue], types: Registry, workflow: JsonValue = None) -> tuple[Plan, str]:
    client = ScriptedClient([json.dumps(answer)])
    base = REPORT if workflow is None else workflow
    planned = asyncio.run(plan("also translate it", completions=client, registry=types, change=base))
    return planned, client.requests[0].messages[-1].content


def answered(*more: JsonValue) -> dict[str, JsonValue]:
    return {"description": "as asked", "pipeline": [*shown(REPORT)["pipeline"], *more]}  # type: ignore[misc]  # a list


def test_the_model_is_shown_only_what_it_can_write(types: Registry) -> None:
    _, prompt = changed(answered(), types)
    assert json.dumps(shown(REPORT)) in prompt
    assert "Request: Change it: also translate it" in prompt
    assert "retry" not in prompt
    assert "settings" not in prompt


def test_what_the_model_was_not_shown_comes_back(types: Registry) -> None:
    planned, _ = changed(answered(step("more", params={"value": "${both.result}!"})), types)
    made = planned.workflow
    assert {key: made[key] for key in ("name", "inputs", "settings", "outputs")} == {
        key: REPORT[key] for key in ("name", "inputs", "settings", "outputs")
    }
    assert made["pipeline"][:3] == REPORT["pipeline"]  # type: ignore[index]  # a list
    assert str(difference(REPORT, made)) == "added more; 4 as before"


def test_a_changed_step_keeps_its_retry_and_a_new_one_of_its_name_does_not() -> None:
    new: JsonValue = {"pipeline": [{"parallel": [step("one", params={"value": "new"}), step("two")]}]}
    other: JsonValue = {"pipeline": [{"id": "one", "type": "wait", "params": {"seconds": 1}}]}
    made, replaced = restored(new, REPORT), restored(other, REPORT)
    assert made["pipeline"][0]["parallel"][0]["retry"] == RETRY  # type: ignore[index,call-overload]  # as above
    assert made["pipeline"][0]["id"] == "sources"  # type: ignore[index,call-overload]  # as above
    assert "retry" not in json.dumps(replaced)


def test_a_block_that_lost_a_step_is_another_block() -> None:
    less: JsonValue = {"pipeline": [{"parallel": [step("two"), step("three")]}]}
    assert "sources" not in json.dumps(restored(less, REPORT))


def test_waits_that_were_written_stay_in_an_edit(types: Registry) -> None:
    chain: dict[str, JsonValue] = {"pipeline": [step("a"), step("b")]}
    planned, _ = changed({"description": "x", "pipeline": [step("a"), step("b"), step("c")]}, types, chain)
    assert [each["id"] for each in planned.workflow["pipeline"]] == ["a", "b", "c"]  # type: ignore[union-attr,index,call-overload]


def test_a_graph_form_is_changed_as_a_pipeline(types: Registry) -> None:
    graph: JsonValue = {"nodes": [step("a"), step("b")], "edges": [{"from": "a", "to": "b"}]}
    assert [each["id"] for each in editable(graph, types)["pipeline"]] == ["a", "b"]  # type: ignore[union-attr,index,call-overload]


def test_a_workflow_that_is_not_valid_is_not_changed(types: Registry) -> None:
    with pytest.raises(InvalidRequest, match=r"is not valid:\n.*taken already"):
        editable({"pipeline": [step("a"), step("a")]}, types)


def test_the_difference_names_every_step_once() -> None:
    before: dict[str, JsonValue] = {"pipeline": [step("a"), {"parallel": [step("b"), step("c")]}]}
    after: dict[str, JsonValue] = {"pipeline": [step("a"), step("b", params={"value": 1}), step("d")]}
    made = difference(before, after)
    assert (made.added, made.removed, made.changed, made.kept) == (("d",), ("c",), ("b",), ("a",))
    assert str(made) == "added d; removed c; changed b; 1 as before"
