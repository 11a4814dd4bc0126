"""Recorded model calls as values: what a call is matched by, how a body is held, whether one was changed by hand. Pure.

A recording is JSON, so that bodies can be read and compared in a review, and nothing in it is ever more than data.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, JsonValue, TypeAdapter, model_validator

from evals import event_streams
from runtime import Redactor

Encoding = Literal["json", "events", "text", "base64"]
Key = tuple[str, str, str]

KEPT_HEADERS = ("content-type", "content-encoding")

_ANY_JSON: TypeAdapter[JsonValue] = TypeAdapter(JsonValue)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class _Message(_Value):
    body: JsonValue
    encoding: Encoding = "json"

    @model_validator(mode="after")
    def _is_encoded_as_it_says(self) -> _Message:
        if self.encoding == "events" and not isinstance(self.body, list):
            raise ValueError("a body of events is a list of lines")
        if self.encoding in ("text", "base64") and not isinstance(self.body, str):
            raise ValueError(f"a body in {self.encoding} is a string")
        if self.encoding != "json":
            unpacked(self.body, self.encoding)
        return self


class Asked(_Message):
    """A request: `body` is the JSON value that was sent, or as `encoding` says."""

    method: str
    path: str

    @cached_property
    def key(self) -> Key:
        """What a request is matched by: neither host, port, query nor headers."""
        canonical = f"{self.encoding} {canonical_json(self.body)}"
        return self.method, self.path, hashlib.sha256(canonical.encode()).hexdigest()


class Answered(_Message):
    """A response, with the headers of KEPT_HEADERS alone."""

    status: Annotated[int, Field(ge=100, le=599)]
    headers: dict[str, str]


class Interaction(_Value):
    """A request and its response; `call` tells identical requests apart, `sum` tells what was edited by hand.

    `seconds` is how long the answer took.
    """

    call: str | None = None
    seconds: float | None = None
    request: Asked
    response: Answered
    sum: str | None = None

    def sealed(self) -> Interaction:
        """The same with its sum."""
        return self.model_copy(update={"sum": self._sum()})

    @property
    def is_as_recorded(self) -> bool:
        """Whether it is what its sum was taken of; one that has none says nothing."""
        return self.sum in (None, self._sum())

    def _sum(self) -> str:
        answer = self.response
        headers: JsonValue = {**answer.headers}
        asked: list[JsonValue] = [self.call, self.seconds, *self.request.key]
        held: JsonValue = [*asked, answer.status, headers, answer.encoding, answer.body]
        return hashlib.sha256(canonical_json(held).encode()).hexdigest()[:16]


class Recording(_Value):
    """What one cassette holds. `made_with` are names and hashes of what shaped the requests."""

    cassette: Literal[1]
    made_with: dict[str, str] = {}
    interactions: Annotated[tuple[Interaction, ...], Field(strict=False), FailFast()] = ()

    def sealed(self) -> Recording:
        """The same, every interaction with its sum."""
        return self.model_copy(update={"interactions": tuple(each.sealed() for each in self.interactions)})

    def and_(self, interaction: Interaction) -> Recording:
        """With one more."""
        return self.model_copy(update={"interactions": (*self.interactions, interaction)})


def canonical_json(value: JsonValue) -> str:
    """The one text of a JSON value: keys sorted, no blanks, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


def written(recording: Recording) -> bytes:
    """The bytes of the file."""
    text = json.dumps(recording.model_dump(exclude_defaults=True), indent=1, ensure_ascii=False)
    return text.encode() + b"\n"


def packed(raw: bytes, content_type: str = "") -> tuple[JsonValue, Encoding]:
    """A body as a recording holds it: JSON where it is some, else the lines of a stream, else text, else base64."""
    try:
        value = _ANY_JSON.validate_json(raw)
        json.dumps(value, allow_nan=False)
    except ValueError:
        return _packed_text(raw, content_type)
    return value, "json"


def _packed_text(raw: bytes, content_type: str) -> tuple[JsonValue, Encoding]:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return base64.b64encode(raw).decode("ascii"), "base64"
    is_stream = content_type.startswith(event_streams.CONTENT_TYPE)
    return (event_streams.read_events(text), "events") if is_stream else (text, "text")


def unpacked(body: JsonValue, encoding: Encoding) -> bytes:
    """The bytes of a packed body; JSON has no blanks, its keys in their order. ValueError for a body that is none."""
    match body, encoding:
        case list(), "events":
            return event_streams.written_events(body).encode()
        case str(), "text":
            return body.encode()
        case str(), "base64":
            return _decoded(body)
        case _:
            return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(f"a body in base64 is none ({error})") from error


def redacted(raw: bytes, redactor: Redactor, content_type: str = "") -> tuple[JsonValue, Encoding]:
    """A body as a recording holds it, without secrets."""
    body, encoding = packed(raw, content_type)
    match body, encoding:
        case _, "base64":
            return packed(redactor.raw(raw), content_type)
        case list(), "events":
            return event_streams.redacted_events(body, redactor), encoding
        case _:
            return redactor.value(body), encoding


def kept(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that a recording may hold."""
    return {name.lower(): value for name, value in headers.items() if name.lower() in KEPT_HEADERS}
