"""The ways of planning that an eval can compare, as values with names. A variant says how to ask; it asks nobody."""

from __future__ import annotations

from dataclasses import dataclass, field

from planner import Budget, Policy


@dataclass(frozen=True, slots=True)
class Variant:
    """`plain` is one short prompt and nothing of the planner.

    `recorded_as` names the variant whose cassettes answer: ways that ask the same questions share their answers.
    """

    name: str
    about: str
    policy: Policy = field(default_factory=Policy)
    budget: Budget = field(default_factory=Budget)
    plain: bool = False
    recorded_as: str = "shipped"


SHIPPED = Variant("shipped", "as `plait plan` plans")
FRESH = Variant("fresh", "every repair is a fresh prompt with the reasons", Policy(strategies=("fresh",)))
CONVERSATION = Variant(
    "conversation", "every repair goes on with the refused answer", Policy(strategies=("conversation",))
)
PLAIN = Variant(
    "plain",
    "one short prompt and one answer: no examples, no constrained answer, no repairs",
    budget=Budget(attempts=1),
    plain=True,
    recorded_as="plain",
)
VARIANTS = {each.name: each for each in (SHIPPED, FRESH, CONVERSATION, PLAIN)}
