"""Recordings in files: read within limits, and written whole, at once and in one step.

What is read may come from anywhere, so a file is JSON alone, no larger and no deeper than it need be. Whoever adds to a
file adds to what is on disk then, under a lock of its folder: two recorders lose nothing of each other.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from evals import recordings
from evals.recordings import Interaction, Recording
from runtime import InvalidWorkflow, JsonValue, Redactor, Unavailable, pointer, read_document

MAX_BYTES = 16 * 1024 * 1024
MOST_PARTS = 1_000_000  # opening brackets, those in texts counted too
MOST_KEYS = 200  # of an object that is not a body
MOST_TOLD = 3  # issues of a file
_OUT = "keep it out of what is asked"
_NO_SECRETS = Redactor({})
_SAID = {"missing": "missing", "extra_forbidden": "unknown key", "model_type": "should be an object"}
MEND = "put it back as it was recorded, or delete it and record again"


class Unreadable(Unavailable):
    """A file is no recording, or not one as it was recorded. `why` says where and what; `raw` is what was read."""

    def __init__(self, path: Path, why: str, mend: str = MEND, raw: bytes = b"") -> None:
        self.path, self.why, self.raw = path, why, raw
        super().__init__(f"{path}: {why}; {mend}")


class Edited(Unreadable):
    """A file was changed by hand."""


class HoldsASecret(Unavailable):
    """A recording was not written, since it holds a secret that could not be struck out."""


def read(path: Path) -> Recording:
    """The recording in a file. Raises Unreadable, with place and mend, for one that cannot be read or is none."""
    return recording_of(path, read_bytes(path))


def recording_of(path: Path, raw: bytes) -> Recording:
    """The recording that the bytes of this file are. Raises Unreadable as `read` does."""
    recording = _recording(path, raw)
    if edited := [at for at, one in enumerate(recording.interactions) if not one.is_as_recorded]:
        places = ", ".join(f"/interactions/{at}" for at in edited[:MOST_TOLD])
        why = f"edited by hand: {places}{_more(len(edited))} is not what was recorded"
        raise Edited(path, why, raw=raw)
    return recording


def write(path: Path, recording: Recording, redactor: Redactor = _NO_SECRETS) -> None:
    """Puts the recording in place of the file in one step. Raises OSError, or HoldsASecret and leaves the old file."""
    raw = recordings.written(recording)
    if hits := redactor.finds(raw):
        raise HoldsASecret(f"{path}: not written, as it would hold {hits[0]}; {_OUT}")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


class Writer:
    """Adds to one file, whoever else does so too. It begins with `known`, what the file held when it was opened."""

    def __init__(self, path: Path, known: Recording) -> None:
        self._path, self._known, self._stamp = path, known, _stamp(path)

    def add(self, interaction: Interaction, redactor: Redactor) -> None:
        """Raises OSError, Unreadable and HoldsASecret."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with _alone(self._path.parent):
            self._put(self._newest().and_(interaction.sealed()), redactor)

    def say_made_with(self, made_with: dict[str, str]) -> None:
        """What the file says of that from now on."""
        with _alone(self._path.parent):
            self._put(self._newest().model_copy(update={"made_with": made_with}), _NO_SECRETS)

    def _newest(self) -> Recording:
        """What the file holds, where somebody else has written it since; else what is known."""
        if _stamp(self._path) in (None, self._stamp):
            return self._known
        return read(self._path).model_copy(update={"made_with": self._known.made_with})

    def _put(self, recording: Recording, redactor: Redactor) -> None:
        write(self._path, recording, redactor)
        self._known, self._stamp = recording, _stamp(self._path)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # which unlocks


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def read_bytes(path: Path) -> bytes:
    """What is in the file. Raises Unreadable for one that cannot be read or is far too large."""
    if path.exists() and not path.is_file():
        raise Unreadable(path, "is no file", "take it away")  # to open a pipe would wait for whoever writes into it
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise Unreadable(path, f"cannot be read ({error.strerror})", "see to its permissions") from error
    if len(raw) > MAX_BYTES:
        raise Unreadable(path, f"larger than {MAX_BYTES} bytes, so no cassette")
    if raw.count(b"[") + raw.count(b"{") > MOST_PARTS:
        raise Unreadable(path, f"more than {MOST_PARTS} lists and objects, so no cassette")
    return raw


def _recording(path: Path, raw: bytes) -> Recording:
    try:
        value = read_document(raw, "cassette.json", most=MAX_BYTES).value
        if (place := _overgrown(value)) is not None:
            raise Unreadable(path, f"no whole cassette ({place}: more than {MOST_KEYS} keys)", raw=raw)
        return Recording.model_validate(value)
    except InvalidWorkflow as error:
        found = [f"line {each.line}: {each.message}" for each in error.issues]
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False, include_context=False)
        found = [f"{pointer(*each['loc']) or '/'}: {_said(each['type'], each['msg'])}" for each in details]
    raise Unreadable(path, f"no whole cassette ({'; '.join(found[:MOST_TOLD])}{_more(len(found))})", raw=raw)


def _overgrown(value: JsonValue) -> str | None:
    """The object that would give an error for each of its many keys; bodies are any JSON and give none."""
    waiting: list[tuple[str, JsonValue]] = [("", value)]
    while waiting:
        place, each = waiting.pop()
        if isinstance(each, dict):
            if len(each) > MOST_KEYS:
                return place or "/"
            waiting += ((f"{place}/{key}", inner) for key, inner in each.items() if key != "body")
        elif place == "/interactions" and isinstance(each, list):
            waiting += ((f"{place}/{at}", inner) for at, inner in enumerate(each) if isinstance(inner, dict))
    return None


def _said(kind: str, message: str) -> str:
    return _SAID.get(kind, message.removeprefix("Value error, ").replace("Input should be", "should be"))


def _more(count: int) -> str:
    return f" and {count - MOST_TOLD} more" if count > MOST_TOLD else ""
