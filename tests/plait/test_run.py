"""`plait run`: what is printed where, and every exit code."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from plait.wiring import answering
from runtime.completion import (
    CassetteMiss,
    CompletionError,
    CompletionRefused,
    ModelUnreachable,
    NotAuthorised,
    ScriptedClient,
)
from tests.command_line import (
    SHELL_ONLY,
    WITH_INPUTS,
    Call,
    Document,
    Write,
    at_a_terminal,
    llm,
    pipeline,
    shell,
    value,
)
from tests.sandboxes import needs_sandbox

RECORD = {
    *("run_id", "workflow", "status", "outputs", "wall_seconds", "critical_path_seconds", "sequential_seconds"),
    *("speedup", "nodes", "errors", "not_undone", "issues"),
}
NODE = {"status", "type", "attempts", "started", "finished", "visits", "outputs", "error"}


@pytest.mark.parametrize(
    ("limit", "code", "told"),
    [
        ("document_bytes=20", 2, "bytes, more than 20"),
        ("batch_items=1", 1, "batch_limit"),
        ("run_seconds=0.05", 1, "the limit of a run (run_seconds), 0.05 seconds"),
        ("run_second=1", 2, "there is no limit 'run_second'"),
    ],
)
def test_limits_of_the_environment_hold_for_a_run(
    call: Call, write: Write, monkeypatch: pytest.MonkeyPatch, limit: str, code: int, told: str
) -> None:
    batch = value("a", "${item}") | {"batch": {"items": [1, 2]}}
    wait: Document = {"id": "b", "type": "wait", "params": {"seconds": 600 if "run_seconds" in limit else 0}}
    file = write(pipeline(batch, wait))
    monkeypatch.setenv("PLAIT_LIMITS", limit)
    ran = call("run", file)
    assert (ran.code, told in ran.err) == (code, True), ran.err


def test_a_run_prints_its_output_and_tells_its_steps_beside(call: Call, write: Write) -> None:
    ran = call("run", write(SHELL_ONLY), "--yes")
    assert (ran.code, ran.out) == (0, "1\n2\n")
    assert re.search(r"succeeded  both  \d\.\d\d s", ran.err)
    assert re.search(r"succeeded in .* s, one step after another .* s, .* times as fast", ran.err)


def test_json_is_one_object_with_the_keys_of_the_record(call: Call, write: Write) -> None:
    ran = call("run", write(SHELL_ONLY, "report.json"), "--yes", "--json")
    record = ran.object
    assert (ran.code, ran.err) == (0, "")
    assert set(record) == RECORD
    assert (record["status"], record["workflow"]) == ("succeeded", "report")
    nodes = record["nodes"]
    assert isinstance(nodes, dict)
    assert list(nodes) == ["one", "two", "both"]
    assert all(isinstance(node, dict) and set(node) == NODE for node in nodes.values())


def test_a_document_comes_from_standard_input_in_json_or_yaml(call: Call) -> None:
    yaml = "pipeline:\n- {id: a, type: transform, params: {value: hello}}\n"
    assert call("run", "-", stdin=yaml).out == "hello\n"
    assert call("run", "-", stdin=json.dumps(pipeline(value("a", "hello")))).out == "hello\n"


def test_several_outputs_have_headings_and_objects_are_json(call: Call, write: Write) -> None:
    ran = call("run", write(pipeline({"parallel": [value("a", "text"), value("b", {"k": [1]})]})))
    assert ran.out == '== a ==\ntext\n== b ==\n{\n  "k": [\n    1\n  ]\n}\n'


# --- inputs


@pytest.mark.parametrize(
    ("given", "name", "wanted"),
    [
        ("text=3", "text", "3"),
        ("text= as it stands ", "text", " as it stands "),
        ("text=a=b", "text", "a=b"),
        ("text=", "text", ""),
        ("text=@words.txt", "text", "from a file\r\n"),
        ("text=@@home", "text", "@home"),
        ("count=3.0", "count", 3.0),
        ("count= 4 ", "count", 4),
        ('data={"a": [true, null]}', "data", {"a": [True, None]}),
    ],
)
def test_a_value_is_text_for_a_string_and_json_for_the_rest(
    call: Call, write: Write, tmp_path: Path, given: str, name: str, wanted: object
) -> None:
    (tmp_path / "words.txt").write_bytes(b"from a file\r\n")
    ran = call("run", write(WITH_INPUTS), "--json", "--input", "text=other", "--input", given)
    outputs = ran.object["outputs"]
    assert isinstance(outputs, dict)
    assert outputs[name] == wanted


@pytest.mark.parametrize("given", ["count=x", "count=1.5", "count=true", 'count="1"', "count=", "data=[]", "count=NaN"])
def test_json_of_another_type_is_refused(call: Call, write: Write, given: str) -> None:
    ran = call("run", write(WITH_INPUTS), "--json", "--input", "text=x", "--input", given)
    assert (ran.code, ran.codes) == (2, ["input_type"])


def test_everything_that_is_wrong_with_the_inputs_is_said_at_once(call: Call, write: Write) -> None:
    ran = call("run", write(WITH_INPUTS), "--json", "--input", "txt=x", "--input", "count=x")
    assert (ran.code, sorted(map(str, ran.codes))) == (2, ["input_type", "missing_input", "unknown_input"])
    assert (ran.object["run_id"], ran.object["status"], ran.object["nodes"]) == (None, None, {})


def test_an_input_on_the_line_wins_over_the_file(call: Call, write: Write) -> None:
    file = write("text: from the file\ncount: 7\n", "inputs.yaml")
    outputs = call("run", write(WITH_INPUTS), "--json", "--input-file", file, "--input", "text=typed").object["outputs"]
    assert outputs == {"text": "typed", "count": 7, "data": {}}


@pytest.mark.parametrize("text", ["[1]", "a: *b", '{"a": 1', "words"])
def test_a_file_of_inputs_is_one_object(call: Call, write: Write, text: str) -> None:
    ran = call("run", write(WITH_INPUTS), "--input-file", write(text, "inputs.yaml"))
    assert ran.code == 2
    assert "inputs.yaml" in ran.err


@pytest.mark.parametrize("given", ["text", "=x", ""])
def test_an_input_without_name_or_value_is_bad_usage(call: Call, write: Write, given: str) -> None:
    ran = call("run", write(WITH_INPUTS), "--input", given)
    assert (ran.code, ran.out) == (2, "")
    assert "NAME=VALUE" in ran.err


def test_a_file_that_is_no_text_is_refused(call: Call, write: Write, tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    ran = call("run", write(WITH_INPUTS), "--input", "text=@bytes")
    assert ran.code == 2
    assert "not UTF-8" in ran.err


# --- what forbids a run


def test_an_invalid_document_lists_file_line_path_and_mend(call: Call, write: Write) -> None:
    ran = call("run", write('{"pipeline": [\n  {"id": "a", "type": "shel", "params": {}}\n]}'))
    assert (ran.code, ran.out) == (2, "")
    line = "work.json:2 /pipeline/0/type: there is no node type 'shel'; did you mean 'shell'?\n"
    assert ran.err == line


@pytest.mark.parametrize("document", ["{", {"pipeline": []}, pipeline(value("a", "${b.x}"))])
def test_an_invalid_document_prints_the_record_of_no_run(call: Call, write: Write, document: object) -> None:
    ran = call("run", write(document), "--json")
    assert (ran.code, set(ran.object)) == (2, RECORD)
    assert (ran.object["run_id"], ran.object["status"]) == (None, None)
    assert (ran.object["nodes"], ran.object["outputs"]) == ({}, {})
    assert ran.codes


@pytest.mark.parametrize("file", ["nowhere.json", "."])
def test_a_document_that_cannot_be_read_is_an_issue(call: Call, file: str) -> None:
    assert call("run", file, "--json").codes == ["json_syntax"]
    assert "cannot be read" in call("run", file).err


@pytest.mark.parametrize("option", [["--max-concurrent", "0"], ["--allow", "shel"]])
def test_an_option_that_makes_no_sense_is_bad_usage(call: Call, write: Write, option: list[str]) -> None:
    assert call("run", write(SHELL_ONLY), *option).code == 2


# --- consent


def test_without_a_grant_and_without_a_terminal_nothing_runs(call: Call, write: Write, tmp_path: Path) -> None:
    file = write(pipeline(shell("a", "touch ran")))
    told, printed = call("run", file), call("run", file, "--json")
    assert (told.code, printed.code, printed.codes) == (4, 4, ["capability_denied"])
    assert "--allow shell" in told.err
    assert (printed.object["run_id"], printed.object["status"]) == (None, None)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("grant", [["--yes"], ["--allow", "shell"], ["--allow", "write:out", "--allow", "shell"]])
def test_a_grant_on_the_line_is_enough(call: Call, write: Write, grant: list[str]) -> None:
    assert call("run", write(SHELL_ONLY), *grant).code == 0


def test_a_sandbox_that_is_asked_for_and_not_there_is_a_refusal(
    call: Call, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(pipeline(shell("a", "/usr/bin/touch ran")))
    monkeypatch.setenv("PATH", str(tmp_path))
    told, printed = (call("run", file, "--yes", "--sandbox", *more) for more in ([], ["--json"]))
    assert (told.code, printed.code, printed.codes) == (4, 4, ["sandbox_unavailable"])
    assert "install bubblewrap" in told.err
    assert not (tmp_path / "ran").exists()
    assert call("run", file, "--sandbox", "--dry-run").code == 0
    assert call("run", file, "--yes", "--no-sandbox").code == 0
    assert (tmp_path / "ran").exists()


def test_a_sandbox_that_is_not_there_is_not_asked_about(write: Write, tmp_path: Path) -> None:
    code, shown = at_a_terminal(tmp_path, [], "run", write(SHELL_ONLY), "--sandbox", PATH="/nowhere")
    assert code == 4
    assert "install bubblewrap" in shown


@needs_sandbox
def test_in_the_sandbox_a_step_writes_only_what_is_granted(call: Call, write: Write, tmp_path: Path) -> None:
    file = write(pipeline(shell("a", "echo x > out/a; echo x > b; true")))
    ran = call("run", file, "--sandbox", "--allow", "shell", "--allow", "write:out/")
    assert ran.code == 0
    assert ((tmp_path / "out" / "a").exists(), (tmp_path / "b").exists()) == (True, False)


def test_another_grant_is_not(call: Call, write: Write) -> None:
    assert call("run", write(SHELL_ONLY), "--allow", "write").code == 4


def test_a_capability_denied_while_it_runs_is_a_refusal(call: Call, write: Write, tmp_path: Path) -> None:
    read: Document = {"id": "read", "type": "read_file", "params": {"path": "${where.result}"}}
    document = pipeline(value("where", str(tmp_path.parent / "secret")), read)
    ran = call("run", write(document), "--json")
    assert (ran.code, ran.object["status"]) == (4, "failed")


def test_a_dry_run_shows_the_graph_and_the_needs_and_runs_nothing(call: Call, write: Write, tmp_path: Path) -> None:
    file = write(pipeline(shell("a", "touch ran"), value("b", "${a.stdout}")))
    ran = call("run", file, "--dry-run")
    assert ran.code == 0
    assert re.search(r"\* a\s+shell\n\* b\s+transform\n", ran.out)
    assert "needs: shell\nnot granted: shell\n" in ran.out
    assert not (tmp_path / "ran").exists()


def test_a_dry_run_in_json(call: Call, write: Write) -> None:
    shown = call("run", write(SHELL_ONLY), "--dry-run", "--json", "--allow", "shell").object
    assert set(shown) == {"graph", "capabilities", "not_granted", "issues"}
    assert (shown["capabilities"], shown["not_granted"]) == (["shell"], [])


def test_a_dry_run_checks_what_a_run_would(call: Call, write: Write) -> None:
    assert call("run", write(WITH_INPUTS), "--dry-run").code == 2


# --- how it ends


def failing(mode: str) -> Document:
    return pipeline(shell("bad", "echo why >&2; exit 7"), settings={"on_error": mode})


def test_a_failed_run_is_1_with_the_cause_first(call: Call, write: Write) -> None:
    ran = call("run", write(failing("fail_fast")), "--yes")
    assert ran.code == 1
    assert "bad: exit_status: " in ran.err


def test_a_run_completed_with_errors_is_3(call: Call, write: Write) -> None:
    ran = call("run", write(failing("continue")), "--yes", "--json")
    assert (ran.code, ran.object["status"]) == (3, "completed_with_errors")


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ModelUnreachable("nothing answers"), 6),
        (CassetteMiss("no recording"), 6),
        (NotAuthorised("no key"), 6),
        (CompletionRefused("a bad request"), 1),
    ],
)
def test_a_run_that_failed_for_want_of_a_model_is_6(
    call: Call, write: Write, error: CompletionError, code: int
) -> None:
    with answering(ScriptedClient([error])):
        ran = call("run", write(pipeline(llm("ask", "hello"))))
    assert ran.code == code
    assert str(error) in ran.err


def test_a_failure_beside_a_missing_model_is_1(call: Call, write: Write) -> None:
    document = pipeline({"parallel": [shell("bad", "exit 1"), llm("ask", "hello")]}, settings={"on_error": "fail_fast"})
    with answering(ScriptedClient(["never cut"])):
        assert call("run", write(document), "--yes").code == 1


def test_an_llm_step_asks_the_wired_model_which_is_named(call: Call, write: Write) -> None:
    with answering(ScriptedClient(["an answer"])):
        ran = call("run", write(pipeline(llm("ask", "hello"))), "--model", "openai/some-model")
    assert (ran.code, ran.out) == (0, "an answer\n")
    assert "model: openai/some-model\n" in ran.err


def test_the_model_of_the_environment_is_named(call: Call, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAIT_MODEL", "openai/of-the-environment")
    with answering(ScriptedClient(["an answer"])):
        assert "model: openai/of-the-environment\n" in call("run", write(pipeline(llm("ask", "hello")))).err


def test_a_folder_of_recordings_that_is_not_there_is_6(call: Call, write: Write) -> None:
    ran = call("run", write(pipeline(llm("ask", "hello"))), "--cassette", "nowhere")
    assert ran.code == 6
    assert "nowhere: no directory of cassettes" in ran.err


# --- a process of its own


def started(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "plait", *arguments]
    return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def named_pipe(path: Path) -> int:
    """One that can be waited for, also if nobody ever writes."""
    os.mkfifo(path)
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_run_and_still_prints_its_record(tmp_path: Path, write: Write, ending: signal.Signals) -> None:
    began = named_pipe(tmp_path / "began")
    document = pipeline(shell("slow", "echo > began; sleep 60"), value("after", "${slow.stdout}"))
    running = started(tmp_path, "run", write(document), "--yes", "--json")
    assert select.select([began], [], [], 20)[0]
    os.close(began)
    running.send_signal(ending)
    out, err = running.communicate(timeout=20)
    record = json.loads(out)
    assert (running.returncode, record["status"], err) == (130, "cancelled", "")
    assert [node["status"] for node in record["nodes"].values()] == ["cancelled", "not_started"]


def test_at_a_terminal_it_asks_once_and_draws_the_steps(tmp_path: Path, write: Write) -> None:
    code, shown = at_a_terminal(tmp_path, ["y"], "run", write(SHELL_ONLY))
    assert (code, shown.count("[y/N]")) == (0, 1)
    assert "'one' needs the capability 'shell'" in shown
    assert "━" in shown
    assert "\x1b[3" not in shown, "NO_COLOR is set"


def test_at_a_terminal_the_default_is_no(tmp_path: Path, write: Write) -> None:
    code, shown = at_a_terminal(tmp_path, [""], "run", write(pipeline(shell("a", "touch ran"))))
    assert code == 4
    assert "nothing was run" in shown
    assert not (tmp_path / "ran").exists()


def test_a_terminal_does_not_obey_what_an_output_says(tmp_path: Path, write: Write) -> None:
    _, shown = at_a_terminal(tmp_path, [], "run", write(pipeline(value("a", "\x1b]0;taken\x07"))))
    assert r"\x1b]0;taken\x07" in shown


def test_json_at_a_terminal_draws_nothing(tmp_path: Path, write: Write) -> None:
    code, shown = at_a_terminal(tmp_path, [], "run", write(SHELL_ONLY), "--yes", "--json")
    assert code == 0
    assert json.loads(shown)["status"] == "succeeded"
