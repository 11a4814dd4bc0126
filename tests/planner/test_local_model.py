"""Serving a model file; the engine itself is a stand-in that its child process imports in place of the real one."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from pathlib import Path

import pytest

from planner.local_model import LocalModel, ServerSettings, is_local, local_path, serve
from planner.model_download import MODEL, embedded_path
from runtime.issues import Unavailable

ENGINE = """
import json, os
class Parts: pass
class CommonParams:
    def __init__(self): self.model, self.cpuparams = Parts(), Parts()
class Server:
    def __init__(self, p):
        print("noise of the engine")
        seen = {**vars(p), "model": p.model.path, "model_alias": list(p.model_alias)}
        seen |= {"cpuparams": p.cpuparams.n_threads, "spin": os.environ["GOMP_SPINCOUNT"]}
        open(p.model.path + ".seen", "w").write(json.dumps(seen))
        self.listening_address = f"http://127.0.0.1:{os.getpid()}"
"""


@pytest.fixture
def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of the stand-in, to be written over by a test that wants another behaviour."""
    file = tmp_path / "engine" / "xllamacpp.py"
    file.parent.mkdir()
    file.write_text(ENGINE)
    monkeypatch.setenv("PYTHONPATH", str(file.parent))
    return file


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.gguf"
    path.write_bytes(b"GGUF and more")
    return path


def pid_of(url: str) -> int:
    return int(url.rsplit(":", maxsplit=1)[-1].removesuffix("/v1"))


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_model_is_served_within_an_asyncio_program(engine: Path, model_file: Path) -> None:
    async def program() -> None:
        async with LocalModel(model_file) as model:
            assert model.base_url.startswith("http://127.0.0.1:")
            assert model.base_url.endswith("/v1")
            assert model.model == "mine"

    asyncio.run(program())


def test_the_engine_is_started_once_however_many_ask(engine: Path, model_file: Path) -> None:
    async def program() -> set[str]:
        async with LocalModel(model_file) as model, asyncio.TaskGroup() as group:
            tasks = [group.create_task(model.start()) for _ in range(3)]
        return {task.result() for task in tasks}

    assert len(asyncio.run(program())) == 1


def test_closing_ends_the_engine_and_may_be_repeated(engine: Path, model_file: Path) -> None:
    model = LocalModel(model_file)
    pid = pid_of(model.start_sync())
    model.close_sync()
    model.close_sync()
    assert not is_alive(pid)
    with pytest.raises(Unavailable, match="is not running; start it first"):
        _ = model.base_url


def test_an_engine_that_died_is_started_again(engine: Path, model_file: Path) -> None:
    model = LocalModel(model_file)
    first = pid_of(model.start_sync())
    os.kill(first, 9)
    model.wait_sync()
    try:
        assert pid_of(model.start_sync()) != first
    finally:
        model.close_sync()


def test_the_engine_listens_on_the_loopback_and_shows_no_prompts(engine: Path, model_file: Path) -> None:
    model = LocalModel(model_file, ServerSettings(context_tokens=512, threads=3))
    model.start_sync()
    model.close_sync()
    seen = json.loads(Path(f"{model_file}.seen").read_text())
    assert (seen["model"], seen["model_alias"], seen["n_ctx"], seen["cpuparams"]) == (str(model_file), ["mine"], 512, 3)
    assert (seen["hostnames"], seen["port"], seen["endpoint_slots"], seen["ui"]) == (["127.0.0.1"], 0, False, False)
    assert (seen["cache_prompt"], seen["n_parallel"], seen["spin"]) == (True, 1, "0")


@pytest.mark.parametrize(
    ("failure", "message"),
    [
        ("raise ModuleNotFoundError('xllamacpp')", r"not installed; run pip install 'plait\[local\]'"),
        ("raise ImportError('libgomp.so.1: cannot open shared object file')", "run apt-get install libgomp1"),
        ("raise ImportError('wrong ELF class')", r"cannot be loaded \(wrong ELF class\); run pip install --force-rein"),
        ("raise RuntimeError('bad tensor')", r"cannot be served, .*\(bad tensor\); give the path of a whole GGUF"),
        ("import os; os.abort()", r"cannot be served, .*its engine ended with -6.*; give the path"),
    ],
)
def test_an_engine_that_cannot_serve_is_one_sentence_with_the_mend(
    engine: Path, model_file: Path, failure: str, message: str
) -> None:
    engine.write_text(failure)
    with pytest.raises(Unavailable, match=message):
        LocalModel(model_file).start_sync()


def test_an_embedded_model_that_is_not_there_is_mended_by_pull(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLAIT_MODELS", str(tmp_path))
    with pytest.raises(Unavailable, match=r"the model is not there; run `plait model pull`"):
        LocalModel().start_sync()


def test_a_file_that_is_no_gguf_is_refused_before_the_engine_sees_it(tmp_path: Path) -> None:
    path = tmp_path / "page.gguf"
    path.write_bytes(b"<html>")
    with pytest.raises(Unavailable, match=r"not a GGUF model file, it begins with b'<htm'"):
        LocalModel(path).start_sync()


def test_a_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"cannot be read \(Is a directory\)"):
        LocalModel(tmp_path).start_sync()


def test_a_port_in_use_is_named(model_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"port {port} cannot be used"):
            LocalModel(model_file, ServerSettings(port=port)).start_sync()


def test_serving_lasts_until_it_is_interrupted_and_closes_the_engine(engine: Path, model_file: Path) -> None:
    pids: list[int] = []

    def interrupt(model: LocalModel) -> None:
        pids.append(pid_of(model.base_url))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        serve(model_file, ServerSettings(), ready=interrupt)
    assert not is_alive(pids[0])


def test_a_server_that_ends_by_itself_is_said(engine: Path, model_file: Path) -> None:
    with pytest.raises(Unavailable, match="ended unexpectedly"):
        serve(model_file, ServerSettings(), ready=lambda model: os.kill(pid_of(model.base_url), 9))


def test_local_names_the_embedded_model_or_a_file_of_the_users_own() -> None:
    assert local_path("local") == local_path(MODEL.name) == local_path(f"local:{MODEL.name}") == embedded_path()
    assert local_path("local:/models/x.gguf") == Path("/models/x.gguf")
    assert local_path("local:x.gguf") == Path.cwd() / "x.gguf"


@pytest.mark.parametrize("name", ["local:", "local:x.bin", "openai/gpt-x", "localx"])
def test_another_name_is_refused_with_what_would_be_right(name: str) -> None:
    with pytest.raises(Unavailable, match=r"write `local`, or `local:PATH.gguf`"):
        local_path(name)


def test_only_names_that_begin_with_local_are_local() -> None:
    assert [is_local(name) for name in ("local", "local:x.gguf", "localhost/x", "openai/x")] == [
        True,
        True,
        False,
        False,
    ]
