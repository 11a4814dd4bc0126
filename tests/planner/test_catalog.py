"""What a model sees of the registry."""

from __future__ import annotations

import json
from collections.abc import Iterator

from planner.catalog import answer_schema, catalogue
from runtime.issues import JsonValue
from runtime.node_types import ParamProblem, Registry, installed_types, node_type
from runtime.workflow import JsonObject


def needs_one(params: JsonObject) -> Iterator[ParamProblem]:
    if not params:
        yield ParamProblem(("first",), "missing_param", "missing")


@node_type("either", check=needs_one)
def either(first: str | None = None, second: str | None = None) -> str:
    return first or second or ""


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


def parts(schema: object) -> Iterator[dict[str, object]]:
    if isinstance(schema, dict):
        yield schema
        schema = list(schema.values())
    if isinstance(schema, list):
        for part in schema:
            yield from parts(part)
