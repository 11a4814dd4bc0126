"""Where in a shell script a value cannot stand: the places' names, and the rule for a word of a simple command.

A value that a variable carries is safe in any word, except where bash takes the word for an expression, a variable's
name or a second expansion. Each entry here was seen to execute a value.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

BACKTICKS = "backticks"
SUBSTITUTION = "$( )"
PROCESS = "<( )"
ARITHMETIC = "$(( ))"
ARITHMETIC_COMMAND = "(( ))"
LET = "let"
BRACKETS = "[[ ]]"
PARAMETER = "a shell ${ }"
ANSI_STRING = "a $'…' string"
LOCALE_STRING = 'a $"…" string'
SUBSCRIPT = "an array subscript"
HERE_DOCUMENT = "a here-document"
DELIMITER = "the delimiter of a here-document"
UNTERMINATED = "a quote that is never closed"
DESCRIPTOR = "a file descriptor (>&), which bash expands twice"
VARIABLE_NAME = "the name of a variable, which bash evaluates"
DECLARATION = "a declaration whose value bash may evaluate"
SPECIAL_VARIABLE = "a variable whose value the shell evaluates"
INTEGERS = "a script with integer variables (declare -i), whose values bash evaluates"

DECLARING = frozenset({"declare", "typeset", "local", "readonly", "export"})
_ONLY_BASH_DECLARES = frozenset({"declare", "typeset"})
_NAMING = frozenset({"unset", "read", "getopts", "mapfile", "readarray"})
_NAMING_BY_OPTION = frozenset({"test", "[", "printf"})
_SPECIAL = frozenset({"HISTCMD", "OPTIND", "PS4", "RANDOM", "SRANDOM"})

_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
_ASSIGNS = re.compile(rf"({_NAME})\+?=")
_ASSIGNS_ELEMENT = re.compile(rf"(?:{_NAME})?\[[A-Za-z0-9_$@*+-]*\]\+?=")
_SUBSCRIPTED = re.compile(rf"\{{?{_NAME}\[")
_DESCRIPTOR = re.compile(rf"[0-9]+|\{{{_NAME}\}}")


@dataclass(frozen=True, slots=True)
class HereDocument:
    """A here-document whose body is still to come."""

    delimiter: str
    quoted: bool
    strips_tabs: bool

    def ends_with(self, line: str) -> bool:
        """Whether the line is the one behind the body."""
        return (line.lstrip("\t") if self.strips_tabs else line) == self.delimiter


@dataclass(slots=True)
class Frame:
    """What is known of the list of commands being read: one for the script, one for each substitution."""

    opened: list[str] = field(default_factory=list)  # "(", "array", or the state of a `case`
    pending: list[HereDocument] = field(default_factory=list)
    word_start: int = 0  # of the latest word, in the output
    word_end: int = -1
    name: str = ""  # of the command, quotes removed; empty while a command may begin
    previous: str = ""  # the argument before the present word
    prefixed: bool = False  # behind `command` or its like
    names_function: bool = False
    redirects: Literal["", "file", "descriptor"] = ""  # what the next word is the target of
    evaluates: bool = False  # a declaration with an attribute that gives values a meaning

    @property
    def top(self) -> str:
        """The innermost open construct."""
        return self.opened[-1] if self.opened else ""

    def begin_command(self) -> None:
        """Behind a separator; the words of an array go on with the command around it."""
        if self.top != "array":
            self.name = self.previous = ""
            self.redirects = ""
            self.prefixed = self.names_function = self.evaluates = False

    def forbidding(self, word: str) -> str:
        """The name of the place, if no value can stand behind `word`, the word's text so far; else an empty string."""
        if self.redirects:
            return DESCRIPTOR if self.redirects == "descriptor" else ""
        if self.name == LET:
            return LET
        if self.name in _NAMING or (self.name in _NAMING_BY_OPTION and "-v" in (self.previous, unquoted(word))):
            return VARIABLE_NAME
        if self.name in DECLARING:
            return self._forbidding_declaration(unquoted(word))
        return _forbidding_assignment(word, in_array=self.top == "array")

    def _forbidding_declaration(self, word: str) -> str:
        if self.evaluates or self.name in _ONLY_BASH_DECLARES:
            return DECLARATION
        return _forbidding_assignment(word, in_array=False) if _ASSIGNS.match(word) else VARIABLE_NAME


def _forbidding_assignment(word: str, in_array: bool) -> str:
    if (assigned := _ASSIGNS.match(word)) and assigned[1] in _SPECIAL:
        return SPECIAL_VARIABLE
    subscripted = _SUBSCRIPTED.match(word) or (in_array and word.startswith("["))
    return SUBSCRIPT if subscripted and not _ASSIGNS_ELEMENT.match(word) else ""


def is_assignment(word: str) -> bool:
    """Whether the word, before a command's name, assigns to a variable or an element."""
    return bool(_ASSIGNS.match(word) or _ASSIGNS_ELEMENT.match(word))


def begins_array(word: str) -> bool:
    """Whether a parenthesis that touches the word opens an array."""
    return word.endswith("=") and bool(_ASSIGNS.match(word) or _SUBSCRIPTED.match(word))


def is_descriptor(word: str) -> bool:
    """Whether the word, right before `<` or `>`, belongs to the redirection."""
    return bool(_DESCRIPTOR.fullmatch(word))


def unquoted(word: str) -> str:
    """The word without its quotes, near enough to compare it with names."""
    return re.sub(r"['\"\\]", "", word)
