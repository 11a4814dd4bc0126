from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from runtime.issues import JsonValue
from runtime.node_types import Effect, NodeFailed
from runtime.nodes import read_file as reading
from runtime.nodes.file_errors import explained
from runtime.nodes.read_file import read_file
from runtime.nodes.write_file import write_file
from tests.node_bench import Bench


def write(bench: Bench, path: str, content: JsonValue, **more: JsonValue) -> dict[str, JsonValue]:
    return bench.run(write_file, {"path": path, "content": content, **more})


def test_what_was_written_is_read_back_line_ends_and_all(bench: Bench) -> None:
    text = "\ufeffä\r\n\n\0last"
    assert write(bench, "a.txt", text) == {"path": "a.txt", "bytes_written": len(text.encode())}
    assert bench.run(read_file, {"path": "a.txt"}) == {"content": text, "size": len(text.encode())}


def test_other_values_are_written_as_compact_json(bench: Bench, folder: Path) -> None:
    bench.run(write_file, {"path": "a.json", "content": "${a.x}"}, a={"x": {"é": [1, None]}})
    assert (folder / "a.json").read_bytes() == '{"é":[1,null]}'.encode()


def test_folders_are_made(bench: Bench, folder: Path) -> None:
    write(bench, "new/deep/a.txt", "x")
    assert (folder / "new/deep/a.txt").read_text(encoding="utf-8") == "x"


def test_an_encoding_counts_both_ways(bench: Bench, folder: Path) -> None:
    assert write(bench, "a.txt", "é", encoding="latin-1")["bytes_written"] == 1
    assert (folder / "a.txt").read_bytes() == b"\xe9"
    assert bench.run(read_file, {"path": "a.txt", "encoding": "latin-1"})["content"] == "é"


def test_append_adds_to_the_end_and_makes_the_file(bench: Bench, folder: Path) -> None:
    write(bench, "log", "one\n", append=True)
    assert write(bench, "log", "two\n", append=True)["bytes_written"] == 4
    assert (folder / "log").read_text(encoding="utf-8") == "one\ntwo\n"


def test_branches_that_append_to_one_file_lose_no_line(bench: Bench, folder: Path) -> None:
    def append(number: int) -> None:
        for _ in range(20):
            write(bench, "log", f"{number}\n", append=True)

    threads = [threading.Thread(target=append, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len((folder / "log").read_text(encoding="utf-8").splitlines()) == 80


def test_a_replaced_file_keeps_its_mode_and_a_new_one_has_the_usual(bench: Bench, folder: Path) -> None:
    old = folder / "old"
    old.write_text("#!/bin/sh\n", encoding="utf-8")
    old.chmod(0o751)
    write(bench, "old", "new")
    assert old.stat().st_mode & 0o7777 == 0o751
    write(bench, "new", "x")
    (folder / "usual").touch()
    assert (folder / "new").stat().st_mode == (folder / "usual").stat().st_mode


def test_a_link_stays_and_what_it_points_to_is_written(bench: Bench, folder: Path) -> None:
    (folder / "real").write_text("old", encoding="utf-8")
    (folder / "link").symlink_to("real")
    write(bench, "link", "new")
    assert (folder / "link").is_symlink()
    assert (folder / "real").read_text(encoding="utf-8") == "new"


def test_a_write_that_fails_half_way_leaves_the_old_file_and_nothing_else(
    bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a").write_text("old", encoding="utf-8")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    failure = bench.failure(write_file, {"path": "a", "content": "new"})
    assert (failure.code, failure.message) == ("file_error", "a: No space left on device")
    assert [each.name for each in folder.iterdir()] == ["a"]
    assert (folder / "a").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize(
    ("path", "more", "code", "message"),
    [
        ("nowhere", {}, "not_found", "nowhere: there is no such file"),
        ("file/inside", {}, "not_found", "file/inside: a part of its path is no folder"),
        ("folder", {}, "not_a_file", "folder: it is a folder"),
        ("pipe", {}, "not_a_file", "pipe: it is no ordinary file"),
        ("file", {"encoding": "ascii"}, "encoding_error", None),
        ("a\0b", {}, "value_not_passable", None),
        ("x" * 300, {}, "file_error", None),
        ("loop", {}, "file_error", None),
    ],
)
def test_a_file_that_cannot_be_read_says_why(
    bench: Bench, folder: Path, path: str, more: dict[str, JsonValue], code: str, message: str | None
) -> None:
    (folder / "file").write_text("é", encoding="utf-8")
    (folder / "folder").mkdir()
    (folder / "loop").symlink_to("loop")
    os.mkfifo(folder / "pipe")
    failure = bench.failure(read_file, {"path": path, **more})
    assert failure.code == code
    assert message is None or failure.message == message


@pytest.mark.parametrize(
    ("path", "content", "code"),
    [
        ("folder", "x", "not_a_file"),
        ("pipe", "x", "not_a_file"),
        ("file/inside", "x", "not_found"),
        ("new", "\ud800", "encoding_error"),
        ("a\0b", "x", "value_not_passable"),
    ],
)
def test_a_file_that_cannot_be_written_says_why(bench: Bench, folder: Path, path: str, content: str, code: str) -> None:
    (folder / "file").touch()
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    before = sorted(folder.iterdir())
    assert bench.failure(write_file, {"path": path, "content": content}).code == code
    assert sorted(folder.iterdir()) == before


def test_a_file_without_permission_says_so() -> None:
    with pytest.raises(NodeFailed, match="mine: the permission is missing") as caught, explained("mine"):
        raise PermissionError
    assert caught.value.code == "not_permitted"


def test_a_file_too_large_to_hold_is_refused(bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 10)
    (folder / "large").write_bytes(b"x" * 11)
    assert bench.failure(read_file, {"path": "large"}).code == "output_limit"


def test_what_they_need_and_touch_as_far_as_it_is_known() -> None:
    assert list(read_file.capabilities({"path": "in/a.txt"})) == ["read:in/a.txt"]
    assert list(write_file.capabilities({"path": "out/${a.x}"})) == ["write"]
    assert list(read_file.effects({"path": "./in//a.txt"})) == [Effect("file", "in/a.txt", writes=False)]
    assert list(write_file.effects({"path": "$${a}"})) == [Effect("file", "${a}", writes=True)]
    assert list(write_file.effects({"path": "${a.x}"})) == [Effect("file", None, writes=True)]


def test_an_encoding_that_is_none_is_seen_as_written(bench: Bench) -> None:
    assert bench.problems(read_file, {"path": "a", "encoding": "hex"}) == [("/encoding", "param_type")]
    assert bench.problems(read_file, {"path": "a", "encoding": "${a.x}"}) == []
    assert bench.problems(write_file, {"path": 5}) == [("/path", "param_type"), ("/content", "missing_param")]
