"""A walk over a document: openings, keys, values and closings in; a value, its places and its issues out.

It needs no recursion, always knows the path that is open, and knows neither JSON nor YAML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from math import isfinite
from typing import ClassVar, TypeAlias

from runtime.issues import Code, Issue, JsonValue, pointer

MAX_DEPTH = 128
MAX_ISSUES = 100

Place: TypeAlias = "int | tuple[int, list[Place] | dict[str, Place]]"
"""The line where an entry begins and, for a list or object, the places inside it."""

SURROGATE = re.compile("[\ud800-\udfff]")


def line_of(place: Place) -> int:
    """The line where the entry at a place begins."""
    return place if isinstance(place, int) else place[0]


def place_inside(place: Place, part: str) -> Place | None:
    """The place that one part of a JSON pointer leads to; None if nothing is there."""
    if isinstance(place, int):
        return None
    if isinstance(inside := place[1], dict):
        return inside.get(part)
    is_index = part.isascii() and part.isdigit() and part == str(int(part[:9]))
    return inside[int(part)] if is_index and int(part) < len(inside) else None


def integer(digits: str, base: int = 10) -> int | None:
    """None for an integer too long to be written in decimal, which ends at 4,300 digits in Python."""
    try:
        number = int(digits, base)
        if len(digits) > 500:
            str(number)
    except ValueError:
        return None
    return number


def shown(text: str) -> str:
    """Text of a document in quotes, printable and short."""
    return repr(text if len(text) <= 40 else text[:40] + "…")


@dataclass(slots=True)
class _List:
    """A list that is open."""

    line: int
    serves_as_key: bool = False
    value: list[JsonValue] = field(default_factory=list)
    places: list[Place] = field(default_factory=list)
    awaits_key: ClassVar[bool] = False

    @property
    def part(self) -> str:
        return str(len(self.value))

    def begins(self, line: int) -> int:
        return line

    def put(self, value: JsonValue, place: Place) -> None:
        self.value.append(value)
        self.places.append(place)


@dataclass(slots=True)
class _Object:
    """An object that is open. The next value belongs to `part`, a key that stands in the line `key_line`."""

    line: int
    serves_as_key: bool = False
    value: dict[str, JsonValue] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    part: str = ""
    key_line: int = 0
    awaits_key: bool = True

    def begins(self, line: int) -> int:
        return line if self.awaits_key else self.key_line

    def put(self, value: JsonValue, place: Place) -> None:
        self.value[self.part] = value
        self.places[self.part] = place if isinstance(place, tuple) else self.key_line
        self.awaits_key = True


class Walk:
    """A document so far. Whoever drives it asks `awaits_key` to tell a key from a value."""

    def __init__(self) -> None:
        self._issues: list[Issue] = []
        self._unlisted = 0
        self._root = _List(1)
        self._stack: list[_List | _Object] = [self._root]

    @property
    def documents(self) -> list[JsonValue]:
        """The values at the root; a document has one."""
        return self._root.value

    @property
    def places(self) -> Place:
        """The place of the first document."""
        return self._root.places[0] if self._root.places else 1

    @property
    def issues(self) -> list[Issue]:
        """What was found; the first hundred, and then how many more."""
        if not self._unlisted:
            return self._issues
        message = f"{self._unlisted} more issues are not listed"
        return [*self._issues, Issue(self._issues[-1].code, "", message, "mend the listed ones first")]

    @property
    def awaits_key(self) -> bool:
        """Whether an object is open whose next entry has no key yet."""
        return self._stack[-1].awaits_key

    @property
    def closers(self) -> str:
        """The brackets that would close all that is open."""
        return "".join("]" if isinstance(frame, _List) else "}" for frame in reversed(self._stack[1:]))

    def add(self, code: Code, line: int, message: str, hint: str) -> None:
        """An issue at the path that is open."""
        if len(self._issues) < MAX_ISSUES:
            self._issues.append(Issue(code, self._path(), message, hint, line))
        else:
            self._unlisted += 1

    def _path(self) -> str:
        parts = [frame.part for frame in self._stack[1:] if not frame.awaits_key]
        # A lone surrogate in a key cannot be printed: it stands in the path as it is written.
        return pointer(*(part.encode("utf-8", "backslashreplace").decode() for part in parts))

    def open_list(self, line: int) -> bool:
        """Opens a list; False, with an issue, where it would be too deep."""
        parent = self._stack[-1]
        self._stack.append(_List(parent.begins(line), parent.awaits_key))
        return self._is_shallow(line)

    def open_object(self, line: int) -> bool:
        """Opens an object; False, with an issue, where it would be too deep."""
        parent = self._stack[-1]
        self._stack.append(_Object(parent.begins(line), parent.awaits_key))
        return self._is_shallow(line)

    def _is_shallow(self, line: int) -> bool:
        if len(self._stack) - 1 <= MAX_DEPTH:
            return True
        self._stack.pop()
        message = f"lists and objects are nested deeper than {MAX_DEPTH}"
        self.add("document_limits", line, message, "nest less: the steps of a pipeline stand side by side")
        return False

    def close(self) -> None:
        """Closes what was opened last."""
        if len(self._stack) == 1:
            return
        frame = self._stack.pop()
        if frame.serves_as_key:
            self._await_value("?", frame.line)
        else:
            self._stack[-1].put(frame.value, (frame.line, frame.places))

    def key(self, key: str, line: int) -> None:
        """The key of the next value; an issue if the object has it already, or if it is no text."""
        places = self._await_value(key, line)
        self._check_text(key, line)
        if key in places:
            message = f"the key {shown(key)} is there already, in line {line_of(places[key])}"
            self.add("document_limits", line, message, "an object has a key once: keep one of them")

    def _await_value(self, key: str, line: int) -> dict[str, Place]:
        frame = self._stack[-1]
        assert isinstance(frame, _Object)
        frame.part, frame.key_line, frame.awaits_key = key, line, False
        return frame.places

    def text(self, text: str, line: int) -> None:
        """A string as a value; an issue if it is none that can be written."""
        self._check_text(text, line)
        self.put(text, line)

    def number(self, number: JsonValue, text: str, line: int) -> None:
        """A number as a value, None for too long an integer; an issue if JSON has no such number."""
        if number is None:
            self.add(
                "document_limits", line, f"the integer {shown(text)} has over 4,300 digits", "write it as a string"
            )
        elif isinstance(number, float) and not isfinite(number):
            message = f"{shown(text)} is no finite number"
            self.add("document_limits", line, message, "write null, a string, or a number below 1.8e308")
        self.put(number, line)

    def put(self, value: JsonValue, line: int) -> None:
        """A value that needs no check."""
        self._stack[-1].put(value, line)

    def _check_text(self, text: str, line: int) -> None:
        if not text.isascii() and (found := SURROGATE.search(text)):
            message = f"the lone surrogate \\u{ord(found[0]):04x} is no character"
            self.add("document_limits", line, message, "write the character itself, or both halves of its pair")


def line_at(text: str, position: int) -> int:
    """The line, from 1, of a position in the text."""
    return text.count("\n", 0, position) + 1


def too_deep(value: JsonValue, most: int = MAX_DEPTH) -> Issue | None:
    """The issue of a value that is nested deeper than the limit: built in Python, or under a lower limit."""
    waiting: list[tuple[JsonValue, int]] = [(value, 1)]
    while waiting:
        each, depth = waiting.pop()
        if isinstance(each, dict | list):
            if depth > most:
                message = f"lists and objects are nested deeper than {most}"
                return Issue("document_limits", "", message, "nest less: the steps of a pipeline stand side by side")
            waiting += ((inner, depth + 1) for inner in (each.values() if isinstance(each, dict) else each))
    return None
