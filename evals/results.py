"""What an eval found, as values and as a file: one outcome for each case and epoch, and the report of all of them.

Two outcomes of the same recordings differ in `seconds` alone; `Report.without_timings` leaves those out. A results
file is JSON Lines, a header and then outcomes; it only ever grows, so an interrupted eval goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, JsonValue

Score = bool | float | str
"""An assertion, a number, or a label."""

Status = Literal["accepted", "not_accepted", "error"]
"""`error`: the case could not be judged (a model that is down, a missing recording); neither passed nor failed."""


NO_CONDITION = frozenset({"valid_first", "repaired"})
"""Assertions that fail no case: a first answer may be refused; that it was not repaired is what `valid` says."""


class Key(NamedTuple):
    """What one outcome is of. Outcomes of two reports are paired by `case` and `epoch`."""

    suite: str
    case: str
    epoch: int
    model: str
    variant: str


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tokens(Strict):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


class Tried(Strict):
    """One attempt: what was answered as JSON, its issues, what was mended locally, what it took.

    `candidate` None: no JSON was in it. `cost_usd` None: unknown.
    """

    number: int
    candidate: JsonValue = None
    issues: tuple[dict[str, JsonValue], ...] = ()
    notes: tuple[str, ...] = ()
    strategy: str | None = None
    usage: Tokens = Tokens()
    cost_usd: float | None = None
    seconds: float = 0.0


class Outcome(Strict):
    """How one case went in one epoch.

    `workflow` is the accepted one, else the best candidate. `gold` is the graph of a perfect answer as the suite has it
    (`nodes`, `edges`), for a reader to compare. `run` is the record of executing it, where the case asks
    for that. `scores` by the scorer's name; `why` says of a score that is not perfect what is missing, in words.
    `seconds` are the model's as they were recorded, `wall_seconds` those of this evaluation. `made_with`: versions and
    hashes of what shaped it (model, parameters, templates, node types, language, plait's code); nothing where it could
    not be judged.
    """

    suite: str
    case: str
    epoch: int = 1
    model: str
    variant: str = "shipped"
    status: Status
    request: str
    workflow: JsonValue = None
    gold: JsonValue = None
    attempts: tuple[Tried, ...] = ()
    run: JsonValue = None
    scores: Mapping[str, Score] = {}
    why: Mapping[str, str] = {}
    error: str | None = None
    usage: Tokens = Tokens()
    cost_usd: float | None = None
    seconds: float = 0.0
    wall_seconds: float = 0.0
    made_with: Mapping[str, str] = {}

    @property
    def key(self) -> Key:
        return Key(self.suite, self.case, self.epoch, self.model, self.variant)

    @property
    def passed(self) -> bool | None:
        """Whether the case was met: accepted, and nothing is broken. None: it could not be judged."""
        if self.status == "error":
            return None
        return self.status == "accepted" and not self.broken

    @property
    def broken(self) -> tuple[str, ...]:
        """The assertions that are false and fail the case."""
        return tuple(name for name, value in self.scores.items() if value is False and name not in NO_CONDITION)


def made_alike(outcomes: Iterable[Outcome]) -> dict[str, str]:
    """What all outcomes that say what they were made with have in common of it."""
    said = [set(each.made_with.items()) for each in outcomes if each.made_with]
    return dict(sorted(set.intersection(*said))) if said else {}


class Report(Strict):
    """Everything an eval found. `made_with` is what its outcomes have in common of theirs."""

    report: Literal[1] = 1
    made_with: Mapping[str, str] = {}
    outcomes: tuple[Outcome, ...] = ()

    @classmethod
    def of(cls, outcomes: Iterable[Outcome]) -> Report:
        """A report in the one order that does not depend on who finished first."""
        inorder = tuple(sorted(outcomes, key=lambda each: each.key))
        return cls(made_with=made_alike(inorder), outcomes=inorder)

    def without_timings(self) -> Report:
        """The same to the byte, however fast it went."""
        timeless = (
            each.model_copy(
                update={
                    "seconds": 0.0,
                    "wall_seconds": 0.0,
                    "scores": {name: value for name, value in each.scores.items() if name != "seconds"},
                    "attempts": tuple(tried.model_copy(update={"seconds": 0.0}) for tried in each.attempts),
                }
            )
            for each in self.outcomes
        )
        return self.model_copy(update={"outcomes": tuple(timeless)})
