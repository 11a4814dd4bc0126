"""What a request has saved in a file is saved, where one step alone can be meant."""

from __future__ import annotations

import pytest

from planner.request import Request
from planner.unsaved import with_saves
from runtime.issues import JsonValue
from runtime.node_types import installed_types


def step(name: str, kind: str, **params: JsonValue) -> JsonValue:
    return {"id": name, "type": kind, "params": params}


def saved(text: str, *steps: JsonValue) -> tuple[JsonValue, tuple[str, ...]]:
    done = with_saves({"pipeline": list(steps)}, Request(text), installed_types())
    assert isinstance(done.value, dict)
    return done.value["pipeline"], done.notes


READ = step("log", "read_file", path="app.log")
SUM = step("sum", "llm", prompt="Summarise:\n${log.content}")
SAVE = step("save", "write_file", path="sum.md", content="${sum.result}")


@pytest.mark.parametrize(
    "text",
    [
        "Summarise app.log and save it in sum.md.",
        "Summarise app.log. Then store the summary as 'sum.md'",
        "Fasse app.log zusammen und speichere es in sum.md.",
        "Résume app.log et enregistre-le dans sum.md.",
        "Resume app.log y guarda el resumen en sum.md",
    ],
)
def test_what_nobody_takes_is_saved_in_the_file_that_the_request_names(text: str) -> None:
    assert saved(text, READ, SUM) == ([READ, SUM, SAVE], ("put 'save' last, which saves 'sum' in sum.md",))


@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("Summarise app.log. Is it worth to save? Look in sum.md.", [READ, SUM]),
        ("Write a summary of what is in sum.md", [READ, SUM]),
        ("Save the summary of sum.md", [READ, SUM]),
        ("Save it in sum.md and in other.md", [READ, SUM]),
        ("Save it in sum.md", [READ, SUM, step("x", "shell", command="ls")]),
        ("Save it in sum.md", [READ, SUM, SAVE]),
        ("Save it in sum.md", [READ, {**SUM, "next": {"default": "log"}}]),  # type: ignore[dict-item]  # an object
        ("Save it in sum.md", [READ, step("sum", "nobody", text="${log.content}")]),
    ],
    ids=[
        *(
            "another sentence",
            "read there",
            "no place",
            "two files",
            "two that may be meant",
            "saved already",
            "routed",
        ),
        "of an unknown type",
    ],
)
def test_where_something_else_may_be_meant_nothing_is_added(text: str, steps: list[JsonValue]) -> None:
    assert saved(text, *steps) == (steps, ())


def test_a_name_that_is_taken_gets_another_word() -> None:
    pipeline, _ = saved("Save it in sum.md", READ, step("save", "llm", prompt="${log.content}"))
    assert isinstance(pipeline, list)
    assert pipeline[-1] == step("save_save", "write_file", path="sum.md", content="${save.result}")


@pytest.mark.parametrize("value", [None, [], {"pipeline": 1}, {"pipeline": [1]}, {"nodes": []}, {"pipeline": []}])
def test_nothing_that_a_model_may_write_makes_it_raise(value: JsonValue) -> None:
    assert with_saves(value, Request("Save it in sum.md"), installed_types()).value == value
