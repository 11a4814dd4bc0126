"""`shell` and `code` in the sandbox: what they promise outside of it holds inside as well."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.issues import JsonValue
from runtime.nodes.code import code
from runtime.nodes.shell import shell
from runtime.nodes.shell_passing import LONGEST
from runtime.sandbox import ProcessLimits
from runtime.workflow import JsonObject
from tests.node_bench import Bench
from tests.sandboxes import needs_sandbox, sandbox_in

pytestmark = needs_sandbox

PLACES = {
    "unquoted": "printf '%s\\0' ${{{}}}; ",
    "single-quoted": "printf '%s\\0' 'it is ${{{}}}.'; ",
    "double-quoted": 'printf "%s\\\\0" "it is ${{{}}}."; ',
}
AROUND = {"unquoted": "{}", "single-quoted": "it is {}.", "double-quoted": "it is {}."}


@pytest.fixture
def inside(bench: Bench, folder: Path) -> Bench:
    return replace(bench, context=replace(bench.context, sandbox=sandbox_in(folder, "write:out/")))


@pytest.mark.parametrize(
    "place", [pytest.param("unquoted"), *(pytest.param(p, marks=pytest.mark.slow) for p in list(PLACES)[1:])]
)
def test_hostile_strings_arrive_and_do_not_run(inside: Bench, folder: Path, shared_data: Path, place: str) -> None:
    strings: list[JsonValue] = json.loads((shared_data / "shell_strings_dev.json").read_text(encoding="utf-8"))
    for start in range(0, len(strings), 100):
        batch = strings[start : start + 100]
        command = "".join(PLACES[place].format(f"a.x[{index}]") for index in range(len(batch)))
        arrived = str(inside.run(shell, {"command": command}, a={"x": batch})["stdout"]).split("\0")[:-1]
        assert arrived == [AROUND[place].format(value) for value in batch]
    assert not [each for each in folder.rglob("*") if each.is_file()]


def test_hostile_strings_arrive_in_a_function_too(inside: Bench, shared_data: Path) -> None:
    strings: list[JsonValue] = json.loads((shared_data / "shell_strings_dev.json").read_text(encoding="utf-8"))
    params: JsonObject = {"source": "def run(x):\n    return x", "inputs": {"x": "${a.x}"}}
    assert inside.run(code, params, a={"x": strings}) == {"result": strings}


def test_a_value_too_long_for_a_variable_arrives_byte_for_byte(inside: Bench) -> None:
    value = "é\n$(date)`" * (LONGEST // 4) + "\n\n"
    command = "printf %s ${a.x}; printf %s 'a${a.x}'; printf %s \"a${a.x}\""
    assert inside.run(shell, {"command": command}, a={"x": value})["stdout"] == value + "a" + value + "a" + value


def test_many_values_too_long_together_arrive(inside: Bench) -> None:
    values: list[JsonValue] = [str(digit) * (LONGEST - 10) for digit in range(30)]
    command = "".join(f"printf %s ${{a.x[{index}]}}; " for index in range(30))
    assert inside.run(shell, {"command": command}, a={"x": values})["stdout"] == "".join(map(str, values))


def test_arguments_variables_and_standard_input_arrive(inside: Bench) -> None:
    argv: JsonObject = {"argv": ["printf", "%s|", "--", "", "$HOME", "${a.x}"], "env": {"N": 1}}
    assert inside.run(shell, argv, a={"x": {"k": ["é"]}})["stdout"] == '--||$HOME|{"k":["é"]}|'
    command: JsonObject = {"command": 'printf %s "$N"; cat', "env": {"N": "--bind"}, "stdin": "${a.x}\0"}
    assert inside.run(shell, command, a={"x": 5})["stdout"] == "--bind5\0"


def test_it_runs_where_cwd_says(inside: Bench, folder: Path) -> None:
    (folder / "sub").mkdir()
    assert inside.run(shell, {"command": "pwd", "cwd": "sub"})["stdout"] == f"{folder / 'sub'}\n"


@pytest.mark.parametrize(
    ("params", "code", "message"),
    [
        ({"argv": ["no-such-program"]}, "not_found", "there is no program 'no-such-program'"),
        ({"argv": ["no: such: program"]}, "not_found", "there is no program 'no: such: program'"),
        ({"argv": ["./text"]}, "not_executable", "'./text' cannot be run: Permission denied"),
        ({"command": "true", "cwd": "nowhere"}, "not_found", None),
        ({"command": "true", "cwd": "/var/lib"}, "not_found", None),
        ({"command": "exit 3"}, "exit_status", "the command ended with exit code 3"),
        ({"command": "echo 'bwrap: execvp x: No such file or directory' >&2; exit 1"}, "exit_status", None),
        ({"command": "true #" + "x" * 200_000}, "value_not_passable", None),
        ({"command": "yes"}, "output_limit", None),
    ],
)
def test_what_cannot_be_run_says_the_same_as_outside(
    inside: Bench, folder: Path, params: JsonObject, code: str, message: str | None
) -> None:
    (folder / "text").write_text("no program", encoding="utf-8")
    failure = inside.failure(shell, params)
    assert failure.code == code
    assert message is None or failure.message == message


def test_a_folder_that_the_sandbox_does_not_hold_is_told_with_the_grant(inside: Bench) -> None:
    failure = inside.failure(shell, {"command": "true", "cwd": "/var/lib"})
    assert failure.message.endswith("or with --allow read:/var/lib")


def test_a_sandbox_that_cannot_be_made_says_why(inside: Bench, folder: Path) -> None:
    sandbox = sandbox_in(folder, f"read:{folder / 'gone'}")
    (folder / "gone").mkdir()
    sandbox = sandbox_in(folder, f"read:{folder / 'gone'}")
    (folder / "gone").rmdir()
    failure = replace(inside, context=replace(inside.context, sandbox=sandbox)).failure(shell, {"command": "true"})
    assert failure.code == "sandbox_failed"
    assert "gone" in failure.message


def test_a_function_prints_returns_and_fails_as_outside(inside: Bench) -> None:
    source = "def run(x):\n    print('printed')\n    return {'action': 'again', 'result': 1 / x}"
    assert inside.run(code, {"source": source, "inputs": {"x": 2}}) == {"result": 0.5}
    assert inside.logged == ["printed"]
    failure = inside.failure(code, {"source": source, "inputs": {"x": 0}})
    assert (failure.code, failure.message) == ("code_error", "ZeroDivisionError: division by zero (line 3 of source)")


def test_a_function_can_write_what_is_granted_and_nothing_else(inside: Bench, folder: Path) -> None:
    source = "def run(path):\n    open(path, 'w').write('x')"
    assert inside.run(code, {"source": source, "inputs": {"path": "out/a"}}) == {"result": None}
    assert inside.failure(code, {"source": source, "inputs": {"path": "a"}}).message.startswith("OSError")
    assert (folder / "out" / "a").read_text(encoding="utf-8") == "x"


@pytest.mark.parametrize(
    ("limits", "doing", "reached"),
    [
        (ProcessLimits(memory_bytes=200_000_000), "return len(bytearray(300_000_000))", "memory_limit"),
        (ProcessLimits(cpu_seconds=1), "while __import__('time').process_time() < 9: pass", "cpu_limit"),
        (ProcessLimits(output_bytes=1000), "print('x' * 2000)", "output_limit"),
        (ProcessLimits(wall_seconds=0.3), "__import__('time').sleep(60)", "timeout"),
    ],
)
def test_each_limit_holds_inside_as_well(inside: Bench, limits: ProcessLimits, doing: str, reached: str) -> None:
    limited = replace(inside, context=replace(inside.context, limits=limits))
    assert limited.failure(code, {"source": f"def run():\n    {doing}"}).code == reached
