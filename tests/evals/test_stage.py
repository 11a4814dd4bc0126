"""The node types of one case, and the stand-ins that its run is made with."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evals.dataset import Case, Suite
from evals.stage import offered, scripted
from runtime import JsonValue, RunRecord, examine, installed_types, run


def ran(steps: list[JsonValue], outputs: JsonValue = None, **rest: object) -> RunRecord:
    """A pipeline run with the stand-ins of a case."""
    case = Case.model_validate({"id": "a", "request": "Do it.", **rest})
    document: dict[str, JsonValue] = {"pipeline": steps, **({"outputs": outputs} if outputs else {})}
    examined = examine(document, installed_types())
    assert examined.graph is not None
    return asyncio.run(run(examined, registry=scripted(case, examined.graph, installed_types())))


FETCH: JsonValue = {"id": "fetch", "type": "http", "params": {"url": "https://example.com"}}
DANGER: JsonValue = {"id": "danger", "type": "shell", "params": {"command": "touch owned"}}


def test_a_suite_that_says_nothing_offers_what_it_always_did() -> None:
    case = Case.model_validate({"id": "a", "request": "Do it."})
    names = ["code", "http", "llm", "read_file", "shell", "transform", "wait", "write_file"]
    assert list(offered(Suite(name="s", cases=(case,)), case)) == names
    chosen = case.model_copy(update={"types": ("read-file",)})
    assert list(offered(Suite(name="s", cases=(chosen,)), chosen)) == ["read_file"]


def test_a_stand_in_touches_nothing_and_needs_no_grant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert ran([DANGER, FETCH]).status == "succeeded"
    assert list(tmp_path.iterdir()) == []


def test_a_script_is_by_the_step_or_by_its_type() -> None:
    record = ran(
        [FETCH, {**FETCH, "id": "other"}],  # type: ignore[dict-item]  # an object
        {"one": "${fetch.response}", "two": "${other.response}", "status": "${other.status_code}"},
        scripted={"fetch": {"response": "mine"}, "http": {"response": "all", "status_code": 404}},
    )
    assert record.outputs == {"one": "mine", "two": "all", "status": 404}


def test_what_nobody_scripted_is_made_up_in_the_shape_that_the_workflow_refers_to() -> None:
    record = ran(
        [
            FETCH,
            {
                "id": "each",
                "type": "transform",
                "params": {"value": "${item.name}"},
                "batch": {"items": "${fetch.response.list}"},
            },
        ],
        {"deep": "${fetch.response.a.b[2].c}", "names": "${each.count}"},
    )
    assert (record.status, record.errors) == ("succeeded", ())
    assert record.outputs["deep"] == "made up"


def test_a_script_is_not_made_more_of_than_it_says() -> None:
    record = ran([FETCH], {"deep": "${fetch.response.a}"}, scripted={"http": {"response": {"b": 1}}})
    assert record.outputs == {"deep": None}


def test_a_script_may_choose_the_way() -> None:
    steps: list[JsonValue] = [
        {"id": "ask", "type": "llm", "params": {"prompt": "?"}, "next": {"yes": "a", "no": "b"}},
        {"id": "a", "type": "transform", "params": {"value": 1}},
        {"id": "b", "type": "transform", "params": {"value": 2}},
    ]
    record = ran(steps, scripted={"ask": {"action": "no"}})
    assert {name: node.status for name, node in record.nodes.items()} == {
        "ask": "succeeded",
        "a": "skipped",
        "b": "succeeded",
    }


def test_a_field_that_a_tool_does_not_return_is_an_issue_before_anything_runs() -> None:
    tool: JsonValue = {"name": "find_bus", "description": "Finds a bus.", "returns": ["origin"]}
    case = Case.model_validate({"id": "a", "request": "Do it.", "tools": [tool]})
    types = offered(Suite(name="s", cases=(case,)), case)
    find: JsonValue = {"id": "f", "type": "find_bus", "params": {}}
    say: JsonValue = {"id": "s", "type": "transform", "params": {"value": ["${f.result.origin}", "${f.result.price}"]}}
    issues = examine({"pipeline": [find, say]}, types).issues
    assert [(issue.code, issue.message) for issue in issues] == [
        ("unknown_output", "${f.result.price}: the schema of 'f' has no 'price' there")
    ]
