"""What `read_file` and `write_file` touch: nothing but what was granted, whatever links and other hands do."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.grants import Grants
from runtime.issues import JsonValue
from runtime.node_types import NodeContext, NodeFailed
from runtime.nodes.handles import MAX_LINKS, reached
from runtime.nodes.read_file import read_file
from runtime.nodes.write_file import restore, write_file
from tests.node_bench import Bench

SECRET = "outside"


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A working directory far below the root, so that no chain of `..` of the tests leaves the test's own folder."""
    world = tmp_path.joinpath(*["deep"] * 40, "world")
    (world / "work" / "out").mkdir(parents=True)
    (world / "elsewhere").mkdir()
    (world / "elsewhere" / "secret").write_text(SECRET, encoding="utf-8")
    return world


def bench_in(world: Path, *allowed: str, bench: Bench) -> Bench:
    work = world / "work"
    context = replace(bench.context, directory=work, grants=Grants(frozenset(allowed), work))
    return Bench(context, bench.logged)


@pytest.fixture
def guarded(world: Path, bench: Bench) -> Bench:
    """Granted to write in `out/`, and to read in the working directory as everyone is."""
    return bench_in(world, "write:out/", bench=bench)


def outside(world: Path) -> Mapping[str, bytes]:
    """Every file of the test's folder that is not in `out`."""
    top = world.parents[40]
    found = {str(each): each.read_bytes() for each in top.rglob("*") if each.is_file() and not each.is_symlink()}
    return {name: text for name, text in found.items() if not name.startswith(f"{world}/work/out/")}


def code_of(bench: Bench, path: str, content: str | None = "x") -> str:
    """How a write, or without content a read, ended."""
    params: dict[str, JsonValue] = {"path": path}
    try:
        bench.run(read_file if content is None else write_file, params | ({"content": content} if content else {}))
    except NodeFailed as failure:
        return failure.code
    return ""


def test_no_hostile_path_writes_or_reads_outside(shared_data: Path, world: Path, guarded: Bench) -> None:
    paths = json.loads((shared_data / "path_traversal_dev.json").read_text(encoding="utf-8"))
    before = outside(world)
    ends = [code_of(guarded, f"out/{path}") for path in paths]
    ends += [code_of(guarded, path) for path in paths if not path.startswith("/")]
    assert outside(world) == before
    assert {"", "capability_denied"} <= set(ends)
    assert not any(isinstance(found := _read(guarded, path), str) and SECRET in found for path in paths)


def _read(bench: Bench, path: str) -> JsonValue:
    try:
        return bench.run(read_file, {"path": path})["content"]
    except NodeFailed:
        return None


@pytest.mark.parametrize(
    "path",
    [
        "out/../../elsewhere/new",
        "out/../new",
        "out/link/new",
        "out/link/../new",
        "out/absolute/new",
        "out/file_link",
        "out/dangling",
        "out/chain/new",
        "out/new/../../new",
        "out/../../../../../../../etc/new",
        "new",
    ],
)
def test_a_write_that_leads_outside_is_refused_and_says_where_it_leads(world: Path, guarded: Bench, path: str) -> None:
    out = world / "work" / "out"
    (out / "link").symlink_to("../../elsewhere")
    (out / "absolute").symlink_to(world / "elsewhere")
    (out / "file_link").symlink_to("link/secret")
    (out / "dangling").symlink_to("../../elsewhere/new")
    (out / "chain").symlink_to("absolute/../elsewhere")
    before = outside(world)
    failure = guarded.failure(write_file, {"path": path, "content": "x"})
    assert failure.code == "capability_denied"
    assert f"{path}: it leads to /" in failure.message
    assert "grant it with --allow write:/" in failure.message
    assert outside(world) == before


@pytest.mark.parametrize("path", ["../elsewhere/secret", "link/secret", "file_link", "/etc/passwd"])
def test_a_read_that_leads_outside_is_refused_and_a_grant_lifts_it(world: Path, bench: Bench, path: str) -> None:
    (world / "work" / "link").symlink_to("../elsewhere")
    (world / "work" / "file_link").symlink_to("link/secret")
    assert code_of(bench_in(world, bench=bench), path, None) == "capability_denied"
    assert code_of(bench_in(world, "read", bench=bench), path, None) == ""


def test_links_that_stay_inside_are_followed(world: Path, guarded: Bench) -> None:
    out = world / "work" / "out"
    (out / "real").mkdir()
    (out / "link").symlink_to("real")
    (out / "round").symlink_to("../out/link/../real")
    (out / "whole").symlink_to(out / "real")
    for at, path in enumerate(("out/link/a", "out/round/b", "out/whole/c", "out/new/../real/d")):
        assert code_of(guarded, path, str(at)) == ""
        assert guarded.run(read_file, {"path": path})["content"] == str(at)
    assert sorted(os.listdir(out / "real")) == ["a", "b", "c", "d"]
    assert not (out / "new").exists()


def test_a_grant_of_one_file_is_for_that_file(world: Path, bench: Bench) -> None:
    one = bench_in(world, "write:out/a", "read:../elsewhere/secret", bench=bench)
    assert [code_of(one, "out/a"), code_of(one, "out/ab"), code_of(one, "out/b")] == ["", *["capability_denied"] * 2]
    assert one.run(read_file, {"path": "../elsewhere/secret"})["content"] == SECRET


def test_more_links_than_anyone_makes_are_an_error(world: Path, guarded: Bench) -> None:
    out = world / "work" / "out"
    (out / "0").write_text("x")
    for at in range(MAX_LINKS + 1):
        (out / str(at + 1)).symlink_to(str(at))
    assert code_of(guarded, f"out/{MAX_LINKS}", None) == ""
    assert code_of(guarded, f"out/{MAX_LINKS + 1}", None) == "file_error"


@pytest.mark.parametrize("path", ["out/" + "a/" * 3000, "a" * 5000])
def test_a_path_longer_than_a_system_takes_is_an_error(guarded: Bench, path: str) -> None:
    assert code_of(guarded, path) == "file_error"


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/proc/self/environ", "/proc/self/mem", "out/pipe"])
def test_what_is_no_ordinary_file_is_not_read(world: Path, bench: Bench, path: str) -> None:
    os.mkfifo(world / "work" / "out" / "pipe")
    assert code_of(bench_in(world, "read", bench=bench), path, None) == "not_a_file"


@pytest.mark.parametrize("path", ["/proc/self/environ", "/proc/self/comm", "out/pipe"])  # no device: it may be replaced
def test_what_is_no_ordinary_file_is_not_replaced(world: Path, bench: Bench, path: str) -> None:
    os.mkfifo(world / "work" / "out" / "pipe")
    assert code_of(bench_in(world, "write", bench=bench), path) == "not_a_file"
    assert (world / "work" / "out" / "pipe").is_fifo()


def test_a_pipe_that_takes_the_place_of_a_file_between_look_and_open_is_not_waited_for(world: Path) -> None:
    os.mkfifo(world / "pipe")
    with reached(world / "pipe") as spot:
        opening = threading.Thread(target=lambda: os.close(spot.open(os.O_RDONLY)))
        opening.start()
        opening.join(10)
        waits = opening.is_alive()
        other_end = os.open(world / "pipe", os.O_RDWR)  # lets go who waits
        opening.join()
        os.close(other_end)
    assert not waits


def test_a_link_that_takes_the_place_of_a_file_between_look_and_open_is_not_followed(world: Path) -> None:
    with reached(world / "work" / "file") as spot:
        (world / "work" / "file").symlink_to(world / "elsewhere" / "secret")
        with pytest.raises(OSError, match="symbolic links"):
            spot.open(os.O_RDONLY)


def test_a_folder_that_is_swapped_for_a_link_keeps_what_was_reached(world: Path) -> None:
    out = world / "work" / "out"
    with reached(out / "new") as spot:
        out.rename(world / "work" / "moved")
        out.symlink_to(world / "elsewhere")
        os.close(spot.open(os.O_WRONLY | os.O_CREAT))
    assert (world / "work" / "moved" / "new").exists()
    assert os.listdir(world / "elsewhere") == ["secret"]


def test_a_missing_folder_that_comes_to_be_as_a_link_is_not_entered(world: Path) -> None:
    with reached(world / "work" / "new" / "file") as spot:
        (world / "work" / "new").symlink_to(world / "elsewhere")
        with pytest.raises(NotADirectoryError):
            spot.make_folders()


def test_no_handle_is_left_open(world: Path, guarded: Bench) -> None:
    def handles() -> int:
        return len(os.listdir("/proc/self/fd"))

    (world / "work" / "out" / "link").symlink_to("../../elsewhere")
    code_of(guarded, "out/warm")
    before = handles()
    for path in ("out/a/b", "out/link/x", "out/a/../a/../c", "out/a/b/no/file", "/etc/no"):
        code_of(guarded, path)
        code_of(guarded, path, None)
    assert handles() == before


@given(st.text(max_size=30))
def test_any_text_for_a_path_stays_inside(tmp_path_factory: pytest.TempPathFactory, path: str) -> None:
    top = tmp_path_factory.mktemp("any")
    grants = Grants(frozenset({"write:out/"}), top)
    ended = code_of(Bench(NodeContext("run", "step", 1, top, grants=grants), []), f"out/{path}")
    assert grants.cover(f"write:out/{path}") is (ended != "capability_denied")
    assert set(os.listdir(top)) <= {"out"}


names = st.sampled_from(["a", "b", "link", "back", "round", ".", "..", "", "new"])


@given(st.lists(names, min_size=1, max_size=8), st.booleans())
def test_a_spot_is_where_the_system_itself_would_go(
    tmp_path_factory: pytest.TempPathFactory, parts: list[str], follow: bool
) -> None:
    top = Path(os.path.realpath(tmp_path_factory.mktemp("tree")))
    (top / "a" / "b" / "a").mkdir(parents=True)
    (top / "a" / "link").symlink_to("b")
    (top / "a" / "b" / "back").symlink_to("../..")
    (top / "link").symlink_to(top / "a")
    (top / "round").symlink_to("link/b/../b/back/a")
    path = top.joinpath(*parts, "end") if follow else top / "/".join([*parts, "end"])
    with reached(path) as spot:
        assert spot.path == os.path.realpath(path)
        assert bool(spot.missing) != os.path.isdir(os.path.dirname(spot.path))


# --- other hands at work --------------------------------------------------------------------------------------------


@contextmanager
def swapping(folder: Path, target: Path) -> Iterator[None]:
    """Meanwhile a thread makes `folder` by turns a folder and a link to `target`, without end."""
    stop, aside = threading.Event(), folder.with_name("aside")

    def swap() -> None:
        while not stop.is_set():
            with suppress(OSError):
                folder.rename(aside)
            with suppress(OSError):
                folder.symlink_to(target)
            with suppress(OSError):
                folder.unlink()
            with suppress(OSError):
                aside.rename(folder)

    thread = threading.Thread(target=swap)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def test_nothing_is_written_outside_while_a_folder_is_swapped_for_a_link(world: Path, guarded: Bench) -> None:
    folder = world / "work" / "out" / "folder"
    folder.mkdir()
    before = outside(world)
    with swapping(folder, world / "elsewhere"):
        ends = [code_of(guarded, f"out/folder/{at}", "x") for at in range(600)]
        ends += [code_of(guarded, "out/folder/secret", "x") for _ in range(200)]
    assert outside(world) == before
    assert ends.count("") > 0
    assert set(ends) <= {"", "capability_denied", "not_found", "not_a_file", "file_error"}


def test_nothing_is_read_from_outside_while_a_folder_is_swapped_for_a_link(world: Path, guarded: Bench) -> None:
    folder = world / "work" / "out" / "folder"
    folder.mkdir()
    (folder / "secret").write_text("inside", encoding="utf-8")
    with swapping(folder, world / "elsewhere"):
        found = {_read(guarded, "out/folder/secret") for _ in range(800)}
    assert found <= {"inside", None}


def kept(bench: Bench, path: str) -> JsonValue:
    notes = list[JsonValue]()
    noting = Bench(replace(bench.context, keep=notes.append), bench.logged)
    assert code_of(noting, path) == ""
    return notes[0]


@pytest.mark.parametrize("was_there", [True, False])
def test_an_undo_goes_through_no_link_that_was_put_in_its_way(world: Path, guarded: Bench, was_there: bool) -> None:
    folder = world / "work" / "out" / "folder"
    if was_there:
        folder.mkdir()
        (folder / "secret").write_text("old", encoding="utf-8")
    note = kept(guarded, "out/folder/secret")
    folder.rename(world / "work" / "out" / "aside")
    folder.symlink_to(world / "elsewhere")
    before = outside(world)
    with pytest.raises(OSError, match="symbolic links"):
        restore(note)
    assert outside(world) == before


def test_an_undo_puts_the_file_where_a_link_took_its_place(world: Path, guarded: Bench) -> None:
    target = world / "work" / "out" / "file"
    target.write_text("old", encoding="utf-8")
    note = kept(guarded, "out/file")
    target.unlink()
    target.symlink_to(world / "elsewhere" / "secret")
    restore(note)
    assert not target.is_symlink()
    assert target.read_text(encoding="utf-8") == "old"
    assert (world / "elsewhere" / "secret").read_text(encoding="utf-8") == SECRET
