"""Serves a model file, OpenAI-compatible and on the loopback alone, by an engine in a child process that cannot outlive
this one. Everything else sees a URL and a model name.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from planner import local_engine
from planner.model_download import MODEL, embedded_path
from runtime.issues import Unavailable

HOST = "127.0.0.1"
LOCAL = "local"
CONTEXT_TOKENS = 8192
# For prompts asked before that are not in the engine's one slot; 8192 tokens of the embedded model take 230 MiB.
PREFIX_CACHE_MIB = 1024
QUIET, TALKATIVE = -1, 3
GGUF_MAGIC = b"GGUF"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """What a server is started with. `port` 0 takes a free one, `threads` None one for each core."""

    port: int = 0
    context_tokens: int = CONTEXT_TOKENS
    threads: int | None = None
    debug: bool = False


def is_local(name: str) -> bool:
    """Whether a model name means a file that plait serves itself: `local`, `local:PATH.gguf`, or the embedded one's."""
    return name in (LOCAL, MODEL.name) or name.startswith(f"{LOCAL}:")


def local_path(name: str) -> Path:
    """The file that a local model name means; `local` is the embedded one. Raises Unavailable for another name."""
    path = name.removeprefix(f"{LOCAL}:")
    if name in (LOCAL, MODEL.name, f"{LOCAL}:{MODEL.name}"):
        return embedded_path()
    if is_local(name) and path.endswith(".gguf"):
        return Path(path).expanduser().absolute()
    raise Unavailable(
        f"model '{name}' names no model file; write `{LOCAL}`, or `{LOCAL}:PATH.gguf` for one of your own"
    )


class LocalModel:
    """One model file and, once started, its server. Start and close may be repeated, from any thread or event loop."""

    def __init__(self, path: Path | None = None, settings: ServerSettings | None = None) -> None:
        self.path = path or embedded_path()
        self.settings = settings or ServerSettings()
        self._engine: subprocess.Popen[str] | None = None
        self._url = ""
        self._guard = threading.Lock()

    @property
    def model(self) -> str:
        """The name the server answers to."""
        return MODEL.name if self.path == embedded_path() else self.path.stem

    @property
    def base_url(self) -> str:
        """The OpenAI-compatible root, ending in `/v1`. Raises Unavailable while no server runs."""
        if not self._runs():
            raise Unavailable(f"the server of {self.model} is not running; start it first")
        return f"{self._url}/v1"

    async def start(self) -> str:
        """Loads the model (seconds) unless it runs, and returns `base_url`. Raises Unavailable with the mend."""
        return await asyncio.to_thread(self.start_sync)

    def start_sync(self) -> str:
        """As `start`, blocking."""
        with self._guard:
            if not self._runs():
                self._stop()
                self._start()
            return self.base_url

    async def close(self) -> None:
        """Ends the server, requests under way included; without a server it does nothing."""
        await asyncio.to_thread(self.close_sync)

    def close_sync(self) -> None:
        """As `close`, blocking."""
        with self._guard:
            self._stop()

    def wait_sync(self) -> None:
        """Blocks until the server ends by itself."""
        if self._engine is not None:
            self._engine.wait()

    async def __aenter__(self) -> LocalModel:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _runs(self) -> bool:
        return self._engine is not None and self._engine.poll() is None

    def _start(self) -> None:
        _check_file(self.path)
        _check_port(self.settings.port)
        self._engine = _spawned(_parameters(self.path, self.model, self.settings), self.settings.debug)
        try:
            self._url = _address(self._engine, self.path)
        except BaseException:  # a child must not be left behind, whatever ended the wait
            self._stop()
            raise

    def _stop(self) -> None:
        if self._engine is not None:
            self._engine.kill()
            self._engine.communicate()
            self._engine = None


def serve(path: Path, settings: ServerSettings, ready: Callable[[LocalModel], None]) -> None:
    """Serves until Ctrl-C: KeyboardInterrupt passes, the server is closed. Raises Unavailable if it ends by itself."""
    model = LocalModel(path, settings)
    try:
        model.start_sync()
        ready(model)
        model.wait_sync()
    finally:
        model.close_sync()
    raise Unavailable(f"the server of {model.model} ended unexpectedly; start it again")


def _parameters(path: Path, alias: str, settings: ServerSettings) -> dict[str, str | int | bool]:
    return {
        "path": str(path),
        "alias": alias,
        "host": HOST,
        "port": settings.port,
        "n_ctx": settings.context_tokens,
        "n_parallel": 1,
        "threads": settings.threads or _cores(),
        "cache_prompt": True,
        "cache_ram_mib": PREFIX_CACHE_MIB,
        "fit_params": False,
        "verbosity": TALKATIVE if settings.debug else QUIET,
        # What other users of the machine and pages in a browser could look at.
        "ui": False,
        "endpoint_slots": False,
        "cors_origins": f"http://{HOST}",
    }


def _spawned(parameters: dict[str, str | int | bool], debug: bool) -> subprocess.Popen[str]:
    # By path and -P: no directory of the user's can stand in for the script. A session of its own: Ctrl-C is ours.
    return subprocess.Popen(
        [sys.executable, "-P", local_engine.__file__, json.dumps(parameters)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if debug else subprocess.DEVNULL,
        env={"GOMP_SPINCOUNT": "0", **os.environ},  # spinning threads starve a busy machine
        start_new_session=True,
        text=True,
    )


def _address(engine: subprocess.Popen[str], path: Path) -> str:
    assert engine.stdout is not None
    line = engine.stdout.readline()
    if not line:
        raise Unavailable(_unservable(path, f"its engine ended with {engine.wait()}"))
    answer = json.loads(line)
    if "error" in answer:
        raise Unavailable(_refusal(answer["error"], answer["detail"], path))
    return str(answer["url"])


def _refusal(error: str, detail: str, path: Path) -> str:
    if error == "not_installed":
        return "the embedded model needs xllamacpp, which is not installed; run pip install 'plait[local]'"
    if error == "not_servable":
        return _unservable(path, detail)
    if "libgomp" in detail:
        return "the embedded model needs the system library libgomp1; run apt-get install libgomp1"
    return f"xllamacpp cannot be loaded ({detail}); run pip install --force-reinstall 'plait[local]'"


def _unservable(path: Path, detail: str) -> str:
    return f"{path}: the model cannot be served, damaged or too large for the memory ({detail}); {_mend(path)}"


def _check_file(path: Path) -> None:
    try:
        with path.open("rb") as file:
            magic = file.read(len(GGUF_MAGIC))
    except FileNotFoundError:
        raise Unavailable(f"{path}: the model is not there; {_mend(path)}") from None
    except OSError as error:
        raise Unavailable(f"{path}: the model cannot be read ({error.strerror}); {_mend(path)}") from error
    if magic != GGUF_MAGIC:
        raise Unavailable(f"{path}: not a GGUF model file, it begins with {magic!r}; {_mend(path)}")


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise Unavailable(f"port {port} cannot be used ({error}); choose another, or 0 for a free one") from error


def _mend(path: Path) -> str:
    return "run `plait model pull`" if path == embedded_path() else "give the path of a whole GGUF file"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
