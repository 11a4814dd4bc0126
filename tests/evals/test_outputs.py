"""What one output must be, and what it is not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.dataset import OutputCheck
from evals.outputs import misses, pattern_problem, same, schema_problem
from runtime import JsonValue

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def missed(value: JsonValue, **check: object) -> list[str]:
    return list(misses(OutputCheck.model_validate(check), value))


@pytest.mark.parametrize(
    ("check", "value"),
    [
        ({"equals": None}, None),
        ({"equals": {"a": [1, 2.0]}}, {"a": [1.0, 2]}),
        ({"contains": "ell"}, "Hello"),
        ({"contains": ['"a":1', "}"]}, {"a": 1}),
        ({"lacks": "bye"}, "Hello"),
        ({"matches": r"^\d{4}-\d\d$"}, "2024-05"),
        ({"schema": {"type": "array", "items": {"type": "string", "pattern": "^a"}}}, ["ab", "ac"]),
        ({"schema": {"patternProperties": {"^n_": {"type": "integer"}}}}, {"n_a": 1, "x": "y"}),
        ({"schema": True}, None),
    ],
)
def test_what_is_met_has_no_words(check: dict[str, object], value: JsonValue) -> None:
    assert missed(value, **check) == []


@pytest.mark.parametrize(
    ("check", "value", "words"),
    [
        ({"equals": None}, 0, "is 0 instead of null"),
        ({"equals": 1}, True, "is true instead of 1"),
        ({"equals": [1]}, [1, 2], "is [1,2] instead of [1]"),
        ({"equals": {"a": 1}}, {"b": 1}, 'is {"b":1} instead of {"a":1}'),
        ({"contains": ["ell", "x"]}, "Hello", "does not contain 'x'"),
        ({"lacks": "ell"}, "Hello", "contains 'ell'"),
        ({"matches": r"^\d+$"}, "12a", r"does not match ^\d+$: '12a'"),
        ({"schema": {"required": ["a"]}}, {}, "at $: 'a' is a required property"),
        ({"schema": {"pattern": "^a"}}, "b", "at $: does not match ^a: 'b'"),
        ({"schema": {"patternProperties": {"^n_": {"type": "integer"}}}}, {"n_a": "1"}, "at $.n_a: '1' is not of type"),
        ({"schema": False}, 1, "at $: False schema does not allow 1"),
    ],
)
def test_what_is_not_met_is_said(check: dict[str, object], value: JsonValue, words: str) -> None:
    [found] = missed(value, **check)
    assert found.startswith(words)


@given(JSON)
def test_a_value_is_the_same_as_itself_and_equal_to_itself(value: JsonValue) -> None:
    assert same(value, value)
    assert missed(value, equals=value) == []


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "(a|a?)+$", "^(([a-z])+.)+[A-Z]([a-z])+$"])
@pytest.mark.parametrize("place", ["matches", "schema", "keys"])
def test_a_regular_expression_cannot_hang_a_check(pattern: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evals.outputs.MOST_SECONDS", 0.05)
    text, began = "a" * 5_000 + "!", time.monotonic()
    checks: dict[str, tuple[dict[str, object], JsonValue]] = {
        "matches": ({"matches": pattern}, text),
        "schema": ({"schema": {"pattern": pattern}}, text),
        "keys": ({"schema": {"patternProperties": {pattern: True}}}, {text: 1}),
    }
    check, value = checks[place]
    found = missed(value, **check)
    assert time.monotonic() - began < 10  # without an end it would be as good as forever
    assert place == "keys" or len(found) == 1


def test_a_text_is_searched_as_far_as_its_limit() -> None:
    assert missed("x" * 100_000 + "y", matches="y") != []


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("(", "missing"),
        ("((a{1000}){1000}){1000}", "more than 10000"),
        ("(?:" * 200 + "a" + "){2}" * 200, "more than 10000"),
        ("a{,100000}", "more than 10000"),
    ],
)
def test_a_pattern_that_cannot_be_used_has_a_problem(pattern: str, words: str) -> None:
    assert words in str(pattern_problem(pattern))


def test_a_schema_reaches_no_other_document() -> None:
    [found] = missed(1, schema={"$ref": "https://example.com/schema.json"})
    assert found.startswith("cannot be checked: ")


def test_a_schema_with_a_pattern_that_cannot_be_used_has_a_problem() -> None:
    for pattern in ("(", "((a{1000}){1000}){1000}"):
        nested: JsonValue = {"properties": {"a": {"anyOf": [{"patternProperties": {pattern: True}}]}}}
        assert pattern in str(schema_problem(nested))
    assert schema_problem({"type": "object"}) is None


def test_a_schema_that_refers_to_itself_without_end_is_said() -> None:
    assert missed(1, schema={"$ref": "#"}) == ["is nested too deep to be checked"]
