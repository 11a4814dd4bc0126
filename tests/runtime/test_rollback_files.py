"""What a failure takes back of real files, and that it may be broken off and done again."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path

import pytest

from runtime.grants import Grants
from runtime.issues import JsonValue
from runtime.node_types import NodeContext, NodeFailed, Registry, installed_types, node_type
from runtime.nodes.write_file import restore
from runtime.record import RunRecord
from runtime.running import run
from tests.acting import statuses
from tests.language import Document


@node_type("fails")
async def fails() -> None:
    raise NodeFailed("boom", "it failed")


FILES = installed_types().with_types(fails)


def write(name: str, path: str, content: str, **params: object) -> Document:
    return {"id": name, "type": "write_file", "params": {"path": path, "content": content, **params}}


def run_here(directory: Path, *entries: Document, registry: Registry = FILES) -> RunRecord:
    document: Document = {"pipeline": list(entries), "settings": {"on_error": "rollback"}}
    return asyncio.run(run(document, registry=registry, allow=["all"], directory=directory))


FAIL: Document = {"id": "f", "type": "fails"}


def test_a_written_file_gets_its_bytes_and_mode_back(tmp_path: Path) -> None:
    target = tmp_path / "notes"
    target.write_bytes(b"\xff old \x00")
    target.chmod(0o640)
    record = run_here(tmp_path, write("w", "notes", "new"), FAIL)
    assert target.read_bytes() == b"\xff old \x00"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert (record.status, statuses(record)) == ("rolled_back", {"w": "undone", "f": "failed"})


def test_a_file_that_was_not_there_goes_with_the_folders_made_for_it(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    run_here(tmp_path, write("w", "kept/a/b/new.txt", "new"), FAIL)
    assert [each.name for each in tmp_path.rglob("*")] == ["kept"]


def test_a_folder_that_others_use_by_now_stays(tmp_path: Path) -> None:
    @node_type("drops")
    async def drops(context: NodeContext) -> None:
        (context.directory / "a" / "other").write_text("mine")

    types = FILES.with_types(drops)
    run_here(tmp_path, write("w", "a/new.txt", "new"), {"id": "d", "type": "drops"}, FAIL, registry=types)
    assert [each.name for each in (tmp_path / "a").iterdir()] == ["other"]


def test_writes_to_one_file_are_taken_back_to_the_first_state(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("0")
    run_here(tmp_path, *(write(f"w{at}", "log", str(at), append=True) for at in range(1, 4)), FAIL)
    assert (tmp_path / "log").read_text() == "0"


def test_all_items_of_a_batch_are_taken_back(tmp_path: Path) -> None:
    step = write("w", "out/${item}", "x") | {"batch": {"items": ["a", "b", "c"], "parallel": True}}
    run_here(tmp_path, step, FAIL)
    assert list(tmp_path.iterdir()) == []


def test_items_are_taken_back_also_when_another_could_not_even_begin(tmp_path: Path) -> None:
    items: JsonValue = [{"path": "a"}, {"path": "b"}, {}]
    record = run_here(tmp_path, write("w", "${item.path}", "x") | {"batch": {"items": items}})
    assert [error.code for error in record.errors] == ["missing_value"]
    assert (record.status, statuses(record), list(tmp_path.iterdir())) == ("rolled_back", {"w": "undone"}, [])


def test_a_batch_none_of_whose_items_began_has_nothing_to_take_back(tmp_path: Path) -> None:
    step: Document = {"id": "s", "type": "shell", "params": {"command": "touch ${item.x}"}, "batch": {"items": [{}]}}
    record = run_here(tmp_path, step)
    assert (record.status, record.not_undone) == ("rolled_back", ())


def test_every_round_of_a_loop_is_taken_back(tmp_path: Path) -> None:
    again: Document = {"id": "d", "type": "decide", "params": {"cases": [{"when": "${r.size} < 3", "action": "again"}]}}
    steps = [
        write("w", "log", "x", append=True),
        {"id": "r", "type": "read_file", "params": {"path": "log"}},
        {**again, "next": {"again": "w"}},
    ]
    record = run_here(tmp_path, *steps, FAIL)
    assert record.nodes["w"].visits == 3
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_cannot_be_taken_back_is_named(tmp_path: Path) -> None:
    @node_type("blocks")
    async def blocks(context: NodeContext) -> None:
        target = context.directory / "notes"
        target.unlink()
        target.mkdir()
        (target / "in the way").touch()

    (tmp_path / "notes").write_text("old")
    types = FILES.with_types(blocks)
    record = run_here(tmp_path, write("w", "notes", "new"), {"id": "b", "type": "blocks"}, FAIL, registry=types)
    assert (record.status, record.not_undone) == ("rollback_incomplete", ("w",))
    assert [error.code for error in record.errors] == ["boom", "undo_failed"]


def note_of(directory: Path, path: str) -> JsonValue:
    """What a write of the file keeps for its undo."""
    kept = list[JsonValue]()
    grants = Grants(frozenset({"write"}), directory)
    write_file = FILES["write_file"]
    params = write_file.params.model_validate({"path": path, "content": "new"})
    write_file.call(params, NodeContext("run", "w", 1, directory, keep=kept.append, grants=grants))
    return kept[0]


@pytest.mark.parametrize("before", [None, "old"])
def test_a_write_can_be_taken_back_twice(tmp_path: Path, before: str | None) -> None:
    target = tmp_path / "a" / "notes"
    if before is not None:
        target.parent.mkdir()
        target.write_text(before)
    note = note_of(tmp_path, "a/notes")
    restore(note)
    restore(note)
    assert (target.read_text() if target.exists() else None) == before
    assert target.parent.exists() is (before is not None)


@pytest.mark.parametrize("after", ["unlink", "rmdir"])
def test_a_write_can_be_taken_back_after_a_first_time_that_was_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    note = note_of(tmp_path, "a/b/notes")
    original = getattr(os, after)

    def broken_off(*args: object, **named: object) -> None:
        original(*args, **named)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, after, broken_off)
        with pytest.raises(KeyboardInterrupt):
            restore(note)
    restore(note)
    assert list(tmp_path.iterdir()) == []


def test_half_a_restored_file_never_takes_the_place_of_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notes").write_text("old")
    note = note_of(tmp_path, "notes")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fchmod", killed)
        with pytest.raises(KeyboardInterrupt):
            restore(note)
    assert (tmp_path / "notes").read_text() == "new"
    restore(note)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [("notes", "old")]


def test_an_undo_of_a_shell_step_runs_by_itself_and_sees_its_outputs(tmp_path: Path) -> None:
    made: Document = {
        "id": "s",
        "type": "shell",
        "params": {"command": "printf made > made; printf made"},
        "undo": {"type": "shell", "params": {"command": "rm ${s.stdout}"}},
    }
    record = run_here(tmp_path, made, FAIL)
    assert (record.status, list(tmp_path.iterdir())) == ("rolled_back", [])
