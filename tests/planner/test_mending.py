"""What is put into the language's own shape, and what is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.mending import mend
from planner.request import Request
from planner.validation import judge
from runtime.issues import JsonValue
from runtime.node_types import Registry, installed_types

A: JsonValue = {"id": "a", "type": "echo", "params": {"text": "x"}}
B: JsonValue = {"id": "b", "type": "echo", "params": {"text": "y"}}
C: JsonValue = {"id": "c", "type": "echo", "params": {"text": "z"}}
D: JsonValue = {"id": "d", "type": "echo", "params": {"text": "${a.result}"}}
BLOCK: JsonValue = {"parallel": [A, B]}


@pytest.mark.parametrize(
    ("written", "meant", "note"),
    [
        ({"workflow": {"pipeline": [A]}}, {"pipeline": [A]}, "took the workflow out of its key 'workflow'"),
        ({"name": "n", "steps": [A]}, {"name": "n", "pipeline": [A]}, "read 'steps' as 'pipeline'"),
        ([BLOCK, C], {"pipeline": [BLOCK, C]}, "read a list of steps as the pipeline"),
        (BLOCK, {"pipeline": [BLOCK]}, "read a lone parallel block as the pipeline"),
        (
            {"pipeline": [A, {"pipeline": [B]}]},
            {"pipeline": [A, B]},
            "took the steps of a sequence into the pipeline around it",
        ),
        (
            {"pipeline": [{"parallel": [A, [B]]}]},
            {"pipeline": [{"parallel": [A, {"pipeline": [B]}]}]},
            "read a list as the sequence of a branch",
        ),
        (
            {"pipeline": [{"type": "parallel", "parallel": [A]}]},
            {"pipeline": [{"parallel": [A]}]},
            "left out 'type': 'parallel' of a parallel block",
        ),
        ({"pipeline": [{"id": "a", "type": "echo", "text": "x"}]}, {"pipeline": [A]}, "moved text into params"),
    ],
)
def test_a_shape_that_means_one_thing_is_mended_and_noted(
    written: JsonValue, meant: JsonValue, note: str, registry: Registry
) -> None:
    mended = mend(written, registry)
    assert (mended.value, mended.notes) == (meant, (note,))


@pytest.mark.parametrize(
    "written",
    [
        {"pipeline": [BLOCK, {"parallel": [{"pipeline": [C]}, D]}]},
        {"steps": [1, 2]},
        {"steps": [A], "pipeline": [B]},
        {"pipeline": [{"id": "a", "type": "echo", "text": "x", "params": {"text": "y"}}]},
        {"pipeline": [{"id": "a", "type": "nobody", "text": "x"}]},
        {"pipeline": "x", "workflow": {}},
        None,
        [],
    ],
)
def test_what_is_right_or_doubtful_is_left_as_it_is(written: JsonValue, registry: Registry) -> None:
    mended = mend(written, registry)
    assert (mended.value, mended.notes) == (written, ())


KEYS = st.sampled_from(["pipeline", "steps", "workflow", "parallel", "type", "id", "params", "text", "nodes"])
VALUES = st.recursive(
    st.none() | st.sampled_from(["echo", "parallel", "a"]) | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)


@given(VALUES)
def test_mending_twice_is_mending_once_and_nothing_makes_it_raise(registry: Registry, value: JsonValue) -> None:
    once = mend(value, registry).value
    assert mend(once, registry).value == once


TEXTS = st.lists(
    st.sampled_from(
        [
            *("${a.result}", "${b.x.y}", "${a.stdout}", "${HOME}", "${read_file.text}", "${a.result['k']}", "${", "$$"),
            *("def run(text):\n    return 1", "def f(x): return 1", "line\n", "brief.txt", " ", "'", '"'),
        ]
    ),
    max_size=4,
).map("".join)
STEPS = st.builds(
    lambda name, kind, param, text, more: {"id": name, "type": kind, "params": {param: text}, **more},
    st.sampled_from("abc"),
    st.sampled_from(["llm", "code", "shell", "read_file", "write_file", "transform", "wait", "nobody"]),
    st.sampled_from(["prompt", "source", "command", "path", "value", "content", "inputs"]),
    TEXTS,
    st.sampled_from([{}, {}, {}, {"next": {"default": "a"}}, {"prompt": "x"}]),
)
ENTRIES = st.recursive(
    STEPS,
    lambda inner: st.builds(
        lambda key, entries: {key: entries}, st.sampled_from(["parallel", "pipeline"]), st.lists(inner, max_size=3)
    ),
    max_leaves=6,
)
ORDERS = st.lists(st.sampled_from(["a", "b", "c", "needs", "and", ";", ":", ","]), max_size=8).map(" ".join)


@given(st.lists(ENTRIES, max_size=4), ORDERS)
def test_whatever_the_built_in_types_are_given_is_judged_and_mended_for_good(
    pipeline: list[JsonValue], description: str
) -> None:
    types = installed_types()
    value: JsonValue = {"description": description, "pipeline": pipeline}
    judge(value, Request("Review brief.txt and save it in out.md."), types)
    once = mend(value, types).value
    assert mend(once, types).value == once


def test_a_step_that_would_be_given_its_own_output_is_given_nothing() -> None:
    run: JsonValue = {"id": "a", "type": "shell", "params": {"command": "make", "stdin": "${a.stdout}"}}
    mended = mend({"pipeline": [run]}, installed_types())
    assert mended.value == {"pipeline": [{"id": "a", "type": "shell", "params": {"command": "make"}}]}
    assert mended.notes == ("left out stdin of 'a', which would be its own output",)


@pytest.mark.parametrize(
    "params",
    [
        {"command": "make", "stdin": "${b.stdout}"},
        {"command": "${a.stdout}"},
        {"command": "make", "stdin": "x ${a.stdout}"},
    ],
    ids=["another's", "a param it needs", "more than that"],
)
def test_what_may_mean_something_else_is_kept(params: JsonValue) -> None:
    value: JsonValue = {"pipeline": [{"id": "a", "type": "shell", "params": params}]}
    assert mend(value, installed_types()).value == value
