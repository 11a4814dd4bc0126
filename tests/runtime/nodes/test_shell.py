from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from runtime.checks import check_params
from runtime.issues import JsonValue
from runtime.nodes.shell import shell
from runtime.nodes.shell_passing import LONGEST, MOST
from runtime.processes import OUTPUT_LIMIT
from tests.node_bench import Bench

PLACES = {
    "unquoted": "printf '%s\\0' ${{{}}}; ",
    "glued": "printf '%s\\0' a${{{}}}b; ",
    "single-quoted": "printf '%s\\0' 'it is ${{{}}}.'; ",
    "double-quoted": 'printf "%s\\\\0" "it is ${{{}}}."; ',
}
AROUND = {"unquoted": "{}", "glued": "a{}b", "single-quoted": "it is {}.", "double-quoted": "it is {}."}


def stdout_of(bench: Bench, command: str, **scope: JsonValue) -> JsonValue:
    return bench.run(shell, {"command": command}, **scope)["stdout"]


def test_it_gives_back_both_streams_as_they_came_and_the_exit_code(bench: Bench) -> None:
    outputs = bench.run(shell, {"command": "echo out; echo err >&2"})
    assert outputs == {"stdout": "out\n", "stderr": "err\n", "exit_code": 0}


def test_bytes_that_are_no_utf_8_are_replaced(bench: Bench) -> None:
    assert stdout_of(bench, r"printf 'a\377b'") == "a\ufffdb"


def test_a_program_gets_its_arguments_as_they_are_and_other_values_as_compact_json(bench: Bench) -> None:
    argv: JsonValue = ["printf", "%s|", "$HOME", "${a.x}", "ä ${a.x}", 5, None]
    assert bench.run(shell, {"argv": argv}, a={"x": {"k": ["é", 1]}})["stdout"] == (
        '$HOME|{"k":["é",1]}|ä {"k":["é",1]}|5|null|'
    )


def test_env_and_stdin_bring_values_in(bench: Bench) -> None:
    params: dict[str, JsonValue] = {"command": 'printf %s "$N-"; cat', "env": {"N": 8080}, "stdin": "${a.x}"}
    assert bench.run(shell, params, a={"x": [1, "\0"]})["stdout"] == '8080-[1,"\\u0000"]'


def test_it_runs_where_cwd_says_from_the_folder_of_the_run_on(bench: Bench, folder: Path) -> None:
    (folder / "sub").mkdir()
    assert bench.run(shell, {"command": "pwd", "cwd": "sub"})["stdout"] == f"{folder / 'sub'}\n"
    assert bench.run(shell, {"argv": ["pwd"], "cwd": str(folder)})["stdout"] == f"{folder}\n"


def test_a_non_zero_exit_is_a_failure_that_keeps_the_outputs(bench: Bench) -> None:
    failure = bench.failure(shell, {"command": "echo out; echo 'no such luck' >&2; exit 3"})
    assert failure.code == "exit_status"
    assert failure.message == "the command ended with exit code 3: no such luck"
    assert failure.outputs == {"stdout": "out\n", "stderr": "no such luck\n", "exit_code": 3}


def test_a_command_ended_by_a_signal_names_it(bench: Bench) -> None:
    failure = bench.failure(shell, {"command": "kill -KILL $$"})
    assert (failure.message, failure.outputs["exit_code"]) == ("the command ended with SIGKILL", -9)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"argv": ["no-such-program"]}, "not_found"),
        ({"command": "true", "cwd": "nowhere"}, "not_found"),
        ({"argv": ["./text"]}, "not_executable"),
        ({"argv": ["echo", "a\0b"]}, "value_not_passable"),
        ({"argv": ["echo", "x" * (LONGEST + 1)]}, "value_not_passable"),
        ({"argv": ["echo"], "env": {"X": "x" * (LONGEST + 1)}}, "value_not_passable"),
        ({"command": "echo ${a.nul}"}, "value_not_passable"),
        ({"command": "echo ${a.surrogate}"}, "value_not_passable"),
        ({"command": "true", "env": {"A=B": "x"}}, "value_not_passable"),
        ({"command": "true", "env": {"": "x"}}, "value_not_passable"),
        ({"command": "true", "env": {"a.b": "x" * (LONGEST + 1)}}, "value_not_passable"),
        ({"command": "true #" + "x" * 200_000}, "value_not_passable"),
        ({"command": "yes | head -c 20000000"}, "output_limit"),
    ],
)
def test_what_cannot_be_run_says_so(bench: Bench, folder: Path, params: dict[str, JsonValue], code: str) -> None:
    (folder / "text").write_text("no program", encoding="utf-8")
    assert bench.failure(shell, params, a={"nul": "a\0b", "surrogate": "\ud800"}).code == code


def test_output_past_the_limit_is_kept_as_far_as_it_goes(bench: Bench) -> None:
    assert len(str(bench.failure(shell, {"command": "yes | head -c 20000000"}).outputs["stdout"])) == OUTPUT_LIMIT


def test_a_reference_is_one_word_also_when_empty(bench: Bench) -> None:
    command = "set -- ${a.empty} ${a.two} x${a.empty}; echo $#; printf '[%s]' \"$@\""
    assert stdout_of(bench, command, a={"empty": "", "two": "b  c"}) == "3\n[][b  c][x]"


def test_the_shells_own_expansions_are_escaped_with_a_second_dollar(bench: Bench) -> None:
    command = "X=5; printf '%s ' $${X:-no} $X \"$${X}${a.x}\" '$${X}'"
    assert stdout_of(bench, command, a={"x": "$X"}) == "5 5 5$X ${X} "


@pytest.mark.parametrize("place", PLACES)
def test_hostile_strings_arrive_and_do_not_run(bench: Bench, folder: Path, shared_data: Path, place: str) -> None:
    strings: list[JsonValue] = json.loads((shared_data / "shell_strings_dev.json").read_text(encoding="utf-8"))
    for start in range(0, len(strings), 100):
        batch = strings[start : start + 100]
        command = "".join(PLACES[place].format(f"a.x[{index}]") for index in range(len(batch)))
        arrived = str(stdout_of(bench, command, a={"x": batch})).split("\0")[:-1]
        assert arrived == [AROUND[place].format(value) for value in batch]
    assert not list(folder.iterdir())


def test_a_long_value_arrives_byte_for_byte_and_its_file_vanishes(
    bench: Bench, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path_factory.mktemp("tmp")
    monkeypatch.setattr("tempfile.tempdir", str(private))
    value = "é\n$(date)`" * (LONGEST // 4) + "\n\n"
    assert stdout_of(bench, "printf %s a${a.x}", a={"x": value}) == "a" + value
    assert stdout_of(bench, "set -eu; printf '%s' 'a'\"${a.x}\"", a={"x": value}) == "a" + value
    assert not list(private.iterdir())


def test_the_file_of_a_long_value_is_readable_by_its_owner_alone(
    bench: Bench, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path_factory.mktemp("tmp")
    monkeypatch.setattr("tempfile.tempdir", str(private))
    command = f": ${{a.x}}; stat -c %a {private}/* {private}/*/*"
    assert stdout_of(bench, command, a={"x": "x" * (LONGEST + 1)}) == "700\n600\n"


def test_many_values_too_long_together_still_arrive(bench: Bench) -> None:
    values: list[JsonValue] = [str(digit) * (LONGEST - 10) for digit in range(30)]
    assert sum(len(str(each)) for each in values) > 4 * MOST
    command = "".join(f"printf %s ${{a.x[{index}]}}; " for index in range(30))
    assert stdout_of(bench, command, a={"x": values}) == "".join(map(str, values))


def test_a_long_variable_of_env_is_a_variable_of_the_script(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LONG", "inherited")
    params: dict[str, JsonValue] = {"command": 'printf %s "$LONG"', "env": {"LONG": "x" * 200_000}}
    assert bench.failure(shell, {**params, "argv": None, "command": "exit 7"}).outputs["exit_code"] == 7
    assert bench.run(shell, params)["stdout"] == "x" * 200_000


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({}, [("/command", "missing_param")]),
        ({"command": "ls", "argv": ["ls"]}, [("/argv", "param_type")]),
        ({"argv": []}, [("/argv", "param_type")]),
        ({"command": 5}, [("/command", "param_type")]),
        ({"comand": "ls"}, [("/comand", "unknown_param"), ("/command", "missing_param")]),
        ({"command": "ls", "timeout": 0}, [("/timeout", "param_type")]),
        ({"command": "echo $(ls ${a.x})"}, [("/command", "shell_reference_context")]),
        ({"command": "cat <<X\n${a.x}\nX"}, [("/command", "shell_reference_context")]),
        ({"command": "ls", "env": {"PLAIT_1": "x"}}, [("/env/PLAIT_1", "param_type")]),
        ({"command": "ls ${a.x}", "env": "${b.x}"}, [("/env", "param_type")]),
        ({"command": "ls ${a.x}", "env": {"N": 8080}, "timeout": "${b.x}"}, []),
        ({"command": "ls ${HOME:-x}"}, []),
        ({"argv": "${a.x}", "stdin": {"any": 1}}, []),
    ],
)
def test_the_checks_see_what_is_wrong_as_written(
    bench: Bench, params: dict[str, JsonValue], found: list[tuple[str, str]]
) -> None:
    assert bench.problems(shell, params) == found


def test_a_reference_at_a_wrong_place_is_told_the_way_out() -> None:
    (issue,) = check_params(shell, {"command": "echo `cat ${a.x}`"}, "")
    assert issue.message == "${a.x} stands in backticks, where no value can be passed"
    assert '"VALUE": "${a.x}"' in issue.hint


def test_after_the_rewrite_no_reference_is_left_in_the_command() -> None:
    rewritten = shell.rewrite({"command": "echo ${a.x} $${HOME}", "env": {"A": "b"}})
    assert rewritten == {"command": 'echo "$${PLAIT_1}" $${HOME}', "env": {"A": "b", "PLAIT_1": "${a.x}"}}


def test_a_command_that_cannot_be_rewritten_stays_as_it_is() -> None:
    for params in ({"command": "echo $(echo ${a.x})"}, {"command": "echo ${"}, {"argv": ["x"]}, {"command": 5}):
        assert shell.rewrite(params) == params


def test_what_it_needs_and_may_touch() -> None:
    assert list(shell.capabilities({})) == ["shell"]
    assert [each.kind for each in shell.effects({})] == ["anything"]
    assert shell.limit == "subprocesses"


def test_a_cancelled_step_leaves_no_private_file_behind(
    bench: Bench, folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    private = tmp_path_factory.mktemp("tmp")
    monkeypatch.setattr("tempfile.tempdir", str(private))
    os.mkfifo(folder / "READY")

    async def run() -> None:
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            command = ": ${a.x}; echo > READY; sleep 60"
            running = group.create_task(bench.attempt(shell, {"command": command}, a={"x": "x" * (LONGEST + 1)}))
            await asyncio.to_thread((folder / "READY").read_text)
            running.cancel()

    asyncio.run(run())
    assert not list(private.iterdir())
