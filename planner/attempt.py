"""One answer of a model and what became of it, as a value. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from runtime.completion import FinishReason, Usage
from runtime.issues import Issue, JsonValue, errors_of

Strategy = Literal["fresh", "conversation"]
"""`fresh`: the request anew with the reasons, without the refused answer. `conversation`: that answer, then reasons."""

_SYNTAX = frozenset({"json_syntax", "document_limits"})
_SHAPE = frozenset({"schema", "empty_block", "nesting_limit"})
LACKING = frozenset({"left_out", "read_for_nobody"})  # warnings that are worth a second look


@dataclass(frozen=True, slots=True)
class Attempt:
    """`candidate` is the JSON value read from `text`, mended locally as `notes` say; None if there is none in it.
    `written` is the same before it was freed of false waits: what the model is shown when it is asked again.

    `strategy` is how it was asked for after the first time. `cost_usd` None means unknown. `seconds` is the model's
    time.
    """

    number: int
    text: str
    candidate: JsonValue = None
    issues: tuple[Issue, ...] = ()
    notes: tuple[str, ...] = ()
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    seconds: float = 0.0
    finish_reason: FinishReason = "stop"
    model: str = ""
    written: JsonValue = None
    strategy: Strategy | None = None

    @property
    def accepted(self) -> bool:
        """Whether only warnings are left."""
        return not errors_of(self.issues)

    @property
    def lacks(self) -> tuple[Issue, ...]:
        """What an accepted workflow should have and has not: what the request names, a step that takes what is read."""
        return tuple(issue for issue in self.issues if issue.code in LACKING)

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "number": self.number,
            "strategy": self.strategy,
            "issues": [issue.to_json() for issue in self.issues],
            "notes": list(self.notes),
            "usage": self.usage.to_json(),
            "cost_usd": self.cost_usd,
            "seconds": self.seconds,
            "finish_reason": self.finish_reason,
        }


def phase_of(issue: Issue) -> int:
    """The phase of checking that found an issue; an unknown key hides nothing of phase 3 and counts to it."""
    return 1 if issue.code in _SYNTAX else 2 if issue.code in _SHAPE else 3


def best_of(attempts: Sequence[Attempt]) -> Attempt | None:
    """The attempt nearest to a workflow: it failed in the latest phase, with the fewest errors; of equals the last."""
    return max(reversed(attempts), key=_nearness, default=None)


def _nearness(attempt: Attempt) -> tuple[int, int]:
    errors = errors_of(attempt.issues)
    return min(map(phase_of, errors), default=4), -len(errors)


def total_usage(attempts: Iterable[Attempt]) -> Usage:
    return sum((attempt.usage for attempt in attempts), Usage())


def total_cost(attempts: Iterable[Attempt]) -> float | None:
    """In US dollars; unknown as soon as one attempt's cost is."""
    total = 0.0
    for attempt in attempts:
        if attempt.cost_usd is None:
            return None
        total += attempt.cost_usd
    return total
