"""A registry of three small node types, for tests that must not depend on the built-in ones."""

from __future__ import annotations

from typing import Literal

import pytest

from runtime.node_types import Registry, node_type


@node_type("echo")
def echo(text: str, loud: bool = False, form: Literal["plain", "html"] = "plain") -> str:
    """Says a text again."""
    return text.upper() if loud else text


@node_type("total", outputs={"sum": "number", "count": "integer"})
def total(numbers: list[float], labels: dict[str, str] | None = None) -> dict[str, float]:
    """Adds numbers."""
    return {"sum": sum(numbers), "count": len(numbers)}


@node_type("sort_out", outputs={"action": "string"})
def later() -> dict[str, str]:
    """Only chooses what comes next, for which an answer has no words."""
    return {"action": "left"}


@pytest.fixture(scope="session")
def registry() -> Registry:
    return Registry({}).with_types(total, later, echo)
