"""The port to name resolution: which addresses a name has right now. The system's, and a double that tells stories."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from runtime.addresses import Address, read_address


class Resolver(Protocol):
    """Answers with every address of a name, at least one. Raises OSError."""

    async def addresses(self, name: str, port: int) -> Sequence[Address]: ...


class SystemResolver:
    """What this machine says of a name."""

    async def addresses(self, name: str, port: int) -> Sequence[Address]:
        found = await asyncio.get_running_loop().getaddrinfo(name, port, type=socket.SOCK_STREAM)
        return _addresses([str(each[4][0]) for each in found], name)


@dataclass(slots=True)
class ScriptedResolver:
    """The double: for each name its answers in turn, the last for ever. Two answers are a name that rebinds."""

    answers: Mapping[str, Sequence[Sequence[str]]]
    asked: list[str] = field(default_factory=list)

    async def addresses(self, name: str, port: int) -> Sequence[Address]:
        before = self.asked.count(name)
        self.asked.append(name)
        answers = self.answers.get(name, ())
        return _addresses(answers[min(before, len(answers) - 1)] if answers else (), name)


def _addresses(spelled: Sequence[str], name: str) -> Sequence[Address]:
    read = [read_address(each) for each in spelled]
    if known := list(dict.fromkeys(each for each in read if each is not None)):
        return known
    raise socket.gaierror(socket.EAI_NONAME, f"no address is known for '{name}'")
