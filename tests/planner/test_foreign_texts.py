"""Python, shell and prompts as models write them become what node types take."""

from __future__ import annotations

import pytest

from planner.mending import mend
from runtime.issues import JsonValue
from runtime.node_types import installed_types


def params(kind: str, given: JsonValue, *before: JsonValue, **more: JsonValue) -> tuple[JsonValue, tuple[str, ...]]:
    step: JsonValue = {"id": "a", "type": kind, "params": given, **more}
    done = mend({"pipeline": [*before, step]}, installed_types())
    assert isinstance(done.value, dict)
    assert isinstance(done.value["pipeline"], list)
    last = done.value["pipeline"][-1]
    assert isinstance(last, dict)
    return last["params"], done.notes


def test_the_only_function_of_python_is_called_run() -> None:
    source = "def mean(numbers=()):\n    return mean(numbers[1:]) if numbers else 0"
    expected = "def run(numbers=()):\n    return run(numbers[1:]) if numbers else 0"
    assert params("code", {"source": source}) == ({"source": expected}, ("called the function 'mean' of 'a' 'run'",))


@pytest.mark.parametrize(
    "source",
    [
        "def run(): return 1",
        "def one(): return 1\ndef two(): return 2",
        "def one(run=None): return 1",
        "def one(: return 1",
        "x = 1",
        "(" * 5000,
        "\0",
    ],
)
def test_python_of_which_it_is_not_clear_is_left_alone(source: str) -> None:
    assert params("code", {"source": source}) == ({"source": source}, ())


def test_a_variable_of_the_shell_is_no_reference() -> None:
    done = params("shell", {"command": 'echo "${HOME} $${PATH} ${HOME}"'})
    assert done == ({"command": 'echo "$${HOME} $${PATH} $${HOME}"'}, ("read ${HOME} as a variable of the shell",))


@pytest.mark.parametrize("command", ["echo ${a.stdout}", "echo ${home}", "echo $HOME"])
def test_what_may_be_a_reference_stays_one(command: str) -> None:
    assert params("shell", {"command": command})[0] == {"command": command}


def test_a_step_that_is_called_like_a_variable_is_meant() -> None:
    home: JsonValue = {"id": "HOME", "type": "shell", "params": {"command": "pwd"}}
    assert params("shell", {"command": "echo ${HOME}"}, home)[0] == {"command": "echo ${HOME}"}


def test_a_prompt_keeps_no_place_for_its_own_answer() -> None:
    done = params("llm", {"prompt": "Say ${b.result}.\nSummary:\n${a.response}"})
    assert done == ({"prompt": "Say ${b.result}.\nSummary:"}, ("left out of 'a' what would be its own answer",))


@pytest.mark.parametrize(
    ("kind", "given", "more"),
    [
        ("llm", {"prompt": "${a.result}"}, {}),
        ("llm", {"prompt": "Go on: ${a.result}"}, {"next": {"more": "a"}}),
        ("shell", {"command": "grep ${a.stdout} x"}, {}),
        ("llm", {"prompt": "Say $${a.result} and ${ab.result}"}, {}),
    ],
    ids=["nothing would be left", "it may run again", "a command", "no reference to it"],
)
def test_what_may_mean_something_else_is_kept(kind: str, given: JsonValue, more: dict[str, JsonValue]) -> None:
    assert params(kind, given, **more)[0] == given
