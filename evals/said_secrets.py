"""What a request and its answer say under names that sound like those of a secret. Pure."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Iterator

_NAME = re.compile(r"auth|key|token|secret|password|cookie|organization|project|account|session", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s;,]+")


def secrets_said(said: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The parts of such headers or query values, by name: a token without its scheme, a cookie without its name."""
    found: dict[str, str] = {}
    for name, value in said:
        for part in _parts(value) if _NAME.search(name) else ():
            found.setdefault(part, name.lower())
    return {f"{name}, part {at}": part for at, (part, name) in enumerate(found.items(), 1)}


def _parts(value: str) -> Iterator[str]:
    for part in _BETWEEN.split(value):
        yield part
        _, equals, rest = part.partition("=")
        if equals:
            yield rest
    scheme, _, credentials = value.partition(" ")
    if scheme.lower() == "basic":
        yield from _user_and_password(credentials)


def _user_and_password(credentials: str) -> Iterator[str]:
    try:
        whole = b64decode(credentials, validate=True).decode()
    except ValueError:
        return
    yield whole
    yield whole.partition(":")[2]
