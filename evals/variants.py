"""The ways of planning that an eval can compare, as values with names. A variant says how to ask; it asks nobody."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from planner import Budget, Policy, Prompts, read_prompts, read_request, render_messages
from runtime import Registry


@dataclass(frozen=True, slots=True)
class Variant:
    """`plain`: one short prompt, and of the planner only the budget's `answer_tokens`; `prompts` are of the planner.

    `recorded_as` names the variant whose cassettes answer: ways that begin with the same question share its answer.
    """

    name: str
    about: str
    policy: Policy = field(default_factory=Policy)
    budget: Budget = field(default_factory=Budget)
    plain: bool = False
    recorded_as: str = "shipped"
    prompts: Prompts = field(default_factory=Prompts, repr=False)  # what a folder holds counts, not where it is


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


def of_prompts(directory: Path) -> Variant:
    """As shipped, with the templates and examples of a directory: named after it, with recordings of its own.

    Raises InvalidRequest for a directory that is none, or replaces nothing, or whose prompt cannot be rendered.
    """
    name, prompts = directory.resolve().name, read_prompts(directory)
    render_messages(read_request("a request"), Registry({}), prompts=prompts)
    return Variant(name, f"as shipped, with the prompts of {name}", recorded_as=name, prompts=prompts)
