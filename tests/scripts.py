"""What the world does to a workflow, attempt by attempt: the part of a run that no language determines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

UNTOUCHED = "value_not_passable"  # the code of a failure before any effect


class Try(NamedTuple):
    """What one attempt does, left alone or cancelled. `code` is that of its failure, None if it works."""

    seconds: float
    action: str = "default"
    code: str | None = None
    drain: float = 0.0
    answer: Literal["yields", "finishes", "fails"] = "yields"


class Undoing(NamedTuple):
    """What the undo of one visit does."""

    seconds: float
    fails: bool = False


@dataclass(frozen=True, slots=True)
class Script:
    """What happens outside the workflow: by node, visit and attempt; the undos by node and how many came before."""

    attempt: Callable[[str, int, int], Try]
    undo: Callable[[str, int], Undoing]
    cancelled_at: float | None = None
