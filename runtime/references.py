"""The `${}` language: parse, list, resolve. A path language and nothing more: no calls, no arithmetic, no code.

    ${step.output.path[0]["any key"]}      ${workflow.NAME}      ${a.x ?? b.y ?? "literal"}      $${ is a literal ${

Values brought in are never parsed again. Pure: a scope goes in, a JSON value of the caller's own comes out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite

from runtime.issues import JsonValue, pointer

Scope = Mapping[str, JsonValue]

_OPENING = re.compile(r"\$\$\{|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_KEY = re.compile(r"\.([A-Za-z_][A-Za-z0-9_-]*)")
_INDEX = re.compile(r"\[\s*(0|[1-9][0-9]{0,8})\s*\]")
_SPACE = re.compile(r"\s*")
MOST_LEVELS = 128  # of a literal, as of a document
MOST_BROKEN = 100  # references of a text that are looked at: each takes time that grows with the text


def _no_number(name: str) -> JsonValue:
    raise ValueError(f"{name} is no JSON number")


_DECODER = json.JSONDecoder(parse_constant=_no_number)


@dataclass(frozen=True, slots=True)
class Path:
    """A place: `head` is a step, `workflow`, or a name of the batch; `keys` lead inside its value."""

    head: str
    keys: tuple[str | int, ...] = ()

    def __str__(self) -> str:
        return self.head + "".join(_show_key(key) for key in self.keys)


@dataclass(frozen=True, slots=True)
class Constant:
    """A JSON literal, legal only as the last alternative."""

    value: JsonValue


@dataclass(frozen=True, slots=True)
class Reference:
    """One `${...}` of a text: the alternatives in order; with more than one it is optional (`??`)."""

    text: str
    alternatives: tuple[Path | Constant, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(each for each in self.alternatives if isinstance(each, Path))

    @property
    def has_fallback(self) -> bool:
        return len(self.alternatives) > 1


@dataclass(frozen=True, slots=True)
class BrokenReference:
    """A `${` that opens no legal reference: what was found and what would be right."""

    text: str
    reason: str
    hint: str


Template = tuple[str | Reference | BrokenReference, ...]


class MissingValue(Exception):
    """A path leads nowhere. `path` is the reference's place as written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        super().__init__(f"there is no value at ${{{path}}}")


# --- parse -----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4)  # each check reads a text anew, and one text may be a whole document
def parse_template(text: str) -> Template:
    """The parts of a text: literal strings (with `$${` already a plain `${`), references and broken references."""
    parts: list[str | Reference | BrokenReference] = []
    literal, position, broken = "", 0, 0
    while opening := _OPENING.search(text, position):
        literal += text[position : opening.start()]
        if opening[0] == "$${":
            literal, position = literal + "${", opening.end()
            continue
        if literal:
            parts.append(literal)
        part, position = _parse_reference(text, opening.start(), bold=broken < MOST_BROKEN)
        broken += isinstance(part, BrokenReference)
        parts.append(part)
        literal = ""
    if rest := literal + text[position:]:
        parts.append(rest)
    return tuple(parts)


class _Unreadable(Exception):
    pass


def _parse_reference(text: str, start: int, *, bold: bool) -> tuple[Reference | BrokenReference, int]:
    if not bold:
        return BrokenReference(text[start:], "too much before it is broken", "mend what stands before it"), len(text)
    try:
        alternatives, end = _parse_alternatives(text, start + 2)
    except _Unreadable as unreadable:
        closing = text.find("}", start)
        end = len(text) if closing < 0 else closing + 1
        broken = text[start:end]
        return BrokenReference(broken, str(unreadable), f"write '${broken}' for the text itself"), end
    return Reference(text[start:end], alternatives), end


def _parse_alternatives(text: str, position: int) -> tuple[tuple[Path | Constant, ...], int]:
    alternatives: list[Path | Constant] = []
    while True:
        position = _skip_space(text, position)
        alternative, position = _parse_alternative(text, position, first=not alternatives)
        alternatives.append(alternative)
        position = _skip_space(text, position)
        if text.startswith("}", position):
            return tuple(alternatives), position + 1
        if not text.startswith("??", position):
            raise _Unreadable(_unexpected(text, position))
        if isinstance(alternative, Constant):
            raise _Unreadable("a literal stands before '??'; only the last alternative may be one")
        position += 2


def _parse_alternative(text: str, position: int, *, first: bool) -> tuple[Path | Constant, int]:
    name = _NAME.match(text, position)
    if name and (first or name[0] not in ("true", "false", "null")):
        return _parse_path(text, name)
    if first:
        raise _Unreadable(_unexpected(text, position) if text[position : position + 1] else "it is not closed")
    try:
        value, end = _DECODER.raw_decode(text, position)
        json.dumps(
            value, ensure_ascii=False, allow_nan=False
        ).encode()  # a lone surrogate and an infinite number are no JSON either
    except (ValueError, RecursionError):
        raise _Unreadable("after '??' comes a reference or a JSON literal") from None
    if _is_deep(value, MOST_LEVELS):
        raise _Unreadable(f"the literal is nested deeper than {MOST_LEVELS}")
    return Constant(value), end


def _is_deep(value: JsonValue, levels: int) -> bool:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return any(not levels or _is_deep(each, levels - 1) for each in inside)


def _parse_path(text: str, name: re.Match[str]) -> tuple[Path, int]:
    keys: list[str | int] = []
    position = name.end()
    while True:
        if key := _KEY.match(text, position):
            keys.append(key[1])
            position = key.end()
        elif index := _INDEX.match(text, position):
            keys.append(int(index[1]))
            position = index.end()
        elif text.startswith("[", position):
            quoted, position = _parse_quoted_key(text, position + 1)
            keys.append(quoted)
        else:
            return Path(name[0], tuple(keys)), position


def _parse_quoted_key(text: str, position: int) -> tuple[str, int]:
    try:
        key, end = _DECODER.raw_decode(text, _skip_space(text, position))
    except (ValueError, RecursionError):
        raise _Unreadable("between brackets stands a number from 0 or a key in double quotes") from None
    end = _skip_space(text, end)
    if not isinstance(key, str) or not text.startswith("]", end):
        raise _Unreadable("between brackets stands a number from 0 or a key in double quotes")
    return key, end + 1


def _skip_space(text: str, position: int) -> int:
    space = _SPACE.match(text, position)
    return space.end() if space else position


def _unexpected(text: str, position: int) -> str:
    found = text[position : position + 1]
    if not found:
        return "it is not closed"
    return "it is empty" if found == "}" else f"'{found}' is not part of the reference language"


def _show_key(key: str | int) -> str:
    if isinstance(key, int):
        return f"[{key}]"
    return f".{key}" if _NAME.fullmatch(key) else f"[{json.dumps(key, ensure_ascii=False)}]"


# --- list ------------------------------------------------------------------------------------------------------------


_WITH_STRINGS, _WITH_KEYS = (str, list, dict), (list, dict)


def strings_in(value: JsonValue, path: str = "") -> Iterator[tuple[str, str]]:
    """Every string inside a JSON value with its JSON pointer, in document order; keys are not among them."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, _WITH_STRINGS):
                yield from strings_in(item, f"{path}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, _WITH_STRINGS):
                yield from strings_in(item, path + pointer(key))


def keys_in(value: JsonValue, path: str = "") -> Iterator[tuple[str, str]]:
    """Every key inside a JSON value with the JSON pointer of what it leads to."""
    if isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, _WITH_KEYS):
                yield from keys_in(item, f"{path}/{index}")
    elif isinstance(value, dict):
        for key, item in value.items():
            yield path + pointer(key), key
            if isinstance(item, _WITH_KEYS):
                yield from keys_in(item, path + pointer(key))


def references_in(value: JsonValue) -> Iterator[Reference]:
    """Every legal reference inside a JSON value."""
    for _, text in strings_in(value):
        if "${" in text:
            yield from (part for part in parse_template(text) if isinstance(part, Reference))


# --- resolve ---------------------------------------------------------------------------------------------------------

Resolver = Callable[[Scope], JsonValue]


def compile_value(value: JsonValue, rename: Callable[[Path], Path] = lambda path: path) -> Resolver | None:
    """A function from a scope to the value with its references resolved; None if the value holds no reference.

    `rename` maps each path to the one to look up, so that short names and aliases are settled once. The function
    raises MissingValue where a path leads nowhere. What it returns shares nothing with the scope.
    """
    if isinstance(value, str):
        return _compile_text(value, rename) if "${" in value else None
    if isinstance(value, list):
        items = [compile_value(item, rename) for item in value]
        if any(items):
            return lambda scope: [
                copy_json(item) if resolve is None else resolve(scope)
                for item, resolve in zip(value, items, strict=True)
            ]
    if isinstance(value, dict):
        fields = {key: compile_value(item, rename) for key, item in value.items()}
        if any(fields.values()):
            return lambda scope: {
                key: copy_json(value[key]) if resolve is None else resolve(scope) for key, resolve in fields.items()
            }
    return None


def _compile_text(text: str, rename: Callable[[Path], Path]) -> Resolver:
    parts = [_compile_part(part, rename) for part in parse_template(text)]
    if len(parts) == 1 and not isinstance(parts[0], str):
        return parts[0]
    return lambda scope: "".join(part if isinstance(part, str) else as_text(part(scope)) for part in parts)


def _compile_part(part: str | Reference | BrokenReference, rename: Callable[[Path], Path]) -> str | Resolver:
    if isinstance(part, str):
        return part
    if isinstance(part, BrokenReference):
        raise ValueError(f"{part.text}: {part.reason}")
    alternatives = [rename(each) if isinstance(each, Path) else each for each in part.alternatives]
    return lambda scope: copy_json(_first_there(alternatives, scope))


def _first_there(alternatives: list[Path | Constant], scope: Scope) -> JsonValue:
    for alternative in alternatives[:-1]:
        try:
            value = _look_up(alternative, scope)
        except MissingValue:
            continue
        if value is not None:
            return value
    return _look_up(alternatives[-1], scope)


def _look_up(alternative: Path | Constant, scope: Scope) -> JsonValue:
    if isinstance(alternative, Constant):
        return alternative.value
    try:
        value = scope[alternative.head]
        for key in alternative.keys:
            if type(value) is not (list if isinstance(key, int) else dict):
                raise MissingValue(alternative)
            value = value[key]  # type: ignore[index]  # the line above has tied the key to its container
    except (KeyError, IndexError):
        raise MissingValue(alternative) from None
    return value


def as_text(value: JsonValue) -> str:
    """How a value stands inside a longer string: a string as it is, all else as compact JSON, not ASCII-escaped."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


_ATOMS = (str, int, float, bool, type(None))


def copy_json(value: JsonValue) -> JsonValue:
    """A deep copy; TypeError or ValueError for what JSON cannot say (other types, NaN, keys that are no strings)."""
    if isinstance(value, dict):
        return {_text_key(key): copy_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [copy_json(item) for item in value]
    if isinstance(value, float) and not isfinite(value):
        raise ValueError(f"{value} is no JSON number")
    if not isinstance(value, _ATOMS):
        raise TypeError(f"{type(value).__name__} is no JSON value")
    return value


def _text_key(key: object) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r} is no string")
    return key
