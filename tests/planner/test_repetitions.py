"""What is said over and over is said once; a step that finds out the same as another is left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.mending import mend
from planner.repetitions import without_repeated_lines
from runtime.issues import JsonValue
from runtime.node_types import installed_types
from tests.planner.test_untangling import block, names, sequence


def step(name: str, kind: str, **params: JsonValue) -> JsonValue:
    return {"id": name, "type": kind, "params": params}


def mended(*entries: JsonValue) -> tuple[JsonValue, tuple[str, ...]]:
    done = mend({"pipeline": list(entries)}, installed_types())
    assert isinstance(done.value, dict)
    return names(done.value["pipeline"]), done.notes


A, B = step("a", "read_file", path="a.txt"), step("b", "read_file", path="b.txt")
AGAIN = step("again", "read_file", path="a.txt")
SAY = step("say", "llm", prompt="${again.content} ${b.content}")


def test_a_step_that_finds_out_the_same_as_another_is_left_out_and_who_used_it_uses_the_other() -> None:
    done = mend({"pipeline": [block(A, B, AGAIN), SAY]}, installed_types())
    expected = step("say", "llm", prompt="${a.content} ${b.content}")
    assert done.value == {"pipeline": [block(A, B), expected]}
    assert done.notes == ("left out 'again', which is the same as 'a'",)


def test_what_is_the_same_only_after_that_is_left_out_too() -> None:
    first, second = (step(name, "transform", value=f"${{{of}.content}}") for name, of in (("x", "a"), ("y", "again")))
    assert mended(A, first, AGAIN, second)[0] == ["a", "x"]


@pytest.mark.parametrize(
    ("entries", "left"),
    [
        ([block(A, AGAIN), B], ["a", "b"]),
        ([A, block(sequence(AGAIN), B)], ["a", "b"]),
        ([block(A, B), block(AGAIN, step("once more", "read_file", path="b.txt"))], [{"|": ["a", "b"]}]),
        ([block(sequence(A, B), sequence(AGAIN, step("c", "read_file", path="c.txt")))], [{"|": [["a", "b"], "c"]}]),
    ],
)
def test_a_block_of_one_branch_is_that_branch(entries: list[JsonValue], left: JsonValue) -> None:
    assert mended(*entries)[0] == left


@pytest.mark.parametrize(
    "between",
    [
        step("save", "write_file", path="a.txt", content="x"),
        step("make", "shell", command="make"),
        step("pause", "wait", seconds=1),
        step("odd", "nobody"),
    ],
    ids=["what changes it", "what may change it", "a pause", "an unknown type"],
)
def test_what_may_find_something_else_the_second_time_is_kept(between: JsonValue) -> None:
    assert mended(A, between, AGAIN)[0] == ["a", names(between), "again"]


@pytest.mark.parametrize(
    "twice",
    [
        ("shell", {"command": "make"}),
        ("code", {"source": "def run(): return 1"}),
        ("llm", {"prompt": "Tell a joke."}),
        ("http", {"url": "https://example.com/jobs", "method": "POST"}),
    ],
)
def test_what_does_something_or_asks_a_model_is_kept(twice: tuple[str, dict[str, JsonValue]]) -> None:
    kind, params = twice
    assert mended(step("a", kind, **params), step("b", kind, **params))[0] == ["a", "b"]


def test_where_a_step_is_routed_nothing_is_left_out() -> None:
    routed: JsonValue = {"id": "r", "type": "read_file", "params": {"path": "c.txt"}, "next": {"default": "a"}}
    value: JsonValue = {"pipeline": [A, AGAIN, routed]}
    assert mend(value, installed_types()).value == value


def test_a_step_that_says_more_than_its_type_and_params_is_kept() -> None:
    patient: JsonValue = {"id": "again", "type": "read_file", "params": {"path": "a.txt"}, "retry": 3}
    assert mended(A, patient)[0] == ["a", "again"]


# --- lines -----------------------------------------------------------------------------------------------------------


def test_lines_that_a_model_says_over_and_over_are_left_out_and_noted() -> None:
    prompt = "Write ten questions.\n" + "Q: Which?\nA: This.\n" * 30 + "Q: Whi"
    done = mend({"pipeline": [step("quiz", "llm", prompt=prompt)]}, installed_types())
    kept = "Write ten questions.\nQ: Which?\nA: This.\nQ: Which?\nA: This.\nQ: Whi"
    assert done.value == {"pipeline": [step("quiz", "llm", prompt=kept)]}
    assert done.notes == ("left out the lines that 'quiz' says over and over",)


@pytest.mark.parametrize(
    ("kind", "param"), [("write_file", "content"), ("code", "source"), ("shell", "command"), ("transform", "value")]
)
def test_what_is_no_prompt_may_say_a_line_often(kind: str, param: str) -> None:
    value: JsonValue = {"pipeline": [step("a", kind, **{param: "x = 1\n" * 5})]}
    assert mend(value, installed_types()).value == value


LINES = st.lists(st.sampled_from(["", "a", "b", "c"]), max_size=30).map("\n".join)


@given(LINES)
def test_leaving_out_twice_is_leaving_out_once_and_each_line_stays_at_least_once(text: str) -> None:
    once = without_repeated_lines(text)
    assert without_repeated_lines(once) == once
    assert set(once.split("\n")) == set(text.split("\n"))


@given(st.lists(st.integers(), unique=True).map(lambda numbers: "\n".join(map(str, numbers))), st.integers(1, 2))
def test_what_stands_there_twice_at_most_stays(text: str, times: int) -> None:
    whole = "\n".join([text] * times)
    assert without_repeated_lines(whole) == whole
