"""What a model sees of the registry."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest

from planner.catalog import answer_schema, catalogue, longest_text, offered
from planner.request import Request
from runtime.issues import JsonValue
from runtime.node_types import ParamProblem, Registry, installed_types, node_type
from runtime.workflow import JsonObject


def needs_one(params: JsonObject) -> Iterator[ParamProblem]:
    if not params:
        yield ParamProblem(("first",), "missing_param", "missing")


@node_type("either", check=needs_one)
def either(first: str | None = None, second: str | None = None) -> str:
    return first or second or ""


@node_type("picky", rare={"cold": r"\bfrost"})
def picky(warm: str, cold: str | None = None) -> str:
    return cold or warm


def params_of(schema: dict[str, JsonValue], name: str) -> JsonObject:
    steps: JsonObject = schema["$defs"]  # type: ignore[assignment]  # an object, as the schema is made
    return dict(steps[f"step_{name}"]["properties"]["params"])


def test_the_catalogue_is_sorted_and_leaves_out_what_cannot_run(registry: Registry) -> None:
    assert [each.name for each in catalogue(registry)] == ["echo", "total"]


def test_a_signature_marks_what_may_be_left_out_and_names_the_types(registry: Registry) -> None:
    echo, total = catalogue(registry)
    assert echo.params == "text: string, loud?: boolean, form?: plain|html"
    assert total.params == "numbers: list, labels?: object"
    assert (total.outputs, total.description) == (("sum", "count"), "Adds numbers.")


def test_a_type_that_refuses_to_have_no_params_needs_its_first(registry: Registry) -> None:
    wider = registry.with_types(either)
    assert catalogue(wider)[1].params == "first: string, second?: string"
    assert params_of(answer_schema(wider), "either")["required"] == ["first"]


def test_equal_registries_give_equal_bytes(registry: Registry) -> None:
    again = registry.only(["total", "sort_out", "echo"])
    assert json.dumps(answer_schema(registry)) == json.dumps(answer_schema(again))
    assert catalogue(registry) == catalogue(again)


def test_the_answer_schema_writes_the_description_first_and_required_params_before_others(registry: Registry) -> None:
    schema = answer_schema(registry)
    assert schema["required"] == ["description", "pipeline"]
    assert list(params_of(schema, "echo")["properties"]) == ["text", "loud", "form"]


def test_what_is_no_text_may_also_be_a_reference(registry: Registry) -> None:
    properties = params_of(answer_schema(registry), "total")["properties"]
    assert properties["numbers"]["anyOf"][1] == {"$ref": "#/$defs/reference"}
    assert "anyOf" not in params_of(answer_schema(registry), "echo")["properties"]["text"]


def test_every_reference_of_the_schema_leads_somewhere_and_every_list_is_bounded() -> None:
    schema = answer_schema(installed_types())
    for part in parts(schema):
        if isinstance(ref := part.get("$ref"), str):
            assert ref.removeprefix("#/$defs/") in schema["$defs"]  # type: ignore[operator]  # an object
    lists = [part for part in parts(schema) if part.get("type") == "array" and "minItems" in part]
    assert len(lists) == 3
    assert all("maxItems" in part for part in lists)


@pytest.mark.parametrize(
    ("text", "workflow", "shown"),
    [
        ("Make it warm.", None, "warm: string"),
        ("Make it FROSTY.", None, "warm: string, cold?: string"),
        ("Make it warm.", {"pipeline": []}, "warm: string, cold?: string"),
    ],
)
def test_a_rare_param_is_offered_where_the_request_has_words_for_it(
    text: str, workflow: dict[str, JsonValue] | None, shown: str, registry: Registry
) -> None:
    wide = registry.with_types(picky)
    choice = offered(wide, Request(text, workflow=workflow))
    assert [each.params for each in catalogue(choice) if each.name == "picky"] == [shown]
    names = [name for name in ("warm", "cold") if name in shown]
    assert list(params_of(answer_schema(choice), "picky")["properties"]) == names


def test_words_for_a_rare_param_that_are_no_regular_expression_are_refused_at_once() -> None:
    with pytest.raises(re.error):
        node_type("broken", rare={"cold": "("})


def test_every_text_of_params_is_bounded_and_what_a_request_says_fits_into_it() -> None:
    texts = [
        part
        for step in ("shell", "llm", "write_file")
        for part in parts(params_of(answer_schema(installed_types(), 2001), step))
        if part.get("type") == "string"
    ]
    assert texts
    assert {part.get("maxLength") for part in texts if "pattern" not in part} == {2001}
    assert longest_text(Request("x" * 2000)) == 2001
    assert longest_text(Request("x")) == 1500


def parts(schema: object) -> Iterator[dict[str, object]]:
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from parts(part)
