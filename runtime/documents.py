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

import yaml

from runtime.document_syntax import explain_json, explain_yaml
from runtime.document_walk import MAX_DEPTH, SURROGATE, Place, Walk, integer, line_of, place_inside, shown
from runtime.issues import Code, InvalidWorkflow, Issue, JsonValue

Form = Literal["json", "yaml"]

MAX_BYTES = 1024 * 1024

_SURROGATE_WRITTEN = re.compile("\\\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_BRACKET = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
_JSON_TOKEN = re.compile(
    r'(?P<string>"(?:[^"\\]++|\\.)*+")|(?P<torn>".*+)|(?P<bracket>[\[\]{}])|(?P<word>[^\s,:"\[\]{}]++)', re.DOTALL
)
_JSON_INTEGER = re.compile(r"-?[0-9]+")

# What a plain scalar means in the core schema (YAML 1.2.2, 10.3.2).
_YAML_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_YAML_NUMBER = re.compile(
    r"(?P<integer>[-+]?[0-9]+)|(?P<octal>0o[0-7]+)|(?P<hexadecimal>0x[0-9a-fA-F]+)"
    r"|(?P<real>[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)"
    r"|(?P<constant>[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))"
)
# Beyond what YAML forbids: the three line ends of YAML 1.1, which libyaml would fold into spaces without a word.
_YAML_UNFIT = re.compile("[^\t\n\r -~\u00a0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATE_DIGITS = re.compile(r"(?<=\\u)[dD][89a-fA-F][0-9a-fA-F]{2}")
_SURROGATE_PAIR = re.compile(r"[dD][89abAB]..\\u[dD][c-fC-F]")
# Many such lines take libyaml quadratic time, and tags are refused anyway.
_YAML_TAG_DIRECTIVE = re.compile("^%TAG", re.MULTILINE)
_YAML_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True, slots=True)
class Document:
    """A value that was read, and where each part of it stands in the text."""

    value: JsonValue
    source: Source | None = field(default=None, repr=False, compare=False)

    def line_of(self, path: str) -> int | None:
        """The line, from 1, where the entry at a JSON pointer begins, or its nearest ancestor that is there."""
        if self.source is None or not (path == "" or path.startswith("/")):
            return None
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


def read_document(data: bytes | str, filename: str | None = None) -> Document:
    """The value of a document in JSON or YAML; InvalidWorkflow says all that keeps it from being one."""
    text = _text(data)
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


def _text(data: bytes | str) -> str:
    raw = data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data
    if len(raw) > MAX_BYTES:
        message = f"the document has {len(raw)} bytes, more than {MAX_BYTES} (1 MiB)"
        _refuse("document_limits", None, message, "build larger graphs through the Python API")
    return (data if isinstance(data, str) else _decoded(data)).removeprefix("\ufeff")


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"the byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8"
        _refuse("json_syntax", raw.count(b"\n", 0, error.start) + 1, message, "save the document as UTF-8")


def _line_at(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


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
        walk.add("json_syntax", _line_at(text.rstrip(), error.pos), message, hint)
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
    _refuse_unfit(text)
    walk = _walk_yaml(text)
    if walk.issues:
        raise InvalidWorkflow(walk.issues)
    if not walk.documents:
        _refuse_empty()
    return Document(walk.documents[0], Source(text, "yaml"))


def _refuse_unfit(text: str) -> None:
    if found := _YAML_UNFIT.search(text):
        code: Code = "document_limits" if SURROGATE.match(found[0]) else "json_syntax"
        message = f"the character U+{ord(found[0]):04X} cannot stand in YAML as it is"
        hint = f'write it between double quotes as "\\u{ord(found[0]):04x}"'
        _refuse(code, _line_at(text, found.start()), message, "remove it" if code == "document_limits" else hint)
    if found := _YAML_TAG_DIRECTIVE.search(text):
        _refuse("json_syntax", _line_at(text, found.start()), "tags are refused, found %TAG", "remove the line")


def _walk_yaml(text: str) -> Walk:
    walk = Walk()
    try:
        for event in yaml.parse(text, Loader=_YAML_LOADER):
            if not _take_yaml(walk, event):
                break
    except yaml.MarkedYAMLError as error:
        _add_yaml_error(walk, text, error)
    return walk


def _add_yaml_error(walk: Walk, text: str, error: yaml.MarkedYAMLError) -> None:
    mark, context = error.problem_mark, error.context_mark
    if context and "simple key" in (error.context or ""):
        mark = context  # the parser notices a line after the one that is wrong
    position = mark.index if mark else len(text)
    if half := _SURROGATE_DIGITS.match(text, position):
        lone = not _SURROGATE_PAIR.match(text, position)
        message = f"{'a lone' if lone else 'half a'} surrogate is no character in YAML, found \\u{half[0]}"
        hint = "write the character itself, or \\U and eight digits"
        walk.add("document_limits" if lone else "json_syntax", _line_at(text, position), message, hint)
        return
    began = context.line + 1 if context and mark and context.line < mark.line else None
    message, hint = explain_yaml(f"{error.context}: {error.problem}", text[position : position + 60], began)
    walk.add("json_syntax", _line_at(text.rstrip(), position), message, hint)


def _take_yaml(walk: Walk, event: yaml.Event) -> bool:
    line = event.start_mark.line + 1 if event.start_mark else 1
    if isinstance(event, yaml.ScalarEvent):
        _take_yaml_scalar(walk, event, line)
    elif isinstance(event, yaml.CollectionStartEvent):
        return _open_yaml(walk, event, line)
    elif isinstance(event, yaml.CollectionEndEvent):
        walk.close()
    elif isinstance(event, yaml.AliasEvent):
        _take_alias(walk, f"*{event.anchor}", line)
    elif isinstance(event, yaml.DocumentStartEvent) and walk.documents:
        walk.add("json_syntax", line, "a second document begins here", "keep one document, without --- between")
        return False
    return True


def _open_yaml(walk: Walk, event: yaml.CollectionStartEvent, line: int) -> bool:
    if event.tag is not None:
        _add_tag(walk, event.tag, line)
    is_list = isinstance(event, yaml.SequenceStartEvent)
    if walk.awaits_key:
        message = f"a key must be a string, found {'a list' if is_list else 'an object'}"
        walk.add("json_syntax", line, message, "quote it, or remove the '?' or the bracket")
    return walk.open_list(line) if is_list else walk.open_object(line)


def _take_yaml_scalar(walk: Walk, event: yaml.ScalarEvent, line: int) -> None:
    if event.tag is not None:
        _add_tag(walk, event.tag, line)
    if walk.awaits_key:
        _take_yaml_key(walk, event.value, plain=not event.style, line=line)
    elif event.style:
        walk.text(event.value, line)
    else:
        _take_plain(walk, event.value, line)


def _add_tag(walk: Walk, tag: str, line: int) -> None:
    walk.add("json_syntax", line, f"tags are refused, found {shown(tag)}", "remove the tag; quotes make a string")


def _take_alias(walk: Walk, name: str, line: int) -> None:
    if walk.awaits_key:
        walk.key(name, line)
        walk.add("document_limits", line, f"aliases are refused, found {name}", "write the key out")
    else:
        walk.add(
            "document_limits", line, f"aliases are refused, found {name}", "write the value out, or quote the text"
        )
        walk.put(None, line)


def _take_yaml_key(walk: Walk, text: str, *, plain: bool, line: int) -> None:
    walk.key(text, line)
    if plain and text == "<<":
        walk.add("document_limits", line, "merge keys are refused, found <<", "write the merged entries out")
    elif plain and (text in _YAML_WORDS or _YAML_NUMBER.fullmatch(text)):
        kind = str(_YAML_WORDS[text]).lower().replace("none", "null") if text in _YAML_WORDS else "a number"
        message = f"a key must be a string, found {shown(text)}, which is {kind}"
        walk.add("json_syntax", line, message, f'quote it: "{text[:40]}"')


def _take_plain(walk: Walk, text: str, line: int) -> None:
    if text in _YAML_WORDS:
        walk.put(_YAML_WORDS[text], line)
    elif found := _YAML_NUMBER.fullmatch(text):
        walk.number(_number(found.lastgroup, text), text, line)
    else:
        walk.text(text, line)


def _number(kind: str | None, text: str) -> int | float | None:
    match kind:
        case "integer":
            return integer(text)
        case "octal":
            return integer(text[2:], 8)
        case "hexadecimal":
            return integer(text[2:], 16)
        case "constant":
            return float(text.replace(".", ""))
        case _:
            return float(text)
