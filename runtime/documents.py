"""Bytes to a JSON value: the limits of a document, its duplicate keys, JSON or YAML 1.2, and the line of every place.

The fast way says only yes or no. A walk over the text, bounded in depth, says what was wrong and where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from pathlib import PurePath
from typing import Literal, NoReturn

from runtime.document_syntax import explain_json
from runtime.document_walk import MAX_DEPTH, SURROGATE, Place, Walk, integer, line_at, line_of, place_inside
from runtime.issues import Code, InvalidWorkflow, Issue, JsonValue

Form = Literal["json", "yaml"]

MAX_BYTES = 1024 * 1024

_SURROGATE_WRITTEN = re.compile("\\\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_JSON_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]++|\\.)*+")|(?P<torn>".*+)|(?P<bracket>[\[\]{}])|(?P<word>[^\s,:"\[\]{}]++)', re.DOTALL
)
_JSON_INTEGER = re.compile(r"-?[0-9]+")


@dataclass(frozen=True, slots=True)
class Document:
    """A value that was read, and where each part of it stands in the text."""

    value: JsonValue
    source: Source | None = field(default=None, repr=False, compare=False)

    def line_of(self, path: str) -> int | None:
        """The line, from 1, where the entry at a JSON pointer begins, or its nearest ancestor that is there."""
        if self.source is None or not (path == "" or path.startswith("/")):
            return None
        if path == "" and self.source.form == "json":
            return line_at(self.source.text, len(self.source.text) - len(self.source.text.lstrip()))  # without a walk
        place = self.source.places
        for part in path.split("/")[1:]:
            inside = place_inside(place, part.replace("~1", "/").replace("~0", "~"))
            if inside is None:
                break
            place = inside
        return line_of(place)


@dataclass(frozen=True)
class Source:
    """The text of a document; its places are found when first asked for, as most documents have no issue."""

    text: str
    form: Form

    @cached_property
    def places(self) -> Place:
        """The lines of all entries."""
        return (_walk_json(self.text) if self.form == "json" else _walk_yaml(self.text)).places


def read_document(data: bytes | str, filename: str | None = None, most: int = MAX_BYTES) -> Document:
    """The value of a document in JSON or YAML of at most so many bytes; InvalidWorkflow says all that keeps it from
    being one.
    """
    text = _text(data, most)
    if not text.strip():
        _refuse_empty()
    return _read_json(text) if form_of(filename, text) == "json" else _read_yaml(text)


def form_of(filename: str | None, text: str) -> Form:
    """The form that the file's suffix says, else the first character that is not blank."""
    suffix = PurePath(filename or "").suffix.lower()
    if suffix == ".json":
        return "json"
    if suffix in (".yaml", ".yml"):
        return "yaml"
    return "json" if text.lstrip()[:1] in ("{", "[") else "yaml"


def locate(issues: Iterable[Issue], document: Document) -> list[Issue]:
    """The issues, those without a line given the line of their path."""
    return [i if i.line is not None else replace(i, line=document.line_of(i.path)) for i in issues]


def _refuse(code: Code, line: int | None, message: str, hint: str) -> NoReturn:
    raise InvalidWorkflow([Issue(code, "", message, hint, line)])


def _refuse_empty() -> NoReturn:
    _refuse("json_syntax", 1, "the document is empty", 'a workflow is an object such as {"pipeline": [...]}')


def _text(data: bytes | str, most: int) -> str:
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(raw) > most:
        mebibytes = f" ({most // MAX_BYTES} MiB)" if most >= MAX_BYTES else ""
        message = f"the document has {len(raw)} bytes, more than {most}{mebibytes}"
        _refuse("document_limits", None, message, "build larger graphs through the Python API")
    return (data if isinstance(data, str) else _decoded(data)).removeprefix("\ufeff")


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"the byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8"
        _refuse("json_syntax", raw.count(b"\n", 0, error.start) + 1, message, "save the document as UTF-8")


# JSON


def _read_json(text: str) -> Document:
    try:
        return Document(_strict_json(text), Source(text, "json"))
    except ValueError:
        raise InvalidWorkflow(_json_issues(text)) from None


def _strict_json(text: str) -> JsonValue:
    """The value, if it is RFC 8259 and within the limits, else ValueError."""
    if _too_deep(text) is not None:
        raise ValueError("too deep")
    value: JsonValue = json.loads(text, object_pairs_hook=_unique, parse_constant=_finite, parse_float=_finite)
    if _SURROGATE_WRITTEN.search(text) and SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise ValueError("lone surrogate")
    return value


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("duplicate key")
    return mapping


def _finite(text: str) -> float:
    if not isfinite(number := float(text)):
        raise ValueError(text)
    return number


def _too_deep(text: str) -> int | None:
    """Where the first bracket beyond the depth limit stands; found before parsing, since the parser recurses."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return None
    depth = 0
    for token in _BRACKET.finditer(text):
        if token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
        if depth > MAX_DEPTH:
            return token.start()
    return None


def _json_issues(text: str) -> list[Issue]:
    """Why `_strict_json` refuses a text: every limit, and the syntax error if there is one."""
    if (deep := _too_deep(text)) is not None:
        return _walk_json(text, deep + 1).issues
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        walk = _walk_json(text, error.pos)
        message, hint = explain_json(error.msg, text, error.pos, walk.closers)
        walk.add("json_syntax", line_at(text.rstrip(), error.pos), message, hint)
        return walk.issues
    return _walk_json(text).issues


def _walk_json(text: str, end: int | None = None) -> Walk:
    """Walks over JSON, or over a beginning of it."""
    walk, line, last = Walk(), 1, 0
    for token in _JSON_TOKEN.finditer(text, 0, len(text) if end is None else end):
        line += text.count("\n", last, token.start())
        last = token.start()
        if not _take_json(walk, token.lastgroup, token[0], line):
            break
    return walk


def _take_json(walk: Walk, kind: str | None, token: str, line: int) -> bool:
    if kind == "string":
        (walk.key if walk.awaits_key else walk.text)(_unescaped(token), line)
    elif kind == "word":
        _take_json_word(walk, token, line)
    elif token == "[":
        return walk.open_list(line)
    elif token == "{":
        return walk.open_object(line)
    elif kind == "bracket":
        walk.close()
    return True


def _take_json_word(walk: Walk, word: str, line: int) -> None:
    if word in ("true", "false", "null"):
        walk.put(None, line)  # only the places and issues of this walk are used
    elif _JSON_INTEGER.fullmatch(word):
        walk.number(integer(word), word, line)
    else:
        with suppress(ValueError):  # before a syntax error anything may stand
            walk.number(float(word), word, line)


def _unescaped(string: str) -> str:
    if "\\" in string:
        with suppress(ValueError):  # before a syntax error anything may stand
            return str(json.loads(string))
    return string[1:-1]


# YAML


def _read_yaml(text: str) -> Document:
    if text.lstrip()[:1] in ("{", "[", '"'):
        with suppress(ValueError):  # all JSON is YAML 1.2, though not to libyaml: surrogate pairs, long keys
            return Document(_strict_json(text), Source(text, "json"))
    walk = _walk_yaml(text)
    if walk.issues:
        raise InvalidWorkflow(walk.issues)
    if not walk.documents:
        _refuse_empty()
    return Document(walk.documents[0], Source(text, "yaml"))


def _walk_yaml(text: str) -> Walk:
    from runtime.document_yaml import walk_yaml  # noqa: PLC0415  # PyYAML is slow to import, and most documents are JSON

    return walk_yaml(text)
