"""Where the actions of steps lead, and which steps belong to one action alone. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from runtime.graph import DEFAULT, OTHERWISE, Graph, NodeId
from runtime.normalise import STOP
from runtime.written import edges_of

Targets = frozenset[NodeId]


@dataclass(frozen=True, slots=True)
class Ways:
    """By step and action where it leads to, STOP for the end; `back` closes loops. And by step what leads to it."""

    onward: Mapping[NodeId, Mapping[str, Targets]]
    back: Mapping[NodeId, Mapping[str, Targets]]
    arriving: Mapping[NodeId, frozenset[tuple[NodeId, str]]]

    def falls(self, step: NodeId) -> str | None:
        """The action by which a step goes on to the entry below it without naming that."""
        onward, back = self.onward.get(step, {}), self.back.get(step, {})
        if OTHERWISE in onward:
            return OTHERWISE
        return None if DEFAULT in back or STOP in onward.get(DEFAULT, ()) else DEFAULT

    def below(self, step: NodeId) -> Targets:
        """Where it leads if it falls through."""
        return self.onward.get(step, {}).get(self.falls(step) or "", frozenset())

    def named(self, step: NodeId) -> dict[str, Targets]:
        """The actions that `next` has to name, and where they lead."""
        whole = {**self.onward.get(step, {}), **self.back.get(step, {})}
        return {action: targets for action, targets in whole.items() if action != self.falls(step)}

    def of_one_arm(self, router: NodeId, action: str, among: Iterable[NodeId]) -> Targets:
        """The steps that only this action leads to; `among` in an order in which each comes after those before it."""
        found: set[NodeId] = set()
        for step in among:
            leading = self.arriving.get(step)
            if leading and all(source in found or (source, by) == (router, action) for source, by in leading):
                found.add(step)
        return frozenset(found)

    def ends_as(self, steps: Targets, router: NodeId) -> bool:
        """Whether all ways out of some steps lead where the router itself falls through to."""
        below = self.below(router)
        leaving = [frozenset[NodeId]().union(*self.onward.get(step, {}).values()) for step in steps]
        out = frozenset[NodeId]().union(*leaving) - steps - {STOP}
        return out <= below and (not below or all(leaving))


def ways_of(graph: Graph) -> Ways:
    onward: dict[NodeId, dict[str, set[NodeId]]] = {}
    back: dict[NodeId, dict[str, set[NodeId]]] = {}
    arriving: dict[NodeId, set[tuple[NodeId, str]]] = {}
    for edge in edges_of(graph):
        way = back if edge.back else onward
        way.setdefault(edge.source, {}).setdefault(edge.action, set()).add(edge.target)
        if not edge.back:
            arriving.setdefault(edge.target, set()).add((edge.source, edge.action))
    frozen = (
        {step: {action: frozenset(targets) for action, targets in actions.items()} for step, actions in way.items()}
        for way in (onward, back)
    )
    return Ways(next(frozen), next(frozen), {step: frozenset(leading) for step, leading in arriving.items()})
