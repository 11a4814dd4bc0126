"""Which steps are certain to have run when another one does, whatever the routers decide. Pure.

A step that only some arms lead to is conditional. Whether another step's run implies it is answered by trying every
combination of the decisions that bear on the two.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import islice, product

from runtime.graph import DEFAULT, Edge, Graph, NodeId, ancestors, topological

MAX_WORLDS = 4_096  # beyond so many combinations a conditional step counts as uncertain


class Certainty:
    """Answers for one graph, which must have no cycle but its loops."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph

    def runs_whenever(self, step: NodeId, other: NodeId) -> bool:
        """Whether `step` has run in every world in which `other` runs."""
        if step not in self._conditional:
            return True
        near = ancestors(other, self._graph.predecessors) | ancestors(step, self._graph.predecessors)
        near |= {step, other}
        worlds = list(islice(self._worlds(near), MAX_WORLDS + 1))
        if len(worlds) > MAX_WORLDS:
            return False
        return all(step in ran for ran in (self._runs(near, world) for world in worlds) if other in ran)

    @cached_property
    def _choices(self) -> Mapping[NodeId, tuple[str, ...]]:
        """Each router with the actions by which it can be left forwards."""
        found: dict[NodeId, dict[str, None]] = {}
        for edge in self._graph.edges:
            if not edge.back:
                found.setdefault(edge.source, {})[edge.action] = None
        return {node: tuple(actions) for node, actions in found.items() if set(actions) != {DEFAULT}}

    @cached_property
    def _conditional(self) -> set[NodeId]:
        """The nodes that some decision may pass by: all that comes after a router."""
        found: set[NodeId] = set()
        for node in self._order:
            before = self._graph.predecessors[node]
            if any(each in found or each in self._choices for each in before):
                found.add(node)
        return found

    @cached_property
    def _order(self) -> list[NodeId]:
        return topological(self._graph.successors)

    @cached_property
    def _arriving(self) -> Mapping[NodeId, list[Edge]]:
        found: dict[NodeId, list[Edge]] = {}
        for edge in self._graph.edges:
            if not edge.back:
                found.setdefault(edge.target, []).append(edge)
        return found

    def _worlds(self, near: set[NodeId]) -> Iterator[Mapping[NodeId, str]]:
        """Every combination of decisions of the routers nearby; an unnamed action is one more choice."""
        routers = [node for node in self._choices if node in near]
        options = [tuple(dict.fromkeys((*self._choices[node], DEFAULT))) for node in routers]
        for chosen in product(*options):
            yield dict(zip(routers, chosen, strict=True))

    def _runs(self, near: set[NodeId], world: Mapping[NodeId, str]) -> set[NodeId]:
        """The nodes nearby that run in a world."""
        ran: set[NodeId] = set()
        for node in self._order:
            if node in near:
                arriving = self._arriving.get(node, [])
                if not arriving or any(e.source in ran and world.get(e.source, DEFAULT) == e.action for e in arriving):
                    ran.add(node)
        return ran
