"""Which node types a prompt shows."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from planner.catalog import answer_schema, catalogue, offered
from planner.relevance import is_named, tokens_of
from planner.request import Request
from runtime.node_types import NodeType, Registry, installed_types, node_type


@node_type("tool")
def tool(text: str) -> str:
    return text


def described(name: str, description: str) -> NodeType:
    return replace(tool, name=name, description=description)


TOOLS = [
    described("get_weather", "Tells the weather of a city."),
    described("translateText", "Translates from one language into another."),
    described("book_flight", "Books a flight between two airports."),
    *(described(f"unrelated_{at}", f"Does thing number {at} of nobody's interest.") for at in range(300)),
]
MANY = installed_types().with_types(*TOOLS)
ROOM = 700


def shown(request: str, room: int = ROOM) -> list[str]:
    return list(offered(MANY, Request(request), room))


def tokens(names: list[str]) -> int:
    return sum(each.tokens for each in catalogue(MANY.only(names)))


def test_where_all_fit_all_are_shown() -> None:
    few = installed_types().with_types(*TOOLS[:3])
    assert list(offered(few, Request("anything"))) == [each.name for each in catalogue(few)]


def test_of_hundreds_those_are_shown_that_the_request_is_about() -> None:
    assert "get_weather" in shown("What will the weather be in the cities of Rome and Oslo?")
    assert "translateText" in shown("translating this into another language")
    assert "book_flight" in shown("I want two flights from Rome")


def test_they_fit_the_room_and_are_sorted() -> None:
    names = shown("weather")
    assert names == sorted(names)
    assert ROOM - 60 < tokens(names) <= ROOM


def test_what_the_request_names_is_always_shown() -> None:
    assert shown("use unrelated-77 and Unrelated 78, not unrelated_799", room=0) == ["unrelated_77", "unrelated_78"]


def test_the_general_types_are_shown_before_others() -> None:
    assert {"http", "llm", "read_file", "shell", "write_file"} <= set(shown("weather", room=400))


def test_an_answer_may_use_what_is_shown_and_no_other() -> None:
    schema = answer_schema(offered(MANY, Request("weather"), 400))
    assert "get_weather" in str(schema)
    assert "unrelated_299" not in str(schema)


def test_a_choice_from_a_choice_is_the_same() -> None:
    once = offered(MANY, Request("weather, unrelated_5"), ROOM)
    assert list(offered(once, Request("weather, unrelated_5"), ROOM)) == list(once)


@pytest.mark.parametrize("name", ["read_file", "read-file"])
def test_a_name_is_said_with_a_hyphen_an_underscore_or_a_blank(name: str) -> None:
    assert all(is_named(name, text) for text in ("by read_file.", "Read-File it", "read file"))
    assert not any(is_named(name, text) for text in ("read_files", "thread_file", "read the file"))


@settings(max_examples=30)
@given(st.text(max_size=200), st.integers(0, 300))
def test_the_choice_is_the_same_each_time_and_keeps_to_the_room(request: str, room: int) -> None:
    registry = Registry({}).with_types(*TOOLS[:8])
    names = list(offered(registry, Request(request), room))
    assert names == list(offered(registry, Request(request), room))
    assert tokens(names) <= room or any(is_named(name, request) for name in names)


def test_tokens_are_estimated_from_above() -> None:
    assert (tokens_of(""), tokens_of("abcd"), tokens_of("日本")) == (0, 2, 2)
