"""What the world does to a workflow, attempt by attempt: the part of a run that no language determines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from runtime.graph import Node

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


class End(NamedTuple):
    """How and when a visit ends, if nothing comes between."""

    at: float
    status: Literal["succeeded", "failed", "cancelled"]
    action: str = "default"
    code: str | None = None


class Stretch(NamedTuple):
    """A part of a visit: an attempt, which from `late` on is being ended by its timeout, or a pause (None)."""

    until: float
    attempt: Try | None
    late: float


def future(script: Script, node: Node, visit: int, now: float) -> tuple[list[Stretch], End]:
    """The attempts of a visit that starts now, with the pauses between them."""
    stretches, at, number = list[Stretch](), now, 1
    while True:
        does = script.attempt(node.id, visit, number)
        end = End(at + does.seconds, "failed" if does.code else "succeeded", does.action, does.code)
        late = end.at
        if node.timeout is not None and does.seconds > node.timeout:
            late = at + node.timeout
            end = answer(does, late, End(late + does.drain, "failed", code="timeout"))
        stretches.append(Stretch(end.at, does, late))
        if node.retry is None or number == node.retry.max_attempts or end.code not in (node.retry.on or ()):
            return stretches, end
        at = end.at + node.retry.wait
        stretches.append(Stretch(at, None, at))
        number += 1


def cut_short(stretches: list[Stretch], now: float) -> End:
    """How a visit that is cancelled now ends."""
    stretch = next(each for each in stretches if each.until > now)
    if stretch.attempt is None:
        return End(now, "cancelled")
    if now > stretch.late:
        return answer(stretch.attempt, stretch.late, End(stretch.until, "cancelled"))
    return answer(stretch.attempt, now, End(now + stretch.attempt.drain, "cancelled"))


def answer(does: Try, since: float, yielding: End) -> End:
    """What an attempt makes of being ended since some moment."""
    match does.answer:
        case "yields":
            return yielding
        case "finishes":
            return End(since + does.drain, "succeeded", does.action)
        case "fails":
            return End(since + does.drain, "failed", code="stubborn")
