"""The ways of planning that an eval can compare, as values with names. A variant says how to ask; it asks nobody."""

from __future__ import annotations

from dataclasses import dataclass, field

from planner import Budget, Policy


@dataclass(frozen=True, slots=True)
class Variant:
    """`plain`: one short prompt, and of the planner only the budget's `answer_tokens`.

    `recorded_as` names the variant whose cassettes answer: ways that begin with the same question share its answer.
    """

    name: str
    about: str
    policy: Policy = field(default_factory=Policy)
    budget: Budget = field(default_factory=Budget)
    plain: bool = False
    recorded_as: str = "shipped"


SHIPPED = Variant("shipped", "as `plait plan` does")
VARIANTS = {
    each.name: each
    for each in (
        SHIPPED,
        Variant("no-parallelize", "as shipped, false waits left in", Policy(parallelize=False)),
        Variant("one-look", "as shipped, without a second look at what is left out", Policy(second_looks=0)),
        Variant("fresh-look", "as shipped, the second look a fresh prompt", Policy(completing="fresh")),
        Variant("fresh", "every repair is a fresh prompt with the reasons", Policy(strategies=("fresh",))),
        Variant("conversation", "every repair goes on with the refused answer", Policy(strategies=("conversation",))),
        Variant(
            "plain",
            "one short prompt and one answer: no examples, no constrained answer, no repairs",
            plain=True,
            recorded_as="plain",
        ),
    )
}
