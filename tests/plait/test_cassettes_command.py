"""`plait cassettes` on a suite and recordings of the test's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.recording_files import read, write
from runtime.issues import JsonValue
from tests.command_line import Call, Called, Write, pipeline, value
from tests.model_server import Asked, ModelServer, Reply, says

SUITE: dict[str, JsonValue] = {
    "name": "small",
    "cases": [
        {"id": "one", "request": "Give one value.", "expect": {"uses": {"transform": 1}}},
        {"id": "two", "request": "Give two values.", "expect": {"uses": {"transform": 2}}},
    ],
}
MODEL = "openai/tiny"
KEY = "sk-of-the-test-0123456789"


def one_value(asked: Asked) -> Reply:
    return says(json.dumps(pipeline(value("a", "x"))))


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelServer]:
    with ModelServer(answer=one_value) as server:
        monkeypatch.setenv("OPENAI_API_BASE", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield server


@pytest.fixture
def suite(call: Call, write: Write, server: ModelServer) -> str:
    """A suite, recorded."""
    path = write(SUITE, "small.json")
    assert call("cassettes", "record", path, "--model", MODEL).code == 0
    return path


@pytest.fixture
def folder(suite: str) -> Path:
    return Path(suite).parent / "cassettes/small/openai+tiny@shipped"


def found(called: Called) -> list[tuple[str, str]]:
    findings = called.json
    assert isinstance(findings, list)
    return [(str(each["kind"]), Path(str(each["file"])).name) for each in findings if isinstance(each, dict)]


def test_what_was_just_recorded_is_clean(call: Call, suite: str, folder: Path) -> None:
    assert sorted(path.name for path in folder.iterdir()) == ["one.json", "two.json"]
    called = call("cassettes", "check", suite)
    assert (called.code, called.out) == (0, "")
    assert called.err == "2 cassettes: whole, current, used, and without a known secret\n"
    assert call("cassettes", "check", suite, "--json").json == []


def test_recording_asks_only_for_what_is_missing(call: Call, suite: str, folder: Path, server: ModelServer) -> None:
    asked = len(server.asked)
    (folder / "two.json").unlink()
    assert found(call("cassettes", "check", suite, "--json")) == [("missing", "two.json")]
    assert call("cassettes", "check", suite).code == 1
    called = call("cassettes", "record", suite, "--model", MODEL)
    assert called.err.endswith("2 of 2 recorded, 0 of them marked as current\n")
    assert len(server.asked) == asked + 1
    assert call("cassettes", "check", suite).code == 0


def test_the_cases_to_record_may_stand_in_a_file(call: Call, suite: str, folder: Path, tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        (folder / name).unlink()
    (tmp_path / "some.ids").write_text("two\n\n")
    called = call("cassettes", "record", suite, "--model", MODEL, "--case", f"@{tmp_path / 'some.ids'}")
    assert called.err.endswith("1 of 1 recorded, 0 of them marked as current\n")
    assert [path.name for path in folder.iterdir()] == ["two.json"]


def test_a_case_that_asks_something_else_is_stale_and_is_recorded_anew(
    call: Call, write: Write, suite: str, folder: Path
) -> None:
    changed = {
        **SUITE,
        "cases": [{"id": "one", "request": "Give another value."}, {"id": "two", "request": "Give two values."}],
    }
    write(changed, "small.json")
    called = call("cassettes", "check", suite)
    assert called.code == 1
    assert "one.json: stale: no recording answers POST /v1/chat/completions of call 'one/1/1'; " in called.out
    assert call("cassettes", "record", suite, "--model", MODEL).code == 0
    assert found(call("cassettes", "check", suite, "--json")) == [("unused", "one.json")]
    assert call("cassettes", "prune", suite, "--yes").code == 0
    assert len(read(folder / "one.json").interactions) == 1
    assert call("cassettes", "check", suite).code == 0


def test_what_was_made_with_something_else_is_stale_until_it_has_answered(
    call: Call, suite: str, folder: Path, server: ModelServer
) -> None:
    asked = len(server.asked)
    recording = read(folder / "one.json")
    write(folder / "one.json", recording.model_copy(update={"made_with": {**recording.made_with, "language": "0.1"}}))
    write(
        folder / "two.json",
        recording.model_copy(update={"made_with": {}, "interactions": read(folder / "two.json").interactions}),
    )
    out = call("cassettes", "check", suite).out.splitlines()
    assert out[0].endswith("one.json: stale: language was 0.1 and is 0.2.0; plait cassettes record")
    assert out[1].endswith("two.json: stale: it does not say what it was made with; plait cassettes record")
    called = call("cassettes", "record", suite, "--model", MODEL)
    assert called.err.endswith("2 of 2 recorded, 2 of them marked as current\n")
    assert len(server.asked) == asked
    assert call("cassettes", "check", suite).code == 0


def test_what_no_case_has_is_unused_and_shown_before_it_goes(call: Call, suite: str, folder: Path) -> None:
    (folder / "old.json").write_bytes((folder / "one.json").read_bytes())
    assert found(call("cassettes", "check", suite, "--json")) == [("unused", "old.json")]
    shown = call("cassettes", "prune", suite, "--dry-run")
    assert (shown.code, shown.out) == (0, f"{folder / 'old.json'}: no case has it\n")
    assert shown.err == "1 file unused\n"
    refused = call("cassettes", "prune", suite)
    assert refused.code == 4
    assert "1 file would be pruned, and nobody can be asked; add --yes, or --dry-run" in refused.err
    assert (folder / "old.json").exists()
    pruned = call("cassettes", "prune", suite, "--yes")
    assert (pruned.code, pruned.err) == (0, "1 file pruned\n")
    assert not (folder / "old.json").exists()
    assert call("cassettes", "prune", suite).err == "nothing is unused\n"


def test_a_broken_or_edited_file_is_told_with_the_place_and_is_exit_6(call: Call, suite: str, folder: Path) -> None:
    (folder / "one.json").write_text('{"cassette": 1,\n "interactions": [')
    text = (folder / "two.json").read_text()
    (folder / "two.json").write_text(text.replace('"finish_reason": "stop"', '"finish_reason": "length"'))
    called = call("cassettes", "check", suite)
    assert called.code == 6
    assert "one.json: unreadable: no whole cassette (line 2: " in called.out
    assert "two.json: edited: edited by hand: /interactions/0 is not what was recorded; put it back" in called.out
    assert "Traceback" not in called.err
    assert call("cassettes", "record", suite, "--model", MODEL).code == 6
    assert (folder / "one.json").read_text() == '{"cassette": 1,\n "interactions": ['


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (KEY, "the value of OPENAI_API_KEY (plain)"),
        ("AKIAABCDEFGHIJKLMNOP", "what looks like an AWS key"),
        ("-----BEGIN RSA PRIVATE KEY-----", "what looks like a private key"),
    ],
)
def test_a_secret_that_came_into_a_file_is_told_and_not_shown(
    call: Call, suite: str, folder: Path, secret: str, told: str
) -> None:
    recording = read(folder / "one.json")
    write(folder / "one.json", recording.model_copy(update={"made_with": {**recording.made_with, "note": secret}}))
    called = call("cassettes", "check", suite)
    assert called.code == 1
    assert f"one.json: secret: {told}; delete it, revoke the secret, and record again\n" in called.out
    assert secret not in called.out


def test_a_suite_or_variant_that_is_not_there_is_bad_usage(call: Call, suite: str) -> None:
    assert call("cassettes", "check", "generatoin").code == 2
    called = call("cassettes", "record", suite, "--variant", "shiped")
    assert called.code == 2
    assert "did you mean 'shipped'?" in called.err


def test_a_missing_model_is_told_and_is_exit_6(call: Call, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_BASE", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    called = call("cassettes", "record", write(SUITE, "small.json"), "--model", MODEL)
    assert called.code == 6
    assert "0 of 2 recorded" in called.err


def test_recordings_beside_those_of_suites_are_looked_at_but_belong_to_nobody(
    call: Call, suite: str, folder: Path
) -> None:
    other = folder.parents[1] / "by-hand"
    other.mkdir()
    (other / "demo.json").write_bytes((folder / "one.json").read_bytes())
    assert call("cassettes", "check", suite).code == 0
    (other / "demo.json").write_text("{")
    assert found(call("cassettes", "check", suite, "--json")) == [("unreadable", "demo.json")]


def test_recordings_with_prompts_of_ones_own_are_judged_by_those_and_never_pruned_without_them(
    call: Call, suite: str, folder: Path, tmp_path: Path
) -> None:
    for place, text in (("then", "Plan."), ("now", "Plan!")):
        (tmp_path / place / "mine").mkdir(parents=True)
        (tmp_path / place / "mine/plan_system.jinja").write_text(text)
    assert call("cassettes", "record", suite, "--model", MODEL, "--prompts", "then/mine").code == 0
    assert call("cassettes", "check", suite, "--prompts", "then/mine").code == 0
    changed = call("cassettes", "check", suite, "--prompts", "now/mine")
    assert changed.code == 1
    assert "openai+tiny@mine/one.json: stale: no recording answers" in changed.out
    assert "prompts/plan_system.jinja was " in changed.out
    unknown = call("cassettes", "check", suite)
    assert unknown.code == 1
    assert "one.json: unknown: it is of a variant that is not known; give its prompts by --prompts DIR" in unknown.out
    assert call("cassettes", "prune", suite, "--yes").err == "nothing is unused\n"
