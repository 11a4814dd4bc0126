"""Recorded model calls as values and as files: what a call is matched by, how two differ, what a file holds.

A file is JSON, so that bodies can be read and compared in a review, and nothing in it is ever more than data.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from runtime import Unavailable

Encoding = Literal["json", "text", "base64"]
Key = tuple[str, str, str]

SUFFIX = ".json"
MAX_BYTES = 64 * 1024 * 1024
KEPT_HEADERS = ("content-type", "content-encoding")
MOST_LINES = 20  # of a difference
WIDTH = 100  # characters of a line in it

_ANY_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Asked(_Value):
    """A request: `body` is the JSON value that was sent, or as `encoding` says."""

    method: str
    path: str
    body: JsonValue
    encoding: Encoding = "json"

    @property
    def key(self) -> Key:
        """What a request is matched by: neither host, port, query nor headers."""
        canonical = f"{self.encoding} {canonical_json(self.body)}"
        return self.method, self.path, hashlib.sha256(canonical.encode()).hexdigest()


class Answered(_Value):
    """A response, with the headers of KEPT_HEADERS alone."""

    status: Annotated[int, Field(ge=100, le=599)]
    headers: dict[str, str]
    body: JsonValue
    encoding: Encoding = "json"


class Interaction(_Value):
    """A request and its response; `call` tells identical requests apart. `seconds` is how long the answer took."""

    call: str | None = None
    seconds: float | None = None
    request: Asked
    response: Answered


class Recording(_Value):
    """What one cassette holds. `made_with` are names and hashes of what shaped the requests."""

    cassette: Literal[1]
    made_with: dict[str, str] = {}
    interactions: tuple[Interaction, ...] = ()


def canonical_json(value: JsonValue) -> str:
    """The one text of a JSON value: keys sorted, no blanks, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def packed(raw: bytes) -> tuple[JsonValue, Encoding]:
    """A body as a recording holds it: JSON where it is some, else text, else base64."""
    try:
        value = _ANY_JSON.validate_json(raw)
        json.dumps(value, allow_nan=False)
    except ValueError:
        return _packed_text(raw)
    return value, "json"


def _packed_text(raw: bytes) -> tuple[JsonValue, Encoding]:
    try:
        return raw.decode("utf-8"), "text"
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode("ascii"), "base64"


def unpacked(body: JsonValue, encoding: Encoding) -> bytes:
    """The bytes of a packed body; JSON comes without blanks, its keys in the recorded order."""
    match encoding:
        case "json":
            return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
        case "text":
            return str(body).encode()
        case "base64":
            return base64.b64decode(str(body))


def read(path: Path) -> Recording:
    """The recording in a file. Raises Unavailable, with the mend, for a file that cannot be read or is none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Unavailable(f"{path}: larger than {MAX_BYTES} bytes, so no cassette; {_mend()}")
        recording = Recording.model_validate_json(path.read_bytes())
        for interaction in recording.interactions:
            unpacked(interaction.response.body, interaction.response.encoding)
    except OSError as error:
        raise Unavailable(f"{path}: the cassette cannot be read ({error.strerror}); see to its permissions") from error
    except ValidationError as error:
        raise Unavailable(f"{path}: no whole cassette ({_first(error)}); {_mend()}") from None
    except binascii.Error as error:
        raise Unavailable(f"{path}: no whole cassette (a body is no base64: {error}); {_mend()}") from None
    return recording


def write(path: Path, recording: Recording) -> None:
    """Puts the recording in place of the file in one step. Raises OSError."""
    text = json.dumps(recording.model_dump(exclude_defaults=True), indent=1, ensure_ascii=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as file:
            file.write(text.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def nearest(asked: Asked, known: Iterable[Asked]) -> int | None:
    """The place of the known request with most lines in common, one for the same path before others; None of none."""
    wanted = set(_lines(asked))
    likeness = [
        ((other.method, other.path) == (asked.method, asked.path), len(wanted & set(_lines(other)))) for other in known
    ]
    return max(range(len(likeness)), key=likeness.__getitem__, default=None)


def difference(recorded: Asked, asked: Asked) -> str:
    """A unified diff of two requests, of at most MOST_LINES lines."""
    diff = list(unified_diff(_lines(recorded), _lines(asked), "recorded", "asked", lineterm="", n=1))
    more = [f"… and {len(diff) - MOST_LINES} more lines"] if len(diff) > MOST_LINES else []
    return "\n".join([*diff[:MOST_LINES], *more])


def _lines(asked: Asked) -> Sequence[str]:
    text = json.dumps(asked.body, indent=1, sort_keys=True, ensure_ascii=False).replace("\\n", "\n")
    lines = [f"{asked.method} {asked.path}", *text.split("\n")]
    return [piece for line in lines for piece in _pieces(line)]


def _pieces(line: str) -> Iterator[str]:
    for start in range(0, max(len(line), 1), WIDTH):
        yield line[start : start + WIDTH]


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return "/".join(["", *map(str, first["loc"])]) + f": {first['msg']}"


def _mend() -> str:
    return "put it back as it was recorded, or delete it and record again"


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that a recording may hold."""
    return {name.lower(): value for name, value in headers.items() if name.lower() in KEPT_HEADERS}
