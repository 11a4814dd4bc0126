"""An accepted pipeline without its false waits: models see independence less well than a graph shows it. Pure.

It stays a pipeline. Where the order that is left is not series-parallel, the waits of the answer that a pipeline needs
stay; none is put where the answer had none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from runtime.checks import examine
from runtime.graph import Graph, NodeId, marked_before
from runtime.issues import InvalidWorkflow, JsonValue
from runtime.node_types import Registry
from runtime.parallelize import parallelize
from runtime.surface import to_pipeline


@dataclass(frozen=True, slots=True)
class Freed:
    """The workflow, and which steps no longer wait for what; without notes it is as it was."""

    value: JsonValue
    notes: tuple[str, ...] = ()


def without_false_waits(value: JsonValue, registry: Registry) -> Freed:
    """A valid pipeline in which no step waits for what it has no reason to, as far as blocks can say that."""
    graph = examine(value, registry).graph
    if graph is None or not (isinstance(value, dict) and "pipeline" in value):
        return Freed(value)
    leaner = parallelize(graph, registry)
    if not leaner.freed:
        return Freed(value)
    try:
        pipeline = to_pipeline(leaner.graph, within=graph)["pipeline"]
    except InvalidWorkflow:  # routing that is in the way, or blocks that would be nested too deep
        return Freed(value)
    freer = {**value, "pipeline": pipeline}
    made = examine(freer, registry).graph
    return Freed(value) if made is None else Freed(freer, tuple(_notes(leaner.removed, made)))


def _notes(removed: Iterable[tuple[NodeId, NodeId]], made: Graph) -> list[str]:
    """One sentence for each step that waits for less."""
    number = {step.id: at for at, step in enumerate(made.steps)}
    before = marked_before(made.successors, number)
    gone: dict[NodeId, list[str]] = {}
    for first, then in removed:
        if not before[then] >> number[first] & 1:
            gone.setdefault(then, []).append(f"'{first}'")
    return [
        f"'{then}' no longer waits for {', '.join(names)}: it uses nothing of {'it' if len(names) == 1 else 'them'}"
        for then, names in gone.items()
    ]
