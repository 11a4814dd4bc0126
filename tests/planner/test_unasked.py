"""A file that nobody asked for is not written."""

from __future__ import annotations

import pytest

from planner.request import Request
from planner.unasked import without_unasked
from runtime.issues import JsonValue

SAY: JsonValue = {"id": "say", "type": "llm", "params": {"prompt": "x"}}


def write(path: str = "text.md", **more: JsonValue) -> JsonValue:
    return {"id": "save", "type": "write_file", "params": {"path": path, "content": "${say.result}"}, **more}


def left(request: str, *entries: JsonValue) -> JsonValue:
    asked = without_unasked({"pipeline": list(entries)}, Request(request))
    assert isinstance(asked.value, dict)
    return asked.value["pipeline"]


def test_a_last_step_that_saves_what_the_request_only_wants_said_is_left_out_and_noted() -> None:
    asked = without_unasked({"pipeline": [SAY, write()]}, Request("Write one short paragraph."))
    assert asked.value == {"pipeline": [SAY]}
    assert asked.notes == ("left out 'save': the request saves nothing",)


def test_it_is_found_inside_a_block_and_leaves_no_empty_branch() -> None:
    assert left("Say it.", SAY, {"parallel": [{"pipeline": [write()]}, SAY]}) == [SAY, {"parallel": [SAY]}]


@pytest.mark.parametrize(
    "request_text",
    [
        "Write a paragraph and save it.",
        "Write each translation to a place of its own.",
        "Speichere einen Absatz.",
        "Say it, text.md",
        "写一段话",
    ],
)
def test_where_the_request_may_speak_of_saving_or_names_the_file_nothing_is_left_out(request_text: str) -> None:
    assert left(request_text, SAY, write()) == [SAY, write()]


@pytest.mark.parametrize("kept", [write("${say.result}"), write(next={"default": None}), write(type="shell")])
def test_what_is_no_plain_write_is_kept(kept: JsonValue) -> None:
    assert left("Say it.", SAY, kept) == [SAY, kept]


def test_what_another_step_needs_is_kept_and_so_is_a_lone_write() -> None:
    after: JsonValue = {"id": "b", "type": "shell", "params": {"command": "cat", "stdin": "${save.path}"}}
    assert left("Say it.", SAY, write(), after) == [SAY, write(), after]
    assert left("Say it.", write()) == [write()]


@pytest.mark.parametrize("value", [None, [], {"pipeline": 3}, {"pipeline": [3, None, {"type": "write_file"}]}])
def test_no_value_is_too_strange(value: JsonValue) -> None:
    assert without_unasked(value, Request("Say it.")).value == value
