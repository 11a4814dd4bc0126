"""Where the value of `${secret.NAME}` comes from: the environment, a `.env` file here, then whatever is installed.

A source is a function from a name to its value, or None. Those of others come through the entry points
`plait.secret_sources`, as the ones here do; an entry point's name says its turn after the first two.
"""

from __future__ import annotations

import os
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

from runtime.secret_values import SecretSource

GROUP = "plait.secret_sources"
FIRST = ("environment", "dotenv")
SERVICE = "plait"  # under which the system's keyring keeps them


def installed_secrets() -> SecretSource:
    """All sources as one: the first that knows a name gives its value."""

    def value_of(name: str) -> str | None:
        answers = (point.load()(name) for point in _in_turn())
        return next((answer for answer in answers if answer is not None), None)

    return value_of


@cache
def _in_turn() -> tuple[EntryPoint, ...]:
    """The sources, each imported when a name gets as far as it."""

    def turn(point: EntryPoint) -> tuple[int, str]:
        return FIRST.index(point.name) if point.name in FIRST else len(FIRST), point.name

    return tuple(sorted(entry_points(group=GROUP), key=turn))


def environment(name: str) -> str | None:
    return os.environ.get(name)


def dotenv(name: str) -> str | None:
    """From the `.env` of the working directory; nothing in it is expanded, and no folder above is looked into."""
    from dotenv import dotenv_values  # noqa: PLC0415  # most workflows have no secrets

    return dotenv_values(Path(".env"), interpolate=False).get(name)


def keyring(name: str) -> str | None:
    """From the system's keyring, under the service `plait`; nothing where that is not installed or locked."""
    try:
        import keyring as system  # noqa: PLC0415  # an extra, and slow to look for its backend
        from keyring.errors import KeyringError  # noqa: PLC0415  # as above
    except ModuleNotFoundError:
        return None
    try:
        value = system.get_password(SERVICE, name)
    except KeyringError:
        return None
    return None if value is None else str(value)
