"""References in a shell command travel as variables: the script is rewritten so that no value is ever part of its text.

Kept: whatever the value, it arrives byte for byte where the reference stands and nothing of it is executed, under dash
and bash. Not kept, because it is a program that does it: what `eval`, `sh -c`, `trap`, `.` and the like make of their
arguments, what `printf`, `test` and `[` make of a first argument that is an option, a reference that stands as the
command's own name (it is one word: the program to run), and variables that the shell itself expands (`PS4`, `ENV`) or
aliases that change how the rest is read.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Generic, TypeVar

from runtime import shell_places as places
from runtime.shell_quotes import Hole, Item
from runtime.shell_syntax import fill

Ref = TypeVar("Ref")


@dataclass(frozen=True, slots=True)
class Problem(Generic[Ref]):
    """A reference at a place where no value can be passed: `where` names the place, `hint` the way out."""

    ref: Ref
    where: str
    hint: str


@dataclass(frozen=True, slots=True)
class Rewritten(Generic[Ref]):
    """A script for `sh -c` and what its variables stand for. With problems there is no script: it is empty."""

    script: str
    values: dict[str, Ref]
    problems: tuple[Problem[Ref], ...]


def rewrite_command(parts: Sequence[str | Ref]) -> Rewritten[Ref]:
    """Puts the expansion of a variable, quoted for its place, where each part that is no text stands.

    The variables are PLAIT_1, PLAIT_2, … in the order of the references, without names that the script itself uses.
    """
    items, values = _with_holes(parts)
    if not values:
        return Rewritten("".join(part for part in parts if isinstance(part, str)), {}, ())
    script, refused = fill(items)
    problems = tuple(Problem(values[name], refused[name], _hint(refused[name])) for name in values if name in refused)
    return Rewritten("", {}, problems) if problems else Rewritten(script, values, ())


def file_prelude(names_to_paths: Mapping[str, str]) -> str:
    """The beginning of a script that reads each file into its variable, byte for byte; exit 125 if one cannot be read.

    A full stop guards the newlines at the end, which a substitution would drop. A file must not hold NUL.
    """
    return "".join(_read_into(name, path) for name, path in names_to_paths.items())


def _read_into(name: str, path: str) -> str:
    reading = f"$(command -p cat < {shlex.quote(path)} && printf .)"
    return f"{name}={reading} || exit 125; {name}=${{{name}%.}}\n"


def _with_holes(parts: Sequence[str | Ref]) -> tuple[list[Item], dict[str, Ref]]:
    script = "".join(part for part in parts if isinstance(part, str)).replace("\\\n", "")
    used = set(re.findall(r"PLAIT_[0-9]+", script))
    free = (name for number in count(1) if (name := f"PLAIT_{number}") not in used)
    items: list[Item] = []
    values: dict[str, Ref] = {}
    for part in parts:
        if isinstance(part, str):
            items.extend(part)
        else:
            name = next(free)
            values[name] = part
            items.append(Hole(name))
    return items, values


_BY_ENV = 'give it to the step in params.env, {"VALUE": "${…}"}, and write "$VALUE" in the command'
_HINTS = {
    places.HERE_DOCUMENT: "give the text to the step in params.stdin, or " + _BY_ENV,
    places.UNTERMINATED: "close the quote",
    places.DELIMITER: "write the delimiter as it is",
    **dict.fromkeys(
        (places.ARITHMETIC, places.ARITHMETIC_COMMAND, places.LET, places.SUBSCRIPT, places.INTEGERS),
        _BY_ENV + ", after a check that it is a number: a shell evaluates what stands here",
    ),
    places.DESCRIPTOR: "write > file 2>&1",
    places.DECLARATION: "assign first, NAME=${…}, and declare behind it",
    places.BRACKETS: "use [ ] or case, or " + _BY_ENV,
}


def _hint(where: str) -> str:
    return _HINTS.get(where, _BY_ENV)
