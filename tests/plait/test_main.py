"""The outermost layer: help, unknown words, and errors that are told and not thrown."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from plait.__main__ import main
from plait.application import COMMANDS
from tests.command_line import SHELL_ONLY, Call, Write, pipeline, value

HEAVY = ("litellm", "jinja2", "vcr", "rich")


def plait(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "plait", *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def imported(stderr: str) -> set[str]:
    return {name.split(".")[0] for name in re.findall(r"^import time:.*\| +(\S+)$", stderr, re.MULTILINE)}


def test_help_names_every_command_with_its_line(call: Call) -> None:
    helped = call("--help")
    assert helped.code == 0
    assert all(name in helped.out and line in helped.out for name, line in COMMANDS.items())


def test_without_arguments_there_is_help(call: Call) -> None:
    assert call().out == call("--help").out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_of_its_own(call: Call, command: str) -> None:
    helped = call(command, "--help")
    assert (helped.code, helped.err) == (0, "")
    assert f"Usage: plait {command}" in helped.out


def test_the_version_is_said(call: Call) -> None:
    assert re.fullmatch(r"plait \d+\.\d+\.\d+\n", call("--version").out)


def test_an_unknown_command_is_answered_with_the_nearest(call: Call) -> None:
    called = call("rnu")
    assert (called.code, called.out) == (2, "")
    assert "Did you mean 'run'?" in called.err


def test_an_unknown_option_is_answered_with_the_nearest(call: Call) -> None:
    called = call("run", "x.json", "--jsn")
    assert called.code == 2
    assert "--json" in called.err


def test_a_missing_argument_is_bad_usage(call: Call) -> None:
    assert call("run").code == 2


def test_help_imports_nothing_heavy() -> None:
    found = imported(plait("--help").stderr)
    assert "typer" in found
    assert not found & {*HEAVY, "runtime", "planner"}


def test_a_shell_only_run_imports_nothing_of_the_models(tmp_path: Path) -> None:
    document = tmp_path / "work.yaml"
    document.write_text("pipeline: [{id: a, type: shell, params: {command: echo ran}}]")
    ran = plait("run", str(document), "--yes")
    assert (ran.returncode, ran.stdout) == (0, "ran\n")
    assert not imported(ran.stderr) & {*HEAVY, "planner", "evals"}


def test_completion_knows_commands_and_options() -> None:
    def completed(*words: str) -> list[str]:
        asked = {"COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1), "_PLAIT_COMPLETE": "complete_bash"}
        return plait(**asked).stdout.split()

    assert completed("plait", "val") == ["validate"]
    assert completed("plait", "run", "--max-con") == ["--max-concurrent"]


def test_debug_raises_the_error_as_it_came(call: Call, write: Write) -> None:
    with pytest.raises(FileNotFoundError):
        main(["run", write(pipeline(value("a", 1))), "--input", "x=@nowhere.txt", "--debug"])


def test_behind_two_dashes_debug_is_data(call: Call) -> None:
    assert "'--debug' is given" not in call("validate", "--", "--debug").err
    assert "--debug" in call("validate", "--", "--debug").out


def test_a_file_that_is_not_there_is_one_sentence(call: Call, write: Write) -> None:
    called = call("run", write(SHELL_ONLY), "--input", "x=@nowhere.txt")
    assert (called.code, called.err) == (2, "plait: nowhere.txt: no such file or directory\n")


def test_a_defect_of_ours_is_a_sentence_too(call: Call, monkeypatch: pytest.MonkeyPatch, write: Write) -> None:
    monkeypatch.setattr("runtime.running.bind_inputs", lambda graph, given: 1 / 0)
    called = call("run", write(SHELL_ONLY))
    assert called.code == 1
    assert "ZeroDivisionError" in called.err
    assert "--debug" in called.err


def test_a_missing_extra_is_named_with_its_mend(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plait.commands.plan", None)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    for name in [name for name in sys.modules if name.split(".")[0] == "planner"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "plait.commands.plan")
    called = call("plan", "something")
    assert called.code == 6
    assert "pip install 'plait[planner]'" in called.err


def test_a_reader_that_leaves_early_is_no_error_to_show() -> None:
    command = f"{sys.executable} -m plait schema | true"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_under_standard_output_is_one_sentence() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "plait", "nodes"], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (6, "plait: no space left on device\n")
