"""Bytes to a JSON value: the limits of a document, its duplicate keys, JSON or YAML 1.2, and the line of every place.

The fast way says only yes or no. A walk over the text, bounded in depth, says what was wrong and where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import isfinite
from pathlib import PurePath
from typing import Literal, NoReturn, TypeAlias

import yaml

from runtime.issues import Code, InvalidWorkflow, Issue, JsonValue, pointer

Form = Literal["json", "yaml"]

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 128
MAX_ISSUES = 100

_Place: TypeAlias = "int | tuple[int, dict[str, _Place]]"
"""The line where an entry begins, and for a list or object the places inside it."""

_SURROGATE = re.compile("[\ud800-\udfff]")
_SURROGATE_WRITTEN = re.compile("\\\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_JSON_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]++|\\.)*+")|(?P<torn>".*+)|(?P<bracket>[\[\]{}])|(?P<word>[^\s,:"\[\]{}]++)', re.DOTALL
)
_JSON_INTEGER = re.compile(r"-?[0-9]+")

# YAML 1.2.2, 10.3.2: what a plain scalar means in the core schema.
_YAML_CORE = re.compile(
    r"(?P<null>null|Null|NULL|~|)|(?P<true>true|True|TRUE)|(?P<false>false|False|FALSE)"
    r"|(?P<integer>[-+]?[0-9]+)|(?P<octal>0o[0-7]+)|(?P<hexadecimal>0x[0-9a-fA-F]+)"
    r"|(?P<real>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<constant>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
# Three of these end a line in YAML 1.1, which the parser speaks, and not in 1.2: refused, so that no text is changed silently.
_YAML_UNFIT = re.compile("[^\t\n\r -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_YAML_TAG_DIRECTIVE = re.compile("^%TAG", re.MULTILINE)
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """A value that was read, and where each part of it stands in the text."""

    value: JsonValue
    source: _Source | None = field(default=None, repr=False, compare=False)

    def line_of(self, path: str) -> int | None:
        """The line, from 1, where the entry at a JSON pointer begins, or its nearest ancestor that is there."""
        if self.source is None or not (path == "" or path.startswith("/")):
            return None
        line, inside = _opened(self.source.places)
        for part in path.split("/")[1:]:
            place = inside.get(part.replace("~1", "/").replace("~0", "~"))
            if place is None:
                break
            line, inside = _opened(place)
        return line


@dataclass(frozen=True)
class _Source:
    """The text of a document; its places are found when first asked for, as most documents have no issue."""

    text: str
    form: Form

    @cached_property
    def places(self) -> _Place:
        walk = _walk_json(self.text) if self.form == "json" else _walk_yaml(self.text)
        return walk.places


def _opened(place: _Place) -> tuple[int, dict[str, _Place]]:
    return (place, {}) if isinstance(place, int) else place


def read_document(data: bytes | str, filename: str | None = None) -> Document:
    """The value of a document in JSON or YAML; InvalidWorkflow says all that keeps it from being one."""
    text = _text(data)
    if not text.strip():
        _refuse("json_syntax", 1, "the document is empty", 'a workflow begins with {"pipeline": [...]}')
    return _read_json(text) if form_of(filename, text) == "json" else _read_yaml(text)


def form_of(filename: str | None, text: str) -> Literal["json", "yaml"]:
    """The form that the file's suffix says, else the first character that is not blank."""
    suffix = PurePath(filename or "").suffix.lower()
    if suffix == ".json":
        return "json"
    if suffix in (".yaml", ".yml"):
        return "yaml"
    return "json" if text.lstrip()[:1] in ("{", "[") else "yaml"


def locate(issues: Iterable[Issue], document: Document) -> list[Issue]:
    """The issues, each without a line given the line of its path."""
    return [i if i.line is not None else replace(i, line=document.line_of(i.path)) for i in issues]


def _refuse(code: Code, line: int | None, message: str, hint: str) -> NoReturn:
    raise InvalidWorkflow([Issue(code, "", message, hint, line)])


def _text(data: bytes | str) -> str:
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(raw) > MAX_BYTES:
        message = f"the document has {len(raw)} bytes, more than {MAX_BYTES} (1 MiB)"
        _refuse("document_limits", None, message, "build larger graphs through the Python API")
    if isinstance(data, str):
        return data.removeprefix("\ufeff")
    try:
        return raw.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        message = f"the byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8"
        _refuse("json_syntax", raw.count(b"\n", 0, error.start) + 1, message, "save the document as UTF-8")


# The walk: both forms arrive as openings, keys, values and closings.


@dataclass(slots=True)
class _Frame:
    """A list or object that is open. `key` is what the next value belongs to; `key_line` where that key stands."""

    value: list[JsonValue] | dict[str, JsonValue]
    line: int
    serves_as_key: bool = False
    key: str | None = None
    key_line: int = 0
    places: dict[str, _Place] = field(default_factory=dict)

    @property
    def part(self) -> str | None:
        return str(len(self.value)) if isinstance(self.value, list) else self.key

    def put(self, value: JsonValue, place: _Place) -> None:
        self.places[self.part or ""] = place
        if isinstance(self.value, list):
            self.value.append(value)
        else:
            self.value[self.key or ""] = value
            self.key = None


class _Walk:
    """Builds a value and its places, without recursion, and collects issues with the path that is open."""

    def __init__(self) -> None:
        self._issues: list[Issue] = []
        self._unlisted = 0
        self._stack = [_Frame([], 1)]

    @property
    def root(self) -> list[JsonValue]:
        """The documents met so far."""
        return list(self._stack[0].value)

    @property
    def places(self) -> _Place:
        return self._stack[0].places.get("0", 1)

    @property
    def issues(self) -> list[Issue]:
        if not self._unlisted:
            return self._issues
        message = f"{self._unlisted} more issues are not listed"
        return [*self._issues, Issue(self._issues[-1].code, "", message, "mend the listed ones first")]

    @property
    def depth(self) -> int:
        return len(self._stack) - 1

    @property
    def awaits_key(self) -> bool:
        return isinstance(self._stack[-1].value, dict) and self._stack[-1].key is None

    @property
    def closers(self) -> str:
        """The brackets that would close all that is open."""
        return "".join("]" if isinstance(frame.value, list) else "}" for frame in reversed(self._stack[1:]))

    def path(self) -> str:
        parts = [frame.part for frame in self._stack[1:]]
        # A lone surrogate in a key cannot be printed: it stands in the path as it is written.
        return pointer(*(part.encode("utf-8", "backslashreplace").decode() for part in parts if part is not None))

    def add(self, code: Code, line: int, message: str, hint: str) -> None:
        if len(self._issues) < MAX_ISSUES:
            self._issues.append(Issue(code, self.path(), message, hint, line))
        else:
            self._unlisted += 1

    def open(self, value: list[JsonValue] | dict[str, JsonValue], line: int) -> None:
        parent = self._stack[-1]
        begins = parent.key_line if parent.key is not None else line
        self._stack.append(_Frame(value, begins, serves_as_key=self.awaits_key))

    def close(self) -> None:
        if self.depth == 0:
            return
        frame = self._stack.pop()
        if frame.serves_as_key:
            self._stack[-1].key = "?"
        else:
            self._stack[-1].put(frame.value, (frame.line, frame.places))

    def key(self, key: str, line: int) -> None:
        frame = self._stack[-1]
        frame.key, frame.key_line = key, line
        if key in frame.places:
            first = _opened(frame.places[key])[0]
            hint = "keep one of them; an object cannot have a key twice"
            self.add("document_limits", line, f"the key {_shown(key)} stands here again, first in line {first}", hint)

    def put(self, value: JsonValue, line: int) -> None:
        frame = self._stack[-1]
        frame.put(value, line if frame.key is None else frame.key_line)

    def check_string(self, text: str, line: int) -> None:
        if not text.isascii() and (found := _SURROGATE.search(text)):
            message = f"the lone surrogate \\u{ord(found[0]):04x} is no character"
            self.add("document_limits", line, message, "write the character itself, or both halves of its pair")

    def check_number(self, text: str, value: JsonValue, line: int) -> None:
        if value is None:
            message = f"{_shown(text)} is an integer of {len(text)} characters"
            self.add("document_limits", line, message, "write it as a string")
        elif isinstance(value, float) and not isfinite(value):
            message = f"{_shown(text)} is no finite number"
            self.add("document_limits", line, message, "write null, a string or a number below 1.8e308")


def _integer(digits: str, base: int = 10) -> int | None:
    """None for an integer too long to be written in decimal (Python stops at 4,300 digits)."""
    try:
        number = int(digits, base)
        if len(digits) > 500:
            str(number)
    except ValueError:
        return None
    return number


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "…")


# JSON


def _read_json(text: str) -> Document:
    try:
        return Document(_strict_json(text), _Source(text, "json"))
    except ValueError:
        raise InvalidWorkflow(_json_issues(text)) from None


def _strict_json(text: str) -> JsonValue:
    """The value, if it is RFC 8259 and within the limits, else ValueError."""
    if _too_deep(text) is not None:
        raise ValueError("too deep")
    value: JsonValue = json.loads(
        text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_float=_finite
    )
    if _SURROGATE_WRITTEN.search(text) and _SURROGATE.search(json.dumps(value, ensure_ascii=False)):
        raise ValueError("lone surrogate")
    return value


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    mapping = dict(pairs)
    if len(mapping) != len(pairs):
        raise ValueError("duplicate key")
    return mapping


def _no_constant(name: str) -> NoReturn:
    raise ValueError(name)


def _finite(text: str) -> float:
    if not isfinite(number := float(text)):
        raise ValueError(text)
    return number


def _too_deep(text: str) -> int | None:
    """Where the first bracket beyond the depth limit stands; found before parsing, since parsers recurse."""
    if text.count("[") + text.count("{") <= MAX_DEPTH:
        return None
    depth = 0
    for token in _BRACKET.finditer(text):
        if token[0] in "[{":
            depth += 1
            if depth > MAX_DEPTH:
                return token.start()
        elif token[0] in "]}":
            depth -= 1
    return None


def _json_issues(text: str) -> list[Issue]:
    if (end := _too_deep(text)) is not None:
        walk = _walk_json(text, end)
        _add_too_deep(walk, _line_at(text, end))
        return walk.issues
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        walk = _walk_json(text, error.pos)
        walk.add("json_syntax", _line_at(text, error.pos), *_explain_json(text, error, walk.closers))
        return walk.issues
    return _walk_json(text).issues


def _add_too_deep(walk: _Walk, line: int) -> None:
    message = f"lists and objects are nested deeper than {MAX_DEPTH}"
    walk.add("document_limits", line, message, "nest less; steps of a pipeline stand side by side")


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def _walk_json(text: str, end: int | None = None) -> _Walk:
    """Walks over JSON, or over a beginning of it that has no syntax error."""
    walk, line, last = _Walk(), 1, 0
    for token in _JSON_TOKEN.finditer(text, 0, len(text) if end is None else end):
        line += text.count("\n", last, token.start())
        last = token.start()
        match token.lastgroup, token[0]:
            case "bracket", "[":
                walk.open([], line)
            case "bracket", "{":
                walk.open({}, line)
            case "bracket", _:
                walk.close()
            case "string", string:
                _walk_string(walk, _decoded(string), line)
            case "word", word:
                _walk_word(walk, word, line)
    return walk


def _walk_string(walk: _Walk, text: str, line: int) -> None:
    if walk.awaits_key:
        walk.key(text, line)
        walk.check_string(text, line)
    else:
        walk.check_string(text, line)
        walk.put(text, line)


def _walk_word(walk: _Walk, word: str, line: int) -> None:
    value: JsonValue = word
    if _JSON_INTEGER.fullmatch(word):
        value = _integer(word)
        walk.check_number(word, value, line)
    else:
        with suppress(ValueError):  # true, false and null; nothing is checked of them
            walk.check_number(word, float(word), line)
    walk.put(value, line)


def _decoded(string: str) -> str:
    if "\\" in string:
        with suppress(json.JSONDecodeError):  # a bad escape has its own issue
            return str(json.loads(string))
    return string[1:-1]
