"""A file that steps refer to is read; a file that is read for nobody is pointed out."""

from __future__ import annotations

import pytest

from planner.request import Request
from planner.unread import unused, with_reads
from planner.validation import judge
from runtime.issues import JsonValue
from runtime.node_types import installed_types


def step(name: str, kind: str, **params: JsonValue) -> JsonValue:
    return {"id": name, "type": kind, "params": params}


def read(text: str, *steps: JsonValue) -> tuple[JsonValue, tuple[str, ...]]:
    done = with_reads({"pipeline": list(steps)}, Request(text), installed_types())
    assert isinstance(done.value, dict)
    return done.value["pipeline"], done.notes


BRIEF = "From brief.txt write a slogan."


def test_a_file_that_is_referred_to_by_its_name_is_read_first() -> None:
    pipeline, notes = read(BRIEF, step("slogan", "llm", prompt="A slogan:\n${brief.text}"))
    reading = step("brief", "read_file", path="brief.txt")
    assert pipeline == [reading, step("slogan", "llm", prompt="A slogan:\n${brief.content}")]
    assert notes == ("put 'brief' first, which reads brief.txt",)


def test_a_reference_may_also_hold_the_ending_of_the_file() -> None:
    pipeline, _ = read(BRIEF, step("slogan", "llm", prompt="${brief.txt.content} ${brief.txt} ${briefly.txt}"))
    assert isinstance(pipeline, list)
    assert pipeline[1] == step("slogan", "llm", prompt="${brief.content} ${brief.content} ${briefly.txt}")


def test_the_name_of_the_node_type_means_the_one_file_of_the_request() -> None:
    pipeline, _ = read("Review contract.txt.", step("costs", "llm", prompt="Costs:\n${read_file.source}"))
    assert isinstance(pipeline, list)
    assert pipeline[0] == step("read_file", "read_file", path="contract.txt")


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("Write a slogan.", [step("s", "llm", prompt="${brief.content}")]),
        ("From brief.txt and docs/brief.md write a slogan.", [step("s", "llm", prompt="${brief.content}")]),
        ("From a.txt and b.txt write a slogan.", [step("s", "llm", prompt="${read_file.content}")]),
        (BRIEF, [step("r", "read_file", path="brief.txt"), step("s", "llm", prompt="${brief.content}")]),
        (BRIEF, [step("brief", "shell", command="cat"), step("s", "llm", prompt="${brief.stdout}")]),
        (BRIEF, [{"id": "s", "type": "llm", "params": {"prompt": "${brief.content}"}, "next": {"x": "s"}}]),
    ],
    ids=["no such file", "two such files", "two files", "read already", "a step's name", "routed"],
)
def test_where_it_may_be_something_else_no_step_is_added(text: str, steps: list[JsonValue]) -> None:
    assert read(text, *steps) == (steps, ())


def test_an_input_of_the_request_is_no_file() -> None:
    value: JsonValue = {"pipeline": [step("s", "llm", prompt="${brief.x}")]}
    assert with_reads(value, Request(BRIEF, {"brief": ""}), installed_types()).value == value


def test_a_file_read_for_nobody_is_a_warning_where_others_take_something_of_each_other() -> None:
    a, b = step("a", "read_file", path="a.txt"), step("b", "read_file", path="b.txt")
    issues = unused({"pipeline": [a, b, step("s", "llm", prompt="${a.content}")]})
    assert [(issue.code, issue.message) for issue in issues] == [("read_for_nobody", "no step takes what 'b' reads")]
    assert not unused({"pipeline": [a, b]})


def test_judging_adds_the_step_and_points_the_other_out() -> None:
    answer: JsonValue = {
        "pipeline": [step("log", "read_file", path="app.log"), step("s", "llm", prompt="${brief.content}")]
    }
    verdict = judge(answer, Request("From brief.txt and app.log write a slogan."), installed_types())
    assert "put 'brief' first, which reads brief.txt" in verdict.notes
    assert [issue.code for issue in verdict.issues] == ["read_for_nobody"]


@pytest.mark.parametrize("value", [None, [], {"pipeline": 1}, {"pipeline": [1]}, {"nodes": []}, {"pipeline": [{}]}])
def test_nothing_that_a_model_may_write_makes_them_raise(value: JsonValue) -> None:
    assert with_reads(value, Request(BRIEF), installed_types()).value == value
    assert unused(value) == []
