"""A graph's order as steps one after another and branches side by side, as far as it can be said so. Pure.

Substitution decomposition of the order (Gallai 1967): parts that are all comparable stand in series, parts that are all
incomparable side by side; what is neither, such as an N, is one group that explicit edges tie together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from runtime.graph import Graph, NodeId, generations, marked_before


@dataclass(frozen=True, slots=True)
class Group:
    """Branches side by side, and the steps of them that none of the group comes after."""

    branches: tuple[Series, ...]
    ends: frozenset[NodeId]


Part: TypeAlias = NodeId | Group
Series: TypeAlias = tuple[Part, ...]
Bits: TypeAlias = int  # a set of steps; bit i stands for the i-th step of the document


def nested(graph: Graph) -> Series:
    """The steps of a graph in series and side by side. In a group with edges inside, every branch is one step.

    Raises Cycle.
    """
    order = _Order(graph)
    return tuple(order.series((1 << len(order.steps)) - 1))


class _Order:
    def __init__(self, graph: Graph) -> None:
        self.steps = [node.id for node in graph.steps]
        before = marked_before(graph.successors, self.steps)
        after = marked_before(graph.predecessors, self.steps)
        self.before = [before[step] for step in self.steps]
        self.after = [after[step] for step in self.steps]
        self.level = {node: at for at, nodes in enumerate(generations(graph.successors)) for node in nodes}

    def series(self, members: Bits) -> Iterator[Part]:
        parts = _components(members, lambda at: ~(self.before[at] | self.after[at]))
        if len(parts) == 1:
            yield from self.indivisible(members)
            return
        for part in sorted(parts, key=lambda part: (self.before[_first(part)] & members & ~part).bit_count()):
            yield from self.series(part)

    def indivisible(self, members: Bits) -> Iterator[Part]:
        """One step, or one group."""
        if members.bit_count() == 1:
            yield self.steps[_first(members)]
            return
        branches = _components(members, lambda at: self.before[at] | self.after[at])
        ends = frozenset(self.steps[at] for at in _each(members) if not self.after[at] & members)
        if len(branches) > 1:
            yield Group(tuple(tuple(self.series(branch)) for branch in branches), ends)
        else:
            tied = sorted((self.steps[at] for at in _each(members)), key=self.level.__getitem__)
            yield Group(tuple((step,) for step in tied), ends)


def _components(members: Bits, linked: Callable[[int], Bits]) -> list[Bits]:
    """The connected parts of the members, the one with the first member first."""
    parts = list[Bits]()
    while members:
        part = fresh = members & -members
        while fresh:
            at = _first(fresh)
            new = linked(at) & members & ~part
            part, fresh = part | new, (fresh ^ 1 << at) | new
        parts.append(part)
        members &= ~part
    return parts


def _first(members: Bits) -> int:
    return (members & -members).bit_length() - 1


def _each(members: Bits) -> Iterator[int]:
    while members:
        yield (at := _first(members))
        members ^= 1 << at
