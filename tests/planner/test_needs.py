"""Prompts and functions are given what the answer says that they need, where it can only be that."""

from __future__ import annotations

import pytest

from planner.mending import mend
from planner.needs import stated_needs
from runtime.issues import JsonValue
from runtime.node_types import installed_types


def step(name: str, kind: str, **params: JsonValue) -> JsonValue:
    return {"id": name, "type": kind, "params": params}


def mended(description: str, *steps: JsonValue) -> tuple[dict[str, JsonValue], tuple[str, ...]]:
    """The params of each step, and the notes."""
    done = mend({"description": description, "pipeline": list(steps)}, installed_types())
    assert isinstance(done.value, dict)
    assert isinstance(done.value["pipeline"], list)
    return {str(each["id"]): each["params"] for each in done.value["pipeline"] if isinstance(each, dict)}, done.notes


READ, TEST = step("read", "read_file", path="a.json"), step("test", "shell", command="make test")
REPORT = step("report", "llm", prompt="Write a report.\n")


def test_a_prompt_that_takes_nothing_is_given_what_it_is_said_to_need() -> None:
    params, notes = mended("Steps read, test, report: report needs read and test", READ, TEST, REPORT)
    assert params["report"] == {"prompt": "Write a report.\n${read.content}\n${test.stdout}"}
    assert notes == ("gave 'report' ${read.content}, ${test.stdout}, which it is said to need",)


def test_a_prompt_that_takes_something_is_left_alone_and_so_is_one_that_needs_nothing() -> None:
    fed = step("report", "llm", prompt="Report: ${read.content}")
    assert mended("report needs read and test", READ, TEST, fed)[0]["report"] == {"prompt": "Report: ${read.content}"}
    assert mended("each needs nothing", READ, TEST, REPORT)[0]["report"] == {"prompt": "Write a report.\n"}


@pytest.mark.parametrize(
    ("description", "needs"),
    [
        ("Steps a, b, c: a and b are parallel, each needs nothing; c needs a and b", {"c": ["a", "b"]}),
        ("b and c need a; c needs b, which is slow", {"b": ["a"], "c": ["a", "b"]}),
        ("c needs a, a and c.", {"c": ["a"]}),
        ("c needs the lot", {}),
        ("nothing is said", {}),
        (None, {}),
        (["c needs a"], {}),
    ],
)
def test_needs_are_read_from_the_words_of_the_order(description: JsonValue, needs: dict[str, list[str]]) -> None:
    assert stated_needs(description, ["a", "b", "c"]) == needs


def test_a_name_that_several_steps_were_given_means_all_of_them() -> None:
    assert stated_needs("c needs a", ["a", "a_2", "a_x", "c"]) == {"c": ["a", "a_2"]}


SOURCE = "def run(text):\n    return len(text)"


def test_a_function_that_lacks_its_one_argument_is_given_what_the_one_step_before_it_gives_to_nobody() -> None:
    save = step("save", "write_file", path="x", content="${mean.result} ${most.result}")
    params, notes = mended("", READ, step("mean", "code", source=SOURCE), step("most", "code", source=SOURCE), save)
    assert params["mean"] == params["most"] == {"source": SOURCE, "inputs": {"text": "${read.content}"}}
    assert notes[0] == "gave 'mean' ${read.content}, which nothing takes"


def test_an_input_of_another_name_is_the_one_argument_that_is_missing() -> None:
    params, notes = mended("", READ, step("mean", "code", source=SOURCE, inputs={"numbers": "${read.content}"}))
    assert params["mean"] == {"source": SOURCE, "inputs": {"text": "${read.content}"}}
    assert notes == ("called the input 'numbers' of 'mean' 'text', as its function does",)


@pytest.mark.parametrize(
    ("source", "before"),
    [
        (SOURCE, []),
        (SOURCE, [READ, TEST]),
        ("def run(text, word): return 1", [READ]),
        ("def run(text=''): return 1", [READ]),
        ("def run(): return 1", [READ]),
        ("def run(**inputs): return 1", [READ]),
        ("def run(text, /): return 1", [READ]),
        ("run = len", [READ]),
        ("def run(text: return 1", [READ]),
    ],
    ids=[
        *("nothing before", "two before", "two arguments", "one that may be left out", "no argument", "any argument"),
        *("no name to give it by", "no function", "no Python"),
    ],
)
def test_where_it_may_be_something_else_nothing_is_given(source: str, before: list[JsonValue]) -> None:
    assert mended("", *before, step("count", "code", source=source))[0]["count"] == {"source": source}
