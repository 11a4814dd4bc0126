"""Small pure functions from a workflow's graph and an expectation to what was met."""

from __future__ import annotations

from collections import Counter
from itertools import permutations

from evals.dataset import Expectation
from runtime import Graph, ordered_pairs


def unmet(graph: Graph, expect: Expectation) -> list[str]:
    """Every part of an expectation that the graph does not meet, in words; empty if it meets all."""
    used = Counter(node.type for node in graph.steps)
    missing = [f"uses {used[kind]} of {least} {kind}" for kind, least in expect.uses.items() if used[kind] < least]
    return missing + _not_parallel(graph, expect) + _not_before(graph, expect)


def _not_parallel(graph: Graph, expect: Expectation) -> list[str]:
    ordered = ordered_pairs(graph)
    free = {
        (one.type, other.type)
        for one, other in permutations(graph.steps, 2)
        if (one.id, other.id) not in ordered and (other.id, one.id) not in ordered
    }
    return [f"no {one} beside {other}" for one, other in expect.parallel if (one, other) not in free]


def _not_before(graph: Graph, expect: Expectation) -> list[str]:
    kind = {node.id: node.type for node in graph.steps}
    earlier: dict[str, set[str]] = {node.id: set() for node in graph.steps}
    for first, then in ordered_pairs(graph):
        earlier[then].add(kind[first])
    return [
        f"'{node.id}' ({then}) without {first} before it"
        for first, then in expect.before
        for node in graph.steps
        if node.type == then and first not in earlier[node.id]
    ]
