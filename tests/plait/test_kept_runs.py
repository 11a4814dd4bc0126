"""`plait runs`, `plait show`, and what every run leaves in the state directory."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import pytest

from plait.state import state_directory
from plait.wiring import answering
from runtime.completion import ScriptedClient
from tests.command_line import SHELL_ONLY, WITH_INPUTS, Call, Called, Document, Write, pipeline, shell, value

HELLO = pipeline(value("a", "hello"))


def records(state: Path) -> list[Document]:
    return [json.loads(path.read_text()) for path in sorted(state.glob("runs/*/record.json"))]


def run(call: Call, write: Write, document: object = HELLO, *options: str, name: str = "work.json") -> str:
    ran: Called = call("run", write(document, name), "--json", *options)
    return str(ran.object["run_id"])


@pytest.mark.parametrize(
    ("command", "code", "status"),
    [("echo", 0, "succeeded"), ("exit 1", 1, "failed"), ("exit 1", 3, "completed_with_errors")],
)
def test_every_run_is_kept_however_it_ended(call: Call, write: Write, command: str, code: int, status: str) -> None:
    document = pipeline(shell("a", command), settings={"on_error": "continue" if code == 3 else "fail_fast"})
    ran = call("run", write(document), "--yes", "--state", "kept", "--json")
    assert ran.code == code
    (kept,) = records(Path("kept"))
    record = kept["record"]
    assert isinstance(record, dict)
    assert (record["run_id"], record["status"]) == (ran.object["run_id"], status)


def test_beside_the_record_lies_the_document_as_it_was_written(call: Call, write: Write) -> None:
    name = run(
        call, write, "pipeline:\n- {id: a, type: transform, params: {value: x}}\n", "--state", "s", name="w.yaml"
    )
    assert json.loads(Path("s", "runs", name, "workflow.json").read_text()) == pipeline(value("a", "x"))


def test_what_was_refused_or_only_rehearsed_is_no_run(call: Call, write: Write) -> None:
    call("run", write(SHELL_ONLY))
    call("run", write(HELLO), "--dry-run")
    call("run", write(pipeline()))
    assert call("runs", "--json").json == []


def test_a_planned_run_is_kept(call: Call) -> None:
    with answering(ScriptedClient([json.dumps(HELLO)])):
        planned = call("plan", "say hello", "--run", "--state", "kept")
    assert planned.code == 0
    assert len(records(Path("kept"))) == 1


def test_a_state_directory_that_cannot_be_written_spoils_no_run(call: Call, write: Write) -> None:
    ran = call("run", write(HELLO), "--state", write("", "a-file"))
    assert (ran.code, ran.out) == (0, "hello\n")
    assert "warning: this run was not kept: a-file" in ran.err
    assert "PLAIT_STATE" in ran.err


def test_a_run_too_large_to_keep_ends_as_it_would_and_says_so(
    call: Call, write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLAIT_LIMITS", "kept_record_bytes=100")
    ran = call("run", write(HELLO), "--json")
    assert (ran.code, ran.codes, ran.object["outputs"]) == (0, ["kept_limit"], {"a": {"result": "hello"}})
    assert "warning: the run was not kept: its record and its workflow take " in ran.err
    assert call("runs", "--json").json == []


def test_the_option_wins_over_the_environment_and_that_over_the_users_own(own_surroundings: Path) -> None:
    assert state_directory(Path("asked"), {"PLAIT_STATE": "named"}) == Path("asked")
    assert state_directory(None, {"PLAIT_STATE": "named"}) == Path("named")
    assert state_directory(None, {}) == own_surroundings / "state" / "plait"


# --- runs


def test_runs_are_listed_with_the_newest_first(call: Call, write: Write) -> None:
    first, second = run(call, write, name="one.json"), run(call, write, name="two.json")
    told = call("runs").out.splitlines()
    assert told[0].split() == ["run", "workflow", "status", "when", "seconds"]
    assert [line.split()[:3] for line in told[1:]] == [[second, "two", "succeeded"], [first, "one", "succeeded"]]


def test_runs_in_json(call: Call, write: Write) -> None:
    name = run(call, write)
    listed = call("runs", "--json").json
    assert isinstance(listed, list)
    assert isinstance(listed[0], dict)
    assert set(listed[0]) == {"run_id", "workflow", "status", "began", "wall_seconds"}
    assert listed[0]["run_id"] == name
    assert datetime.fromisoformat(str(listed[0]["began"])).tzinfo is not None


def test_where_nothing_was_kept_the_place_is_named(call: Call) -> None:
    listed = call("runs", "--state", "nowhere")
    assert (listed.code, listed.out, listed.err) == (0, "", "no run has been kept in nowhere yet\n")


def test_a_name_that_a_terminal_would_obey_is_shown_in_one_line(call: Call, write: Write) -> None:
    run(call, write, pipeline(value("a", 1), name="two\nlines\x1b[2J"))
    assert r"two\nlines\x1b[2J" in call("runs").out


# --- show


def test_a_run_is_shown_with_steps_errors_and_outputs(call: Call, write: Write) -> None:
    document = pipeline(shell("bad", "exit 7"), value("after", "x"), settings={"on_error": "continue"})
    name = run(call, write, document, "--yes")
    shown = call("show", name)
    assert shown.code == 0
    assert f"{name}  work  " in shown.out
    assert "completed with errors in " in shown.out
    assert [line.split()[:4] for line in shown.out.splitlines() if line.startswith(("bad ", "after "))] == [
        ["bad", "shell", "failed", "1"],
        ["after", "transform", "succeeded", "1"],
    ]
    assert "bad: exit_status: the command ended with exit code 7" in shown.out
    assert '"result": "x"' in shown.out


def test_a_run_shown_in_json_is_what_the_run_printed_and_more(call: Call, write: Write) -> None:
    ran = call("run", write(WITH_INPUTS), "--json", "--input", "text=tea").object
    shown = call("show", "last", "--json").object
    assert {key: shown[key] for key in ran} == ran
    assert shown["inputs"] == {"text": "tea", "count": 0, "data": {}}
    assert set(shown) - set(ran) == {"began", "inputs"}


def test_the_beginning_of_an_id_is_enough_where_it_is_the_only_one(call: Call, write: Write) -> None:
    first, second = run(call, write), run(call, write)
    differs = next(at for at, (one, other) in enumerate(zip(first, second, strict=True)) if one != other)
    for name in (first, first.removeprefix("run-"), first[: differs + 1]):
        assert call("show", name, "--json").object["run_id"] == first


def test_last_is_the_newest_run(call: Call, write: Write) -> None:
    run(call, write)
    assert run(call, write) in call("show", "last").out


@pytest.mark.parametrize("name", ["nothing", "", "..", "last"])
def test_an_unknown_run_is_bad_usage(call: Call, name: str) -> None:
    shown = call("show", name)
    assert (shown.code, shown.out) == (2, "")
    assert "none has been kept yet" in shown.err


def test_an_unclear_name_lists_what_it_may_mean(call: Call, write: Write) -> None:
    names = run(call, write), run(call, write)
    shown = call("show", "run-")
    assert shown.code == 2
    assert all(name in shown.err for name in names)
