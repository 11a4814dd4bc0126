from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.inputs import bind_inputs, declared_inputs, fits, same
from runtime.issues import Issue, JsonValue
from tests.language import Document, graph_of, pipeline, step

KINDS = ("string", "number", "integer", "boolean", "array", "object")


def bound(specs: Document | None, **given: JsonValue) -> tuple[dict[str, JsonValue], list[Issue]]:
    more = {} if specs is None else {"inputs": specs}
    used = [f"${{workflow.{name}}}" for name in specs] if specs is not None else ["${workflow.x}", "${workflow.y ?? 1}"]
    return bind_inputs(graph_of(pipeline(step("a", used), **more)), given)


def places(issues: list[Issue]) -> set[tuple[str, str]]:
    return {(issue.code, issue.path) for issue in issues}


def test_values_given_and_defaults_are_bound() -> None:
    specs = {"a": {}, "b": {"default": "d"}, "c": {"required": False}, "d": {"default": None, "type": "array"}}
    assert bound(specs, a="x") == ({"a": "x", "b": "d", "c": None, "d": None}, [])


def test_without_a_declaration_each_input_used_is_a_required_string() -> None:
    assert bound(None, x="1", y="2") == ({"x": "1", "y": "2"}, [])
    assert places(bound(None, x=3)[1]) == {("input_type", "/inputs/x"), ("missing_input", "/inputs/y")}


def test_inputs_are_found_in_outputs_batches_and_undo_too() -> None:
    undo = {"type": "transform", "params": {"value": "${workflow.c}"}}
    used = step("s", batch={"items": "${workflow.b}"}, undo=undo)
    graph = graph_of(pipeline(used, outputs={"o": "${workflow.d}"}))
    assert set(declared_inputs(graph)) == {"b", "c", "d"}


def test_everything_wrong_with_the_values_is_said_at_once() -> None:
    specs = {
        "missing": {"description": "the one"},
        "kind": {"type": "integer"},
        "choice": {"enum": ["a", "b"]},
        "forced": {"required": True, "default": "x"},
    }
    _, issues = bound(specs, kind="3", choice="c", mising="x")
    assert places(issues) == {
        ("unknown_input", "/inputs/mising"),
        ("missing_input", "/inputs/missing"),
        ("input_type", "/inputs/kind"),
        ("input_enum", "/inputs/choice"),
        ("missing_input", "/inputs/forced"),
    }
    hints = {issue.code: str(issue) for issue in issues if issue.path != "/inputs/forced"}
    assert "did you mean 'missing'?" in hints["unknown_input"]
    assert "(the one)" in hints["missing_input"]
    assert "--input missing=VALUE" in hints["missing_input"]
    assert "found '3'; must be of the type integer" in hints["input_type"]
    assert "one of 'a', 'b'" in hints["input_enum"]


@pytest.mark.parametrize(
    ("value", "kinds"),
    [
        ("x", {"string"}),
        (3, {"number", "integer"}),
        (3.0, {"number", "integer"}),
        (3.5, {"number"}),
        (True, {"boolean"}),
        (False, {"boolean"}),
        ([], {"array"}),
        ({}, {"object"}),
        (None, set()),
        (float("inf"), {"number"}),
    ],
)
def test_a_value_fits_these_types_and_no_others(value: JsonValue, kinds: set[str]) -> None:
    assert {kind for kind in KINDS if fits(value, kind)} == kinds


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        (3, 3.0, True),
        (True, 1, False),
        (0, False, False),
        ([True], [1], False),
        ({"a": [0]}, {"a": [False]}, False),
        ({"a": [0]}, {"a": [0.0]}, True),
        ([1], [1, 2], False),
        ({"a": 1}, {"b": 1}, False),
        ("1", 1, False),
        ([], {}, False),
    ],
)
def test_json_equality_keeps_true_and_one_apart(one: JsonValue, other: JsonValue, equal: bool) -> None:
    assert same(one, other) == same(other, one) == equal


def test_an_enum_compares_as_json_does() -> None:
    specs = {"x": {"type": "integer", "enum": [3]}}
    assert bound(specs, x=3.0)[1] == []
    assert places(bound(specs, x=4)[1]) == {("input_enum", "/inputs/x")}
    assert places(bound({"x": {"type": "array", "enum": [[1]]}}, x=[True])[1]) == {("input_enum", "/inputs/x")}


@given(st.dictionaries(st.sampled_from("abc"), st.none() | st.booleans() | st.integers() | st.text(max_size=3)))
def test_every_declared_input_is_bound_or_has_an_issue(given_values: dict[str, JsonValue]) -> None:
    values, issues = bound({"a": {}, "b": {"default": "x"}}, **given_values)
    assert {"a", "b"} <= set(values) | {issue.path.rpartition("/")[2] for issue in issues}
