"""What planning raises beyond CompletionError, which passes through unchanged.

PlaitError
├── InvalidRequest   the request or its inputs cannot be planned at all     exit 2
└── NotAccepted      no workflow was accepted within the budget             exit 5
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from planner.attempt import Attempt, best_of
from runtime.issues import PlaitError


class InvalidRequest(PlaitError):
    """The request was not sent to any model. The message is one sentence."""

    exit_code: ClassVar[int] = 2


class NotAccepted(PlaitError):
    """Every answer was refused. `best` is the attempt nearest to a workflow; the message says what is wrong with it."""

    exit_code: ClassVar[int] = 5

    def __init__(self, reason: str, attempts: Sequence[Attempt]) -> None:
        self.reason, self.attempts = reason, tuple(attempts)
        self.best = best_of(self.attempts)
        self.issues = self.best.issues if self.best else ()
        super().__init__("\n".join([f"no workflow was accepted: {reason}", *(f"  {each}" for each in self.issues)]))
