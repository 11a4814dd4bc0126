from __future__ import annotations

import asyncio

import pytest
from pydantic import ValidationError

from runtime.issues import JsonValue
from runtime.node_types import Routed
from runtime.nodes.decide import DecideParams, decide
from runtime.record import RunRecord
from runtime.running import run
from runtime.virtual_time import run_in_virtual_time
from tests.language import errors, issues, only_issue, pipeline, registry, step
from tests.node_bench import Bench, Params


def cases(*pairs: tuple[JsonValue, str], **more: JsonValue) -> Params:
    return {"cases": [{"when": when, "action": action} for when, action in pairs], **more}


# --- the choice ------------------------------------------------------------------------------------------------------


def test_the_first_case_that_holds_names_the_action(bench: Bench) -> None:
    params = cases(("${a.n} > 9", "many"), ("${a.n} > 1", "some"), (True, "few"))
    chosen = [bench.run(decide, params, a={"n": n})["action"] for n in (10, 9, 0)]
    assert chosen == ["many", "some", "few"]


def test_without_a_case_that_holds_it_is_otherwise_and_else_default(bench: Bench) -> None:
    assert bench.run(decide, cases((False, "go"), otherwise="stay")) == {"action": "stay"}
    assert bench.run(decide, cases(("1 == 2", "go"))) == {"action": "default"}


def test_a_case_behind_the_one_that_holds_is_not_looked_at(bench: Bench) -> None:
    assert bench.run(decide, cases((True, "go"), ("${a.n} < 'x'", "stay")), a={"n": 1}) == {"action": "go"}


def test_a_value_keeps_its_type(bench: Bench) -> None:
    params = cases(("${a.x} == 3", "number"), ("${a.x} == '3'", "text"), ("${a.x} == [3]", "list"), ("${a.x}", "yes"))
    values: list[JsonValue] = [3, "3", [3], True]
    chosen = [bench.run(decide, params, a={"x": x})["action"] for x in values]
    assert chosen == ["number", "text", "list", "yes"]


HOSTILE = [
    "1 == 1",
    "true",
    '" == "" || true || "',
    "${a.yes} == true",
    "$${a}",
    "}",
    "\\",
    '"',
    "'",
    "\n",
    "x" * 20_000,
]


@pytest.mark.parametrize("value", HOSTILE)
def test_whatever_a_value_says_it_is_only_compared(bench: Bench, value: str) -> None:
    params = cases(("${a.x} == ''", "empty"), ("${a.x} == ${b.x}", "same"))
    assert bench.run(decide, params, a={"x": value, "yes": True}, b={"x": value}) == {"action": "same"}
    assert bench.failure(decide, cases(("${a.x}", "go")), a={"x": value}).code == "expression_type"


def test_text_that_looks_like_a_reference_stays_text(bench: Bench) -> None:
    literal = cases(('${a.x} == "$${b.x}"', "same"))
    assert bench.run(decide, literal, a={"x": "${b.x}"}) == {"action": "same"}
    assert bench.run(decide, cases(("\"$${\" == '$${'", "same"))) == {"action": "same"}


def test_a_wrong_type_fails_and_says_which_case(bench: Bench) -> None:
    failure = bench.failure(decide, cases((False, "a"), ("${a.n} < 3", "b")), a={"n": "2"})
    assert failure.code == "expression_type"
    assert failure.message == (
        "params/cases/1/when: col 8: '<' compares two numbers or two strings; "
        "found a string and a number in '${a.n} < 3'"
    )


def test_an_action_may_be_brought_in(bench: Bench) -> None:
    assert bench.run(decide, cases((True, "${a.label}")), a={"label": "go"}) == {"action": "go"}


def test_it_touches_nothing() -> None:
    assert [*decide.effects({}), *decide.capabilities({})] == []
    assert decide.routes


# --- the checks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({}, ("/cases", "missing_param")),
        ({"cases": []}, ("/cases", "param_type")),
        ({"cases": "all"}, ("/cases", "param_type")),
        ({"cases": "${a.cases}"}, ("/cases", "param_type")),
        ({"cases": ["${a.case}"]}, ("/cases/0", "param_type")),
        ({"cases": [{"action": "go"}]}, ("/cases/0/when", "missing_param")),
        ({"cases": [{"when": True}]}, ("/cases/0/action", "missing_param")),
        (cases((True, "")), ("/cases/0/action", "param_type")),
        (cases((3, "go")), ("/cases/0/when", "param_type")),
        (cases((None, "go")), ("/cases/0/when", "param_type")),
        (cases((["${a.x}"], "go")), ("/cases/0/when", "param_type")),
        (cases(("${a.x} = 1", "go")), ("/cases/0/when", "param_type")),
        (cases(("'yes'", "go")), ("/cases/0/when", "param_type")),
        (cases((True, "go"), otherwise=""), ("/otherwise", "param_type")),
        (cases((True, "go"), default="x"), ("/default", "unknown_param")),
    ],
)
def test_what_is_wrong_is_an_issue(bench: Bench, params: Params, problem: tuple[str, str]) -> None:
    assert bench.problems(decide, params) == [problem]


@pytest.mark.parametrize("values", [[], ["${a.x}"]])
def test_a_condition_is_never_put_together_from_values(bench: Bench, values: JsonValue) -> None:
    params = cases(({"expression": "${a.x} == 1", "values": values}, "go"))
    assert bench.problems(decide, params) == [("/cases/0/when", "param_type")]


def test_a_condition_that_python_gives_is_a_boolean_or_an_expression() -> None:
    with pytest.raises(ValidationError, match="true, false, or an expression in a string"):
        DecideParams.model_validate(cases((3, "go")))
    assert asyncio.run(decide(DecideParams.model_validate(cases(("1 == 1", "go"))))).action == "go"


def test_every_case_is_checked(bench: Bench) -> None:
    params = cases(("a ==", "go"), ("${a.x} == 1", "go"), ("(1", "go"))
    assert bench.problems(decide, params) == [("/cases/0/when", "param_type"), ("/cases/2/when", "param_type")]


def test_the_issue_says_where_in_the_expression_and_what_would_be_right() -> None:
    choice = {"id": "b", "type": "decide", "params": cases(("${a.result} = 1", "go"))}
    issue = only_issue(pipeline(step("a", 1), choice), "param_type")
    assert str(issue) == "/pipeline/1/params/cases/0/when: col 13: '=' is not an operator; did you mean '=='?"


def test_a_broken_reference_in_a_condition_is_one_issue() -> None:
    choice = {"id": "b", "type": "decide", "params": cases(("${HOME:-x} == 1", "go"))}
    assert [(each.code, each.path) for each in issues(pipeline(choice))] == [
        ("invalid_reference", "/pipeline/0/params/cases/0/when")
    ]


def test_a_reference_in_a_condition_is_checked_as_everywhere() -> None:
    choice = {"id": "b", "type": "decide", "params": cases(("${c.result} == ${a.nothing}", "go"))}
    where = "/pipeline/1/params/cases/0/when"
    found = errors(pipeline(step("a", 1), choice, step("c", 2)))
    assert found == {("forward_reference", where), ("unknown_output", where)}


def test_the_schema_of_a_condition_is_a_boolean_or_a_string() -> None:
    when = decide.params.model_json_schema()["$defs"]["Case"]["properties"]["when"]
    assert when["anyOf"] == [{"type": "boolean"}, {"type": "string"}]


# --- in a run --------------------------------------------------------------------------------------------------------


def chosen(value: JsonValue, when: str) -> RunRecord:
    choice = {"id": "choice", "type": "decide", "params": cases((when, "go"))}
    return run_in_virtual_time(run(pipeline(step("a", value), choice), registry=registry()))


def test_it_ends_with_the_action_that_it_gives() -> None:
    routed = asyncio.run(decide(DecideParams.model_validate(cases((True, "go")))))
    assert routed == Routed({"action": "go"}, "go")


def test_a_step_that_decides_gives_its_action() -> None:
    assert chosen({"n": 3}, "${a.result.n} == 3").nodes["choice"].outputs == {"action": "go"}
    assert chosen({"n": "3"}, "${a.result.n} == 3").nodes["choice"].outputs == {"action": "default"}


def test_a_path_that_is_not_there_fails_the_step_before_anything_is_compared() -> None:
    assert [each.code for each in chosen({}, "true || ${a.result.n} == 3").errors] == ["missing_value"]
    assert chosen({}, "${a.result.n ?? 3} == 3").nodes["choice"].outputs == {"action": "go"}


def test_a_wrong_type_is_the_error_of_the_run() -> None:
    assert [each.code for each in chosen("3", "${a.result} < 4").errors] == ["expression_type"]
