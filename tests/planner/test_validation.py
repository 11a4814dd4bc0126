"""What is accepted, and what a model is told of what is not."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterator
from pathlib import Path

from planner.parsing import parse_answer
from planner.request import Request
from planner.validation import judge, reasons
from runtime.checks import Examination
from runtime.issues import Issue, JsonValue, errors_of
from runtime.node_types import Registry, installed_types

ASKED = Request("say x")


def echo(name: str, text: str = "x", **rest: JsonValue) -> JsonValue:
    return {"id": name, "type": "echo", "params": {"text": text}, **rest}


def told(value: JsonValue, registry: Registry) -> tuple[str, ...]:
    verdict = judge(value, ASKED, registry)
    return reasons(verdict.issues, verdict.candidate)


def test_a_valid_workflow_is_accepted_as_it_is(registry: Registry) -> None:
    value: JsonValue = {"pipeline": [echo("a"), echo("b", "${a.result}")]}
    verdict = judge(value, ASKED, registry)
    assert (verdict.candidate, verdict.issues, verdict.notes) == (value, (), ())


def test_warnings_do_not_refuse_and_are_not_told(registry: Registry) -> None:
    value: JsonValue = {"pipeline": [echo("a"), echo("b", "${workflow.who}")]}
    assert judge(value, ASKED, registry).issues
    assert told(value, registry) == ()


def test_a_reason_names_the_step_and_the_place_inside_it(registry: Registry) -> None:
    value: JsonValue = {"pipeline": [{"parallel": [echo("a"), echo("b", "${a.rsult}")]}]}
    (reason,) = told({"pipeline": [echo("a"), echo("b", "${a.rsult}")]}, registry)
    assert reason.startswith("unknown_output at step 'b' params/text: ")
    assert "did you mean 'result'" in reason or "known: result" in reason
    assert told(value, registry)


def test_only_the_earliest_phase_is_told(registry: Registry) -> None:
    value: JsonValue = {"pipeline": [{"parallel": []}, {"id": "a", "type": "nobody"}]}
    (reason,) = told(value, registry)
    assert reason.startswith("empty_block at /pipeline/0/parallel: ")


def test_an_unknown_key_does_not_hide_what_the_rest_means(registry: Registry) -> None:
    value: JsonValue = {"pipeline": [echo("a", colour="red"), {"id": "b", "type": "nobody"}]}
    assert len(told(value, registry)) == 2


def test_at_most_eight_reasons_are_told_and_none_twice(registry: Registry) -> None:
    many: list[JsonValue] = [{"id": f"s{at}", "type": "nobody"} for at in range(20)]
    assert len(told({"pipeline": many}, registry)) == 8
    issue = Issue("unknown_node_type", "/pipeline/0/type", "no")
    assert reasons([issue, issue], None) == ("unknown_node_type at /pipeline/0/type: no",)


def test_a_text_that_reaches_the_bound_of_an_answer_was_cut(registry: Registry) -> None:
    cut, whole = echo("a", "x" * 1500), echo("a", "x" * 1499)
    assert told({"pipeline": [cut]}, registry) == (
        "document_limits at step 'a' params/text: this text was cut after 1,500 characters; "
        "write it in fewer than 1,500 characters, each line once",
    )
    assert told({"pipeline": [whole]}, registry) == ()
    asked = Request("Say " + "x" * 1500)
    assert judge({"pipeline": [cut]}, asked, registry).issues == ()


def test_inputs_of_the_request_are_declared_and_others_are_undefined(registry: Registry) -> None:
    asked = Request("greet", {"who": "string", "note": "what to add"})
    verdict = judge({"pipeline": [echo("a", "${workflow.who} ${workflow.note} ${workflow.x}")]}, asked, registry)
    assert isinstance(verdict.candidate, dict)
    assert verdict.candidate["inputs"] == {"who": {"type": "string"}, "note": {"description": "what to add"}}
    assert [issue.code for issue in errors_of(verdict.issues)] == ["undefined_input"]


def test_nodes_and_edges_are_refused_with_the_pipeline_form_as_the_way_out(registry: Registry) -> None:
    (reason,) = told({"nodes": [echo("a")], "edges": []}, registry)
    assert reason.startswith("schema at /nodes: found nodes and edges; write the steps in their order")


def test_a_check_of_ones_own_refuses_too(registry: Registry) -> None:
    def no_echo(examined: Examination) -> Iterator[Issue]:
        for node in examined.graph.steps if examined.graph else ():
            if node.type == "echo":
                yield Issue("unknown_node_type", f"{node.path}/type", "echo is not wanted here")

    verdict = judge({"pipeline": [echo("a")]}, ASKED, registry, [no_echo])
    (reason,) = reasons(verdict.issues, verdict.candidate)
    assert reason == "unknown_node_type at step 'a' type: echo is not wanted here"


def test_what_no_node_type_can_do_is_said_with_the_nearest(registry: Registry) -> None:
    value: JsonValue = {"pipeline": [echo("a"), {"parallel": [{"cannot": "fly", "nearest": "echo"}, echo("b")]}]}
    (issue,) = judge(value, ASKED, registry).issues
    assert (issue.code, issue.path) == ("cannot_do", "/pipeline/1/parallel/0")
    assert str(issue).endswith("no node type can do this: fly; the nearest is 'echo': Says a text again.")
    assert judge({"pipeline": [{"cannot": "fly", "nearest": "wing"}]}, ASKED, registry).issues[0].hint == ""


def test_what_a_request_names_and_no_step_holds_is_told_once_nothing_is_wrong() -> None:
    request = Request("say 'this' and 'that'")
    value: JsonValue = {"pipeline": [{"id": "a", "type": "wait", "params": {"seconds": 1}}]}
    verdict = judge(value, request, installed_types())
    assert reasons(verdict.issues, verdict.candidate) == (
        "left_out: the request names 'this', and no step does; add the step that is missing for it",
        "left_out: the request names 'that', and no step does; add the step that is missing for it",
    )
    broken = judge({"pipeline": [{"id": "a", "type": "wait", "params": {}}]}, request, installed_types())
    assert [issue.code for issue in broken.issues] == ["missing_param"]


def test_recorded_answers_of_many_models_whole_and_spoiled_are_judged_in_no_time(shared_data: Path) -> None:
    offered = installed_types()
    with gzip.open(shared_data / "model_outputs_dev.jsonl.gz", "rt", encoding="utf-8") as rows:
        texts = [json.loads(row)["workflow_text"] or "" for row in rows]
    spoiled = [part for text in texts for part in (text, text[: len(text) // 2], text.replace('"', "'"))]
    for text in spoiled:
        began, parsed = time.process_time(), parse_answer(text)
        verdict = judge(parsed.value, ASKED, offered)
        assert parsed.issues or verdict.issues
        assert len(reasons(parsed.issues or verdict.issues, verdict.candidate)) <= 8
        assert time.process_time() - began < 1
