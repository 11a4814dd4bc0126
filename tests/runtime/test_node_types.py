"""The extension point: what a function says of itself, and the registry that finds types by name."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import pytest
from pydantic import BaseModel, ValidationError

from runtime.node_types import (
    ANYTHING,
    Effect,
    NodeContext,
    NodeFailed,
    NodeType,
    Registry,
    installed_types,
    node_type,
)

CONTEXT = NodeContext(run_id="r", node="n", attempt=1, directory=Path())
BUILT_IN = {"code", "http", "llm", "read_file", "shell", "transform", "wait", "write_file"}


class Size(TypedDict):
    width: int
    label: str


@dataclass(frozen=True)
class Point:
    x: float
    tags: list[str]


class Place(BaseModel):
    name: str
    inner: dict[str, int] = {}


@node_type()
def plain(text: str, times: int = 2) -> str:
    """Repeats a text.

    More is not shown.
    """
    return text * times


@node_type("named-type", description="said outright")
async def named(value: object) -> Size:
    return {"width": 1, "label": str(value)}


@node_type("point")
def point(context: NodeContext, x: float) -> Point:
    return Point(x, [context.node])


@node_type("place")
def place(params: Place) -> Place:
    return params


@node_type("whole")
def whole(params: Place, context: NodeContext) -> dict[str, int]:
    return params.inner


@node_type("mixed")
def mixed(place: Place, count: int) -> None:
    assert place.name * count


@node_type("said", outputs={"one": "string"}, transient=frozenset({"busy"}))
def said() -> dict[str, str]:
    return {"one": "1"}


def called(kind: NodeType, **params: object) -> dict[str, object]:
    """The outputs of one call with these params."""
    returned = kind.call(kind.params.model_validate(params), CONTEXT)
    if kind.is_async:
        returned = asyncio.run(returned)
    return kind.read(returned)


# --- functions -------------------------------------------------------------------------------------------------------


def test_a_plain_function_is_a_node_type() -> None:
    assert (plain.name, plain.is_async, plain.description) == ("plain", False, "Repeats a text.")
    assert set(plain.params.model_fields) == {"text", "times"}
    assert plain.outputs == {"result": "string"}
    assert called(plain, text="x") == {"result": "xx"}


def test_a_decorated_function_can_be_called_as_before() -> None:
    assert plain("x", times=3) == "xxx"


def test_an_async_function_is_a_node_type() -> None:
    assert (named.name, named.is_async, named.description) == ("named-type", True, "said outright")
    assert called(named, value=3) == {"width": 1, "label": "3"}


def test_params_are_required_unless_they_have_a_default_and_no_others_are_known() -> None:
    for wrong in ({}, {"text": 3}, {"text": "x", "more": 1}):
        with pytest.raises(ValidationError):
            plain.params.model_validate(wrong)


@pytest.mark.parametrize(
    ("kind", "outputs"),
    [
        (named, {"width": "integer", "label": "string"}),
        (point, {"x": "number", "tags": "array"}),
        (place, {"name": "string", "inner": "object"}),
        (whole, {"result": "object"}),
        (mixed, {}),
        (said, {"one": "string"}),
    ],
)
def test_the_outputs_are_those_of_the_return_annotation(kind: NodeType, outputs: dict[str, str]) -> None:
    assert kind.outputs == outputs


def test_the_context_is_given_and_is_no_param() -> None:
    assert set(point.params.model_fields) == {"x"}
    assert called(point, x=1) == {"x": 1.0, "tags": ["n"]}


def test_a_single_model_is_all_of_the_params() -> None:
    assert place.params is Place
    assert called(place, name="a") == {"name": "a", "inner": {}}
    assert called(whole, name="a", inner={"b": 1}) == {"result": {"b": 1}}


def test_a_model_beside_other_parameters_is_one_param() -> None:
    assert set(mixed.params.model_fields) == {"place", "count"}
    assert called(mixed, place={"name": "a"}, count=1) == {}


def test_a_return_type_without_a_json_type_is_open() -> None:
    class Foreign:
        pass

    def function() -> object:
        return None

    function.__annotations__["return"] = Foreign
    assert node_type("foreign")(function).outputs == {"result": "any"}


def test_a_parameter_without_an_annotation_is_refused_by_name() -> None:
    def function(text, count: int) -> None:  # type: ignore[no-untyped-def]  # that is the point
        return None

    with pytest.raises(TypeError, match="node type 'odd': the parameter 'text' has no annotation; add its type"):
        node_type("odd")(function)


def test_a_parameter_that_cannot_be_given_by_name_is_refused() -> None:
    def function(*texts: str) -> None:
        return None

    with pytest.raises(TypeError, match="texts"):
        node_type("odd")(function)


def test_one_decorator_can_serve_two_functions() -> None:
    decorate = node_type("twice", description="the same")
    assert [decorate(each.function).description for each in (plain, said)] == ["the same", "the same"]


def test_a_failure_carries_code_message_and_outputs() -> None:
    failure = NodeFailed("busy", "try later", {"status": 503}, retry_after=2.0)
    assert (failure.code, str(failure), failure.outputs, failure.retry_after) == (
        "busy",
        "try later",
        {"status": 503},
        2.0,
    )
    assert NodeFailed("busy", "again").outputs == {}


# --- effects ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "meet"),
    [
        (Effect("file", "a"), Effect("file", "a"), True),
        (Effect("file", "a"), Effect("file", "b"), False),
        (Effect("file", "a"), Effect("file"), True),
        (Effect("file", "a"), Effect("host", "a"), False),
        (Effect("file", "a", writes=False), Effect("file", "a"), True),
        (Effect("file", "a", writes=False), Effect("file", "a", writes=False), False),
        (ANYTHING[0], Effect("host", "a", writes=False), True),
        (ANYTHING[0], ANYTHING[0], True),
    ],
)
def test_effects_meet_when_their_order_can_be_seen(one: Effect, other: Effect, meet: bool) -> None:
    assert one.meets(other) is other.meets(one) is meet


# --- the registry ----------------------------------------------------------------------------------------------------


def test_hyphens_and_underscores_are_alike_everywhere() -> None:
    registry = Registry({"a-b": lambda: plain, "c_d": lambda: said}).with_types(named)
    assert list(registry) == ["a_b", "c_d", "named_type"]
    assert all(name in registry for name in ("a-b", "a_b", "c-d", "named_type", "named-type"))
    assert registry["a_b"] is registry["a-b"] is plain
    assert list(registry.only(["c-d", "named-type"])) == ["c_d", "named_type"]


def test_a_type_is_loaded_when_first_asked_for_and_once() -> None:
    loaded: list[str] = []

    def load() -> NodeType:
        loaded.append("plain")
        return plain

    registry = Registry({"plain": load})
    assert "plain" in registry
    assert list(registry) == ["plain"]
    assert loaded == []
    assert registry.get("plain") is registry["plain"] is plain
    assert loaded == ["plain"]


def test_an_unknown_type_is_none_or_a_key_error() -> None:
    assert Registry({}).get("nothing") is None
    with pytest.raises(KeyError):
        Registry({})["nothing"]


def test_a_given_type_counts_before_one_of_the_same_name() -> None:
    base = Registry({"plain": lambda: said})
    assert base.with_types(plain)["plain"] is plain
    assert base["plain"] is said


def test_the_built_in_types_come_through_the_entry_points() -> None:
    registry = installed_types()
    assert set(registry) >= BUILT_IN
    for name in BUILT_IN:
        kind = registry[name]
        assert isinstance(kind, NodeType)
        assert kind.name == name
        assert kind.description
        assert all(field.description or each == "timeout" for each, field in kind.params.model_fields.items())
