"""Workflows of cases run to their end, with stand-ins for whatever would do something."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from evals.dataset import Case, Suite
from evals.execution import executed, timeless
from evals.stage import offered
from runtime import CassetteMiss, CompletionClient, JsonValue, Refused, RunRecord, ScriptedClient, examine

Step = dict[str, JsonValue]


def step(name: str, kind: str, /, **params: JsonValue) -> Step:
    return {"id": name, "type": kind, "params": params}


def ran(
    *steps: JsonValue, client: CompletionClient | None = None, allow: tuple[str, ...] = (), **said: object
) -> RunRecord:
    case = Case.model_validate({"id": "case", "workflow": {"pipeline": list(steps)}, **said})
    registry = offered(Suite(name="suite", cases=(case,)), case)
    examined = examine(case.workflow, registry)
    assert examined.valid, examined.issues
    return asyncio.run(executed(examined, case, registry, client or ScriptedClient(()), allow))


def test_what_nobody_scripted_is_made_up_as_deep_as_the_workflow_looks_into_it() -> None:
    record = ran(
        step("fetch", "http", url="https://example.com"),
        step("say", "transform", value="${fetch.response.items[1].name}: ${fetch.status_code}"),
    )
    assert record.outputs == {"say": {"result": "made up: 200"}}


def test_a_batch_over_what_is_made_up_finds_in_each_item_what_it_looks_for() -> None:
    each: Step = {**step("each", "llm", prompt="about ${item.name}"), "batch": {"items": "${fetch.response.files}"}}
    assert ran(step("fetch", "http", url="https://example.com"), each).status == "succeeded"


def test_an_answer_of_a_schema_is_made_up_by_it() -> None:
    schema: JsonValue = {"type": "object", "properties": {"age": {"type": "integer"}, "kind": {"enum": ["cat", "dog"]}}}
    record = ran(step("ask", "llm", prompt="Who?", output_schema=schema))
    outputs = record.nodes["ask"].outputs
    assert outputs is not None
    assert outputs["result"] == {"age": 1, "kind": "cat"}


def test_scripted_outputs_are_of_a_step_before_its_type_and_known_by_their_second_names() -> None:
    record = ran(
        step("one", "llm", prompt="x"),
        step("two", "llm", prompt="y"),
        step("both", "transform", value="${one.result} ${two.result}"),
        scripted={"llm": {"response": "a"}, "two": {"result": "b"}},
    )
    assert record.outputs == {"both": {"result": "a b"}}


def test_an_hour_of_waiting_takes_no_time_where_all_else_is_scripted() -> None:
    began = time.perf_counter()
    record = ran(step("rest", "wait", seconds=3600), real=["wait"])
    assert record.wall_seconds == 3600
    assert time.perf_counter() - began < 60


def test_a_real_step_works_in_a_folder_of_the_run_and_its_files() -> None:
    record = ran(
        step("read", "read_file", path="notes/a.txt"),
        step("save", "write_file", path="b.txt", content="${read.content}!"),
        step("check", "read_file", path="b.txt"),
        files={"notes/a.txt": "hello"},
        real=["read_file", "write_file"],
    )
    assert record.outputs["check"] == {"content": "hello!", "size": 6}
    assert not Path("b.txt").exists()


def test_what_a_real_step_needs_must_be_granted() -> None:
    with pytest.raises(Refused):
        ran(step("list", "shell", command="echo 1"), real=["shell"])
    assert ran(step("list", "shell", command="echo 1"), real=["shell"], allow=("shell",)).status == "succeeded"


def test_a_real_question_is_answered_by_the_client_and_its_miss_says_nothing_of_the_workflow() -> None:
    ask = step("ask", "llm", prompt="Who?")
    assert ran(ask, client=ScriptedClient(["me"]), real=["llm"]).status == "succeeded"
    with pytest.raises(CassetteMiss, match="ask: not recorded"):
        ran(ask, client=ScriptedClient([CassetteMiss("not recorded")]), real=["llm"])


def test_two_runs_of_one_workflow_have_the_same_record_but_for_its_times() -> None:
    steps = [step("a", "http", url="https://example.com"), step("b", "transform", value="${a.response}")]
    assert timeless(ran(*steps)) == timeless(ran(*steps))
    assert "wall_seconds" not in timeless(ran(*steps))


def test_a_run_that_never_begins_for_its_inputs_is_a_failed_one_with_the_reasons() -> None:
    case = {
        "id": "case",
        "workflow": {"inputs": {"n": {"type": "integer"}}, "pipeline": [step("a", "wait", seconds=1)]},
    }
    whole = Case.model_validate({**case, "values": {"n": "many"}})
    registry = offered(Suite(name="suite", cases=(whole,)), whole)
    record = asyncio.run(executed(examine(whole.workflow, registry), whole, registry, ScriptedClient(())))
    assert record.status is None
    assert [error.code for error in record.errors] == ["input_type", "unused_input"]
