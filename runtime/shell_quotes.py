"""Reads quotes and expansions of a shell script item by item, and writes an expansion in each of its holes.

An item is a character or a hole. Every method reads one construct: it starts at its first item and leaves behind its
last. What dash and bash may read differently ends the reading (`Unsure`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

from runtime import shell_places as places
from runtime.shell_places import Frame

_MAX_DEPTH = 40  # substitutions inside one another; bounds the recursion
_LONGEST_PREFIX = 200  # of a word, as far as a rule depends on it


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in a script where the value of the variable `name` is to stand."""

    name: str

    @property
    def expansion(self) -> str:
        """The variable's value in the words of a shell, not yet quoted."""
        return "${" + self.name + "}"


Item: TypeAlias = str | Hole


class Unsure(Exception):
    """From here on the shells may read on differently; the message names the place."""


def differs(what: str) -> Unsure:
    """The end of the reading at a text that dash and bash may understand differently."""
    return Unsure(f"a place behind {what}, which sh and bash may read differently")


class QuoteReader(ABC):
    """The cursor over the items, the output, and what became of each hole."""

    def __init__(self, items: Sequence[Item], inside: Sequence[str] = ()) -> None:
        self.items = items
        self.at = 0
        self.out: list[str] = []
        self.refused: dict[str, str] = {}
        self.placed: list[str] = []
        self.inside = list(inside)  # the refusing constructs around this place
        self.frames = [Frame()]
        self.complete = True
        self.placed_in_local: list[str] = []
        self.has_integers = False
        self.has_arrays = False

    @property
    def frame(self) -> Frame:
        """The list of commands being read."""
        return self.frames[-1]

    @abstractmethod
    def nested_commands(self, where: str) -> None:
        """Reads `(`, a list of commands in which holes are refused, and `)`."""

    @abstractmethod
    def script_inside(self, items: Sequence[Item]) -> None:
        """Judges the holes of a script that stands inside this one, already copied."""

    def _refuse(self, names: Sequence[str], where: str) -> None:
        for name in names:
            self.refused.setdefault(name, where)

    # -- items ------------------------------------------------------------------------------------------------------

    def _raw(self) -> Item | None:
        return self.items[self.at] if self.at < len(self.items) else None

    def _second(self) -> Item | None:
        return self.items[self.at + 1] if self.at + 1 < len(self.items) else None

    def _past_joined_lines(self, at: int) -> int:
        while at + 1 < len(self.items) and self.items[at] == "\\" and self.items[at + 1] == "\n":
            at += 2
        return at

    def _peek(self) -> Item | None:
        """The next item. Joined lines (a backslash at the end) are left out of the output, so that none can differ."""
        if self._raw() == "\\":
            self.at = self._past_joined_lines(self.at)
        return self._raw()

    def _ahead(self, text: str) -> bool:
        at = self.at
        for character in text:
            at = self._past_joined_lines(at)
            if at >= len(self.items) or self.items[at] != character:
                return False
            at += 1
        return True

    def _copy(self, count: int = 1) -> None:
        """Copies items as they stand; a hole among them must have been judged."""
        for item in self.items[self.at : self.at + count]:
            self.out.append(item if isinstance(item, str) else item.expansion)
        self.at = min(self.at + count, len(self.items))

    def _take(self, count: int = 1) -> None:
        for _ in range(count):
            self._peek()
            self._copy()

    def _place(self, hole: Hole, opening: str, closing: str) -> None:
        self.placed.append(hole.name)
        if where := self.inside[-1] if self.inside else self.frame.forbidding(self._word_so_far()):
            self._refuse([hole.name], where)
        if self.frame.name == "local":
            self.placed_in_local.append(hole.name)
        self.out.append(opening + hole.expansion + closing)
        self.at += 1

    def _close(self, closing: str, quote_holes: Sequence[str] = ()) -> None:
        if self._peek() is not None:
            self._take(len(closing))
            return
        self.complete = False
        self._refuse(quote_holes, places.UNTERMINATED)

    @contextmanager
    def _refusing(self, where: str) -> Iterator[None]:
        self.inside.append(where)
        if len(self.inside) > _MAX_DEPTH:
            raise differs(f"more than {_MAX_DEPTH} substitutions inside one another")
        yield
        self.inside.pop()

    def _word_so_far(self) -> str:
        start = self.frame.word_start
        return "".join(self.out[start : start + _LONGEST_PREFIX])

    def _part(self, item: Item, quoted: bool = False) -> None:
        match item:
            case Hole():
                self._place(item, '"', '"')
            case "\\":
                self._escape()
            case "'":
                self._single_quotes()
            case '"':
                self._double_quotes()
            case "$":
                self._dollar(quoted)
            case "`":
                self._backticks(quoted)
            case _:
                self._take()

    # -- quotes -----------------------------------------------------------------------------------------------------

    def _escape(self) -> None:
        """A backslash quotes what follows. A hole is quoted anyway, so that the backslash has nothing left to do."""
        if isinstance(self._second(), Hole):
            self.at += 1
        else:
            self._copy(2)

    def _single_quotes(self) -> None:
        before = len(self.placed)
        self._copy()
        while (item := self._raw()) is not None and item != "'":
            if isinstance(item, Hole):
                self._place(item, "'\"", "\"'")
            else:
                self._copy()
        self._close("'", self.placed[before:])

    def _double_quotes(self) -> None:
        before = len(self.placed)
        self._take()
        self._quoted_text(until='"')
        self._close('"', self.placed[before:])

    def _quoted_text(self, until: str) -> None:
        while (item := self._peek()) is not None and item != until:
            match item:
                case Hole():
                    self._place(item, "", "")
                case "\\":
                    self._quoted_escape()
                case "'" | '"':
                    self._take()
                case _:
                    self._part(item, quoted=True)

    def _quoted_escape(self) -> None:
        """Between double quotes a backslash before an ordinary character is itself; so it is before a hole."""
        if isinstance(self._second(), Hole):
            self.out.append("\\\\")
            self.at += 1
        else:
            self._copy(2)

    def _ansi_string(self) -> None:
        with self._refusing(places.ANSI_STRING):
            self._copy()
            while (item := self._raw()) is not None and item != "'":
                if isinstance(item, Hole):
                    self._place(item, "", "")
                elif self._ahead("\\'"):
                    raise differs("\\' inside a $'…' string")
                else:
                    self._copy(2 if self._ahead("\\\\") else 1)
        self._close("'")

    # -- expansions -------------------------------------------------------------------------------------------------

    def _dollar(self, quoted: bool) -> None:
        self._take()
        match self._peek():
            case Hole():
                self.out[-1] = "\\$"  # else it would join with what the hole becomes
            case "{":
                self._parameter(quoted)
            case "(" if self._ahead("(("):
                self._arithmetic(places.ARITHMETIC)
            case "(":
                self.nested_commands(places.SUBSTITUTION)
            case "[":
                raise differs("$[ ]")
            case "'" if not quoted:
                self._ansi_string()
            case '"' if not quoted:
                with self._refusing(places.LOCALE_STRING):
                    self._double_quotes()
            case "$" | "#" | "!" | "?" | "*" | "@" | "-":
                self._take()
            case _:
                pass

    def _parameter(self, quoted: bool) -> None:
        self._take()
        with self._refusing(places.PARAMETER):
            if self._peek() in (" ", "\t", "\n", "|"):
                raise differs("a command inside ${ }")
            while (item := self._peek()) is not None and item != "}":
                if quoted and item in ("'", '"'):
                    raise differs("quotes inside a quoted ${ }")
                self._part(item, quoted)
        self._close("}")

    def _arithmetic(self, where: str) -> None:
        self._take(2)
        depth = 0
        with self._refusing(where):
            while (item := self._peek()) is not None and (item != ")" or depth):
                depth += (item == "(") - (item == ")")
                self._arithmetic_item(item, where)
            if item is not None and not self._ahead("))"):
                raise differs(f"{where[:-3].strip()} that may be two parentheses")
        self._close("))")

    def _arithmetic_item(self, item: Item, where: str) -> None:
        if item in ("'", '"', "\\"):
            raise differs(f"quotes inside {where}")
        if where == places.ARITHMETIC_COMMAND and (item == "#" or self._ahead("<<")):
            raise differs(f"'#' or '<<' inside {where}")
        self._part(item, quoted=True)

    def _backticks(self, quoted: bool) -> None:
        """Ends at the first backtick without a backslash; what stands between is a script of its own."""
        self._take()
        start = self.at
        while self._raw() not in (None, "`"):
            self._copy(2 if self._raw() == "\\" else 1)
        script = list(_without_escapes(self.items[start : self.at], '$`\\"' if quoted else "$`\\"))
        with self._refusing(places.BACKTICKS):
            self.script_inside(script)
        self._close("`")


def _without_escapes(items: Sequence[Item], escapable: str) -> Iterator[Item]:
    at = 0
    while at < len(items):
        following = items[at + 1] if at + 1 < len(items) else ""
        at += items[at] == "\\" and isinstance(following, str) and following != "" and following in escapable
        yield items[at]
        at += 1
