"""Which steps are certain to have run when another one does, whatever the routers decide. Pure.

The condition under which a step runs is a decision diagram over the routers before it, reduced as it is built (Bryant
1986, with one branch for each action), so that what every way leads to again has the condition it had before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from runtime.graph import DEFAULT, OTHERWISE, Edge, Graph, NodeId, topological

MAX_ROUTERS, MAX_DECISIONS = 400, 50_000  # beyond them nothing is called uncertain: the run itself copes with nulls

NEVER, ALWAYS = 0, 1


class _Diagram:
    """Conditions as numbers, equal ones as equal numbers. A decision: a router's rank and a branch for each action."""

    def __init__(self) -> None:
        self._decisions: list[tuple[int, tuple[int, ...]]] = [(MAX_ROUTERS, ()), (MAX_ROUTERS, ())]
        self._known: dict[tuple[int, tuple[int, ...]], int] = {}

    def __len__(self) -> int:
        return len(self._decisions)

    def decide(self, rank: int, branches: tuple[int, ...]) -> int:
        if len(set(branches)) == 1:
            return branches[0]
        decision = (rank, branches)
        if decision not in self._known:
            self._known[decision] = len(self._decisions)
            self._decisions.append(decision)
        return self._known[decision]

    def either(self, one: int, other: int) -> int:
        return self._combine(lambda a, b: ALWAYS if ALWAYS in (a, b) else None, {}, one, other)

    def both(self, one: int, other: int) -> int:
        return self._combine(lambda a, b: NEVER if NEVER in (a, b) else None, {}, one, other)

    def implies(self, one: int, other: int) -> bool:
        return self.both(one, other) == one

    def _combine(
        self, settle: Callable[[int, int], int | None], done: dict[tuple[int, int], int], one: int, other: int
    ) -> int:
        """Both diagrams walked at once; `settle` knows the outcome where one side decides it alone."""
        settled = settle(one, other)
        if settled is not None:
            return settled
        if one == other or other <= ALWAYS:
            return one
        if one <= ALWAYS:
            return other
        if (one, other) not in done:
            rank = min(self._decisions[one][0], self._decisions[other][0])
            pairs = zip(*(self._branches(each, rank, (one, other)) for each in (one, other)), strict=True)
            done[one, other] = self.decide(rank, tuple(self._combine(settle, done, *pair) for pair in pairs))
        return done[one, other]

    def _branches(self, condition: int, rank: int, pair: tuple[int, int]) -> tuple[int, ...]:
        own, branches = self._decisions[condition]
        if own == rank:
            return branches
        width = max(len(self._decisions[each][1]) for each in pair if self._decisions[each][0] == rank)
        return (condition,) * width


class Certainty:
    """Answers for one graph, which must have no cycle but its loops."""

    def __init__(self, graph: Graph) -> None:
        self._diagram = _Diagram()
        self._conditions = self._conditions_of(graph)

    def runs_whenever(self, step: NodeId, other: NodeId) -> bool:
        """Whether `step` has run in every case in which `other` runs."""
        conditions = self._conditions
        return conditions is None or self._diagram.implies(conditions[other], conditions[step])

    def _conditions_of(self, graph: Graph) -> Mapping[NodeId, int] | None:
        """Each node's condition; None where all are certain, or there are too many decisions to say."""
        choices = _choices(graph)
        passed_over = any(edge.action == OTHERWISE for edge in graph.edges)
        if not (choices or passed_over) or len(choices) > MAX_ROUTERS:
            return None
        order = topological(graph.successors)
        rank = {node: at for at, node in enumerate(node for node in order if node in choices)}
        arriving: dict[NodeId, list[Edge]] = {}
        for edge in graph.edges:
            if not edge.back:
                arriving.setdefault(edge.target, []).append(edge)
        found: dict[NodeId, int] = {}
        for node in order:
            condition = NEVER if node in arriving else ALWAYS
            for edge in arriving.get(node, ()):
                taken = self._taken(edge, rank, choices)
                condition = self._diagram.either(condition, self._diagram.both(found[edge.source], taken))
            found[node] = condition
            if len(self._diagram) > MAX_DECISIONS:
                return None
        return found

    def _taken(self, edge: Edge, rank: Mapping[NodeId, int], choices: Mapping[NodeId, tuple[str, ...]]) -> int:
        """The condition that the source, having run, ends with the edge's action; of the named ones, that is."""
        if edge.action == OTHERWISE:
            return NEVER
        actions = choices.get(edge.source)
        if actions is None:
            return ALWAYS
        branches = tuple(ALWAYS if action == edge.action else NEVER for action in actions)
        return self._diagram.decide(rank[edge.source], branches)


def _choices(graph: Graph) -> Mapping[NodeId, tuple[str, ...]]:
    """Each router with the actions by which it may be left; any that is not named counts as `default`."""
    found: dict[NodeId, dict[str, None]] = {}
    for edge in graph.edges:
        if not edge.back and edge.action != OTHERWISE:
            found.setdefault(edge.source, {DEFAULT: None})[edge.action] = None
    return {node: tuple(actions) for node, actions in found.items() if len(actions) > 1}
