"""Runs kept and found again, by both sides of the port."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runtime.graph import NodeId
from runtime.issues import Issue, JsonValue, Unavailable
from runtime.journal import KeptRun, RunsInDirectory, RunsInMemory, RunStore, kept
from runtime.record import NodeRecord, RunError, RunRecord, Started, Succeeded

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DOCUMENT: JsonValue = {"pipeline": [{"id": "a", "type": "transform", "params": {"value": "\ud800"}}]}
RECORD = RunRecord(
    run_id="run-1",
    workflow="work",
    status="completed_with_errors",
    outputs={"a": {"result": [1, None, "\x1b"]}},
    wall_seconds=1.5,
    critical_path_seconds=1.0,
    sequential_seconds=2.0,
    nodes={
        "a": NodeRecord("succeeded", "code", 1, 0.0, 1.0, 1, {"result": 1}),
        "b": NodeRecord("failed", "shell", 2, 0.0, 1.5, 1, {"stdout": ""}, {"code": "exit_status", "message": "7"}),
        "c": NodeRecord("skipped", "shell"),
    },
    errors=(RunError("b", "exit_status", "7"), RunError(None, "timeout", "too long")),
    not_undone=("b",),
    issues=(Issue("unused_input", "/inputs/n", "used nowhere", "remove it", 3),),
)


def run(name: str = "run-1", minutes: int = 0) -> KeptRun:
    record = RunRecord(name, "work", "succeeded")
    return KeptRun(record, NOON + timedelta(minutes=minutes))


@pytest.fixture(params=["memory", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> RunStore:
    return RunsInMemory() if request.param == "memory" else RunsInDirectory(tmp_path / "state")


def test_a_run_is_found_as_it_was_kept(store: RunStore) -> None:
    whole = KeptRun(RECORD, NOON, {"topic": "tea"}, {"a": "again"}, "a")
    store.save(whole, DOCUMENT)
    assert store.load("run-1") == whole
    assert store.runs() == [whole]


def test_the_newest_run_is_first(store: RunStore) -> None:
    for name, minutes in (("run-a", 1), ("run-b", 3), ("run-c", 2)):
        store.save(run(name, minutes), DOCUMENT)
    assert [each.run_id for each in store.runs()] == ["run-b", "run-c", "run-a"]


def test_a_run_saved_again_is_replaced(store: RunStore) -> None:
    store.save(run(minutes=1), DOCUMENT)
    store.save(run(minutes=2), DOCUMENT)
    assert store.runs() == [run(minutes=2)]


def test_where_nothing_was_kept_there_are_no_runs(store: RunStore) -> None:
    assert store.runs() == []


@pytest.mark.parametrize("name", ["run-2", "run", "", "..", ".", "../runs/run-1", "run-1/"])
def test_only_the_exact_id_finds_a_run(store: RunStore, name: str) -> None:
    store.save(run(), DOCUMENT)
    with pytest.raises(KeyError):
        store.load(name)


# --- what a later run is given


def test_only_what_succeeded_is_given() -> None:
    found = KeptRun(RECORD, NOON)
    assert found.given("a") == {"result": 1}
    assert [found.given(name) for name in "bcd"] == [None, None, None]


def test_an_action_is_given_beside_the_outputs() -> None:
    a, b = NodeId("a"), NodeId("b")
    facts = (Started(a, 0), Succeeded(a, 1, {}, "again"), Succeeded(a, 2, {}, "done"), Succeeded(b, 3, {}))
    nodes = {"a": NodeRecord("succeeded", "code", outputs={"result": 1})}
    ended = kept(RunRecord("run-1", "work", "succeeded", nodes=nodes, facts=facts), NOON, {})
    assert ended.actions == {"a": "done"}
    assert ended.given("a") == {"result": 1, "action": "done"}


# --- on disk


def test_a_kept_run_is_for_its_owner_alone(tmp_path: Path) -> None:
    RunsInDirectory(tmp_path / "new" / "state").save(run(), DOCUMENT)
    places = [*(tmp_path / "new").rglob("*")]
    modes = {stat.S_IMODE(each.stat().st_mode) for each in places if each.is_dir()}
    assert modes == {0o700}
    assert {stat.S_IMODE(each.stat().st_mode) for each in places if each.is_file()} == {0o600}


def test_the_document_lies_beside_the_record_and_nothing_else(tmp_path: Path) -> None:
    RunsInDirectory(tmp_path).save(run(), DOCUMENT)
    folder = tmp_path / "runs" / "run-1"
    assert sorted(os.listdir(folder)) == ["record.json", "workflow.json"]
    assert json.loads((folder / "workflow.json").read_text()) == DOCUMENT


def test_what_is_no_json_leaves_no_half_record(tmp_path: Path) -> None:
    broken = KeptRun(RunRecord("run-1", "work", "succeeded", outputs={"a": object()}), NOON)
    with pytest.raises(TypeError):
        RunsInDirectory(tmp_path).save(broken, DOCUMENT)
    assert not list(tmp_path.iterdir())
    assert RunsInDirectory(tmp_path).runs() == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"record": 1}', "[" * 100_000, '{"began": "x"}'])
def test_a_damaged_record_is_named_and_hides_no_other(tmp_path: Path, text: str) -> None:
    store = RunsInDirectory(tmp_path)
    store.save(run("run-good"), DOCUMENT)
    store.save(run("run-bad", 1), DOCUMENT)
    (tmp_path / "runs" / "run-bad" / "record.json").write_text(text)
    assert [each.run_id for each in store.runs()] == ["run-good"]
    with pytest.raises(Unavailable, match=r"run-bad/record\.json: the record is damaged"):
        store.load("run-bad")


def test_what_was_begun_and_not_finished_is_no_run_yet(tmp_path: Path) -> None:
    (tmp_path / "runs" / "run-begun").mkdir(parents=True)
    (tmp_path / "runs" / "a file").write_text("")
    assert RunsInDirectory(tmp_path).runs() == []
    with pytest.raises(KeyError):
        RunsInDirectory(tmp_path).load("run-begun")
