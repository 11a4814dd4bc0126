"""Why each step waits for what it waits for, and how much faster than one after another that can be. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from runtime.graph import DEFAULT, OTHERWISE, Edge, Graph, NodeId, behind_routing, critical_path, topological
from runtime.issues import JsonValue
from runtime.node_types import Effect, Registry
from runtime.parallelize import Reasons, all_effects, parallelize, reasons_of, step_levels
from runtime.references import references_in

Kind = Literal["uses", "effects", "pause", "routed", "rollback", "block", "through", "nothing"]


@dataclass(frozen=True, slots=True)
class Reason:
    """`text` ends the sentence "it waits, for ..."."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Wait:
    """A step that another comes right behind, and why. `nothing` is the reason of a false wait."""

    step: NodeId
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """`levels`: steps of the longest way; `least`: the same without false waits.

    `sequential` and `parallel` are seconds where durations were given, else counts of steps.
    """

    waits: Mapping[NodeId, tuple[Wait, ...]]
    levels: int
    least: int
    sequential: float
    parallel: float

    @property
    def speedup(self) -> float:
        return self.sequential / self.parallel if self.parallel else 1.0

    def to_json(self) -> dict[str, JsonValue]:
        steps: dict[str, JsonValue] = {
            name: [
                {"step": wait.step, "reasons": [{"kind": why.kind, "text": why.text} for why in wait.reasons]}
                for wait in waits
            ]
            for name, waits in self.waits.items()
        }
        return {
            "waits": steps,
            "levels": self.levels,
            "least_levels": self.least,
            "sequential": self.sequential,
            "parallel": self.parallel,
            "speedup": round(self.speedup, 3),
        }

    def __str__(self) -> str:
        lines = [line for name, waits in self.waits.items() for line in _told(name, waits)]
        total = f"{len(self.waits)} steps, {self.levels} on the longest way: at best {self.speedup:.1f} times as fast"
        fewer = f"; without false waits it has {self.least}" if self.least < self.levels else ""
        return "\n".join([*lines, "", f"{total} as one after another{fewer}"])


def explain(graph: Graph, registry: Registry, durations: Mapping[str, float] | None = None) -> Explanation:
    """Explains a valid graph. `durations`: seconds a step takes; without them every step counts 1. Raises Cycle."""
    steps = [name for name in topological(graph.successors) if graph.is_step(name)]
    leaner = parallelize(graph, registry)
    explainer = _Explainer(graph, registry, steps, reasons_of(graph, registry, steps), leaner.freed)
    weight = {name: (durations or {}).get(name, 0.0) if durations else 1.0 for name in steps}
    longest, _ = critical_path(graph.successors, lambda name: weight.get(name, 0.0))
    waits = {node.id: tuple(explainer.waits_of(node.id)) for node in graph.steps}
    return Explanation(waits, step_levels(graph), leaner.levels_after, sum(weight.values()), longest)


def _told(name: NodeId, waits: tuple[Wait, ...]) -> Iterator[str]:
    if not waits:
        yield f"{name}: starts at once"
        return
    yield f"{name}: waits for"
    for wait in waits:
        yield f"  {wait.step}: {'; '.join(why.text for why in wait.reasons)}"


@dataclass(slots=True)
class _Explainer:
    graph: Graph
    registry: Registry
    steps: list[NodeId]
    reasons: Reasons
    freed: Mapping[NodeId, tuple[NodeId, ...]]
    routed: frozenset[NodeId] = field(init=False)
    bit: Mapping[NodeId, int] = field(init=False)
    leading: dict[NodeId, dict[NodeId, list[Edge]]] = field(init=False)

    def __post_init__(self) -> None:
        self.routed = behind_routing(self.graph)
        self.bit = {name: 1 << at for at, name in enumerate(self.steps)}
        self.leading = {name: {} for name in self.steps}
        for edge in self.graph.between_steps(edge for edge in self.graph.edges if not edge.back):
            self.leading[edge.target].setdefault(edge.source, []).append(edge)

    def waits_of(self, name: NodeId) -> Iterator[Wait]:
        for before, edges in self.leading[name].items():
            reasons = tuple(self.between(before, name, edges))
            yield Wait(before, reasons or (self.without_one(before, name),))

    def between(self, before: NodeId, name: NodeId, edges: list[Edge]) -> Iterator[Reason]:
        bit, why = self.bit[before], self.reasons
        if why.uses[name] & bit:
            yield Reason("uses", f"uses {', '.join(self.references(before, name))}")
        for edge in edges:
            if edge.action == OTHERWISE:
                yield Reason("routed", f"runs when '{before}' ends with an action that its 'next' does not name")
            elif edge.action != DEFAULT:
                yield Reason("routed", f"runs when '{before}' ends with '{edge.action}'")
        if why.meets[name] & bit:
            yield Reason("effects", self.meeting(before, name))
        if why.pauses[name] & bit:
            pausing = self.registry.get(self.graph.nodes[name].type)
            yield Reason("pause", f"'{name if pausing and pausing.pause else before}' is a pause")
        if why.sure[name] & bit:
            yield Reason("rollback", "has effects, and a rollback would have to take them back")
        if why.apart[name] & bit:
            yield Reason("block", "is on the other side of a block that says something")

    def without_one(self, before: NodeId, name: NodeId) -> Reason:
        if before in self.freed.get(name, ()):
            return Reason("nothing", "for nothing: they could run side by side")
        if name in self.routed:
            return Reason("routed", "stands behind a router, where all order stays as it is written")
        return Reason("through", "what it uses waits for that")

    def references(self, before: NodeId, name: NodeId) -> list[str]:
        found = (
            reference.text
            for part in self.graph.nodes[name].parts
            for reference in references_in(part)
            if any(path.head == before for path in reference.paths)
        )
        return list(dict.fromkeys(found))

    def meeting(self, before: NodeId, name: NodeId) -> str:
        """The first two effects that meet."""
        one, other = (all_effects(self.graph.nodes[each], self.registry) for each in (name, before))
        pair = next((mine, its) for mine in one for its in other if mine.meets(its))
        return f"{_deed(pair[0])}, '{before}' {_deed(pair[1])}"


def _deed(effect: Effect) -> str:
    if effect.kind == "anything":
        return "may touch anything"
    place = f"any {effect.kind}" if effect.place is None else f"the {effect.kind} {effect.place}"
    return f"{'writes' if effect.writes else 'reads'} {place}"
