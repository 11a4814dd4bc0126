"""How values reach a subprocess unchanged: as environment and arguments, or, too long for those, by a private file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from runtime.node_types import NodeFailed
from runtime.shell_words import file_prelude

LONGEST = 100 * 1024  # bytes of one variable; Linux allows 128 KiB, the name with it
MOST = 512 * 1024  # bytes of all variables of a step together

OWN_VARIABLE = re.compile(r"PLAIT_[0-9]+")  # what a reference in a command becomes
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Call:
    """What a process is started with: variables beside, and `without` some of, those it inherits; `folder` it reads."""

    argv: Sequence[bytes]
    variables: Mapping[bytes, bytes]
    without: tuple[bytes, ...] = ()
    folder: str | None = None


def call_of(what: str | Sequence[str], env: Mapping[str, str]) -> AbstractContextManager[Call]:
    """A command for the shell, or a program with its arguments. What cannot travel fails: `value_not_passable`."""
    return _call_of_command(what, env) if isinstance(what, str) else _call_of_argv(what, env)


@contextmanager
def _call_of_argv(argv: Sequence[str], env: Mapping[str, str]) -> Iterator[Call]:
    words = [encoded(word, f"argv[{index}]") for index, word in enumerate(argv)]
    variables = _encoded_env(env)
    named = {**{f"argv[{index}]": word for index, word in enumerate(words)}, **variables}
    for name, value in named.items():
        if len(value) > LONGEST:
            raise _impassable(f"{name} is longer than {LONGEST} bytes; give it by 'stdin', or use 'command'")
    yield Call(words, _as_bytes(variables))


@contextmanager
def _call_of_command(command: str, env: Mapping[str, str]) -> Iterator[Call]:
    """A script for the shell. What is too long for the environment it reads from files, which vanish afterwards."""
    variables = _encoded_env(env)
    long = _too_long(variables)
    if not long:
        yield Call([b"/bin/sh", b"-c", encoded(command, "command")], _as_bytes(variables))
        return
    with TemporaryDirectory(prefix="plait-") as folder:  # made for its owner alone
        prelude = file_prelude({name: _put_aside(Path(folder), name, variables.pop(name)) for name in long})
        script = encoded(prelude + command, "command")
        yield Call([b"/bin/sh", b"-c", script], _as_bytes(variables), tuple(map(os.fsencode, long)), folder)


def encoded(value: str, name: str, *, nul: bool = False) -> bytes:
    """The bytes of a value, NodeFailed if they cannot be passed; `nul`: whether NUL can."""
    try:
        data = value.encode()
    except UnicodeEncodeError:
        raise _impassable(f"{name} holds a lone surrogate, which is no character") from None
    if b"\0" in data and not nul:
        raise _impassable(f"{name} holds a NUL character; give the value by 'stdin' or a file")
    return data


def _encoded_env(env: Mapping[str, str]) -> dict[str, bytes]:
    for name in env:
        if not name or "=" in name:
            raise _impassable(f"'{name}' is no name for an environment variable")
        encoded(name, "a name in env")
    return {name: encoded(value, name) for name, value in env.items()}


def _as_bytes(variables: Mapping[str, bytes]) -> dict[bytes, bytes]:
    return {name.encode(): value for name, value in variables.items()}


def _too_long(variables: Mapping[str, bytes]) -> list[str]:
    """The names of the values that need a file: each long one, and of the references' so many that the rest fits."""
    long = [name for name, value in variables.items() if len(value) > LONGEST]
    if odd := [name for name in long if not _VARIABLE.fullmatch(name)]:
        raise _impassable(f"{odd[0]} is longer than {LONGEST} bytes, and its name is none for a shell variable")
    rest = sum(len(value) for name, value in variables.items() if name not in long)
    short = [name for name in variables if OWN_VARIABLE.fullmatch(name) and name not in long]
    for name in sorted(short, key=lambda name: -len(variables[name])):
        if rest <= MOST:
            break
        long.append(name)
        rest -= len(variables[name])
    return long


def _put_aside(folder: Path, name: str, value: bytes) -> str:
    path = folder / name
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(value)
    return str(path)


def _impassable(message: str) -> NodeFailed:
    return NodeFailed("value_not_passable", message)
