"""Answers that come as server-sent events: lines to read, and secrets that are spread over many of them. Pure."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence

from pydantic import JsonValue, TypeAdapter

from runtime import Redactor, SecretStream

CONTENT_TYPE = "text/event-stream"

Path = tuple[str | int, ...]
_OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])
_DATA = "data: "


def read_events(text: str) -> list[JsonValue]:
    """The lines of a stream; one that carries a JSON object is an object with it under `data`, any other its text."""
    return [_read(line) for line in text.split("\n")]


def written_events(lines: Sequence[JsonValue]) -> str:
    """The stream that has these lines; ValueError if one is no line."""
    return "\n".join(_written(line) for line in lines)


def redacted_events(lines: Sequence[JsonValue], redactor: Redactor) -> list[JsonValue]:
    """The lines without secrets: neither within one, nor in a text that comes piece by piece at one place of each."""
    clean = [redactor.value(line) for line in lines]
    pieces: defaultdict[Path, list[tuple[int, str]]] = defaultdict(list)
    for at, line in enumerate(clean):
        for path, text in _texts(line) if isinstance(line, dict) else ():
            pieces[path].append((at, text))
    for path, found in pieces.items():
        if redactor.finds("".join(text for _, text in found)):
            for at, text in _passed_on(found, redactor):
                clean[at] = _with(clean[at], path, text)
    return clean


def _passed_on(pieces: Sequence[tuple[int, str]], redactor: Redactor) -> Iterator[tuple[int, str]]:
    """What a reader of the pieces gets, who must see no secret; what was held back to the end comes with the last."""
    stream = SecretStream(redactor)
    for at, text in pieces:
        passed = stream.feed(text.encode("utf-8", "surrogatepass"))
        last = stream.end() if at == pieces[-1][0] else b""
        yield at, (passed + last).decode("utf-8", "surrogatepass")


def _read(line: str) -> JsonValue:
    if not line.startswith(_DATA):
        return line
    try:
        value = _OBJECT.validate_json(line.removeprefix(_DATA))
        json.dumps(value, allow_nan=False)
    except ValueError:
        return line
    return {"data": value}


def _written(line: JsonValue) -> str:
    if isinstance(line, str):
        return line
    if isinstance(line, dict) and line.keys() == {"data"}:
        return _DATA + json.dumps(line["data"], separators=(",", ":"))  # ASCII: U+2028 would end a line for some
    raise ValueError('a line of events is a string or an object with the one key "data"')


def _texts(value: JsonValue, path: Path = ()) -> Iterator[tuple[Path, str]]:
    match value:
        case str():
            yield path, value
        case dict():
            for key, inner in value.items():
                yield from _texts(inner, (*path, key))
        case list():
            for at, inner in enumerate(value):
                yield from _texts(inner, (*path, at))
        case _:
            pass


def _with(value: JsonValue, path: Path, text: str) -> JsonValue:
    """The value with the text at the path, which is there."""
    if not path:
        return text
    first, rest = path[0], path[1:]
    if isinstance(value, dict):
        return {key: _with(inner, rest, text) if key == first else inner for key, inner in value.items()}
    assert isinstance(value, list)
    return [_with(inner, rest, text) if at == first else inner for at, inner in enumerate(value)]
