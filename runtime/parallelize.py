"""A graph without its false waits: the same steps in the least order that data, effects and meaning ask for. Pure.

A step waits for another if it was behind it before, and

- refers to it, in its params, its batch or its undo;
- or their effects meet, those of an undo included: the order of the two can be seen from outside;
- or one of them is a pause, whose point is when it ends;
- or it has effects and a rollback could not be sure to take them back: then all before it must have succeeded;
- or a block that says something has one of them and not the other inside: what is said is about what is in it;
- or routing decides whether it runs: routers, loops and all that is behind them stay exactly as they are.

Order is never added, and what is kept is kept through whatever stands between.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from runtime.graph import BlockId, Edge, Graph, Node, NodeId, behind_routing, levels, marked_before, topological
from runtime.node_types import ANYTHING, Effect, NodeType, Registry
from runtime.orders import last_of, members, with_all_before
from runtime.references import references_in


@dataclass(frozen=True, slots=True)
class Parallelized:
    """The graph in its least order. `freed`: steps, each with those right before it that it need not wait for."""

    graph: Graph
    freed: Mapping[NodeId, tuple[NodeId, ...]]
    levels_before: int
    levels_after: int

    @property
    def removed(self) -> tuple[tuple[NodeId, NodeId], ...]:
        """The false waits, as pairs (before, after)."""
        return tuple((before, after) for after, waits in self.freed.items() for before in waits)

    @property
    def speedup(self) -> float:
        """How many times as fast it is when every step takes equally long."""
        return self.levels_before / self.levels_after if self.levels_after else 1.0


def parallelize(graph: Graph, registry: Registry) -> Parallelized:
    """Removes every wait that nothing asks for. Raises Cycle for a graph that has one."""
    order = topological(graph.successors)
    steps = [name for name in order if graph.is_step(name)]
    before = marked_before(graph.successors, steps)
    bit = {name: 1 << at for at, name in enumerate(steps)}
    rewiring = _Rewiring(graph, steps, before, reasons_of(graph, registry, steps), behind_routing(graph), bit)
    for name in order:
        rewiring.take(name)
    leaner = rewiring.graph_in(order)
    return Parallelized(leaner, rewiring.freed(), step_levels(graph), step_levels(leaner))


def step_levels(graph: Graph) -> int:
    """How many steps the longest way through a graph has."""
    level = levels(graph.successors, lambda node: int(graph.is_step(node)))
    return max((level[step.id] + 1 for step in graph.steps), default=0)


def effects_of(node: Node, registry: Registry) -> tuple[Effect, ...]:
    """What a step touches; one of an unknown type may touch anything."""
    node_type = registry.get(node.type)
    return tuple(node_type.effects(node.params)) if node_type else ANYTHING


def all_effects(node: Node, registry: Registry) -> tuple[Effect, ...]:
    """The effects of a step and of its undo."""
    if node.undo is None:
        return effects_of(node, registry)
    undo = registry.get(node.undo.type.replace("-", "_"))
    return (*effects_of(node, registry), *(undo.effects(node.undo.params) if undo else ANYTHING))


# --- reasons to wait -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reasons:
    """Which steps a step has a reason to wait for if it was behind them; sets are bits in the order of `steps`."""

    uses: Mapping[NodeId, int]
    meets: Mapping[NodeId, int]
    pauses: Mapping[NodeId, int]
    sure: Mapping[NodeId, int]  # it has effects that a rollback may have to take back
    apart: Mapping[NodeId, int]  # on the other side of a block's border

    def of(self, step: NodeId) -> int:
        return self.uses[step] | self.meets[step] | self.pauses[step] | self.sure[step] | self.apart[step]


def reasons_of(graph: Graph, registry: Registry, steps: Sequence[NodeId]) -> Reasons:
    """The reasons that a graph and the declared effects of its node types show."""
    nodes = [graph.nodes[name] for name in steps]
    bit = {name: 1 << at for at, name in enumerate(steps)}
    effects = {node.id: all_effects(node, registry) for node in nodes}
    return Reasons(
        uses={node.id: _union(bit.get(name, 0) for name in _heads(node)) for node in nodes},
        meets=_meeting(effects, bit),
        pauses=_pausing({node.id: registry.get(node.type) for node in nodes}, bit),
        sure=_sure(graph, effects),
        apart=_apart(graph, bit),
    )


def _union(sets: Iterable[int]) -> int:
    whole = 0
    for each in sets:
        whole |= each
    return whole


def _heads(node: Node) -> Iterator[NodeId]:
    for part in node.parts:
        for reference in references_in(part):
            yield from (NodeId(path.head) for path in reference.paths)


def _meeting(effects: Mapping[NodeId, Iterable[Effect]], bit: Mapping[NodeId, int]) -> Mapping[NodeId, int]:
    """Each step to those whose effects meet its own. Each kind of effect is compared once, and only with its like."""
    touching: dict[Effect, int] = {}
    for name, touched in effects.items():
        for effect in touched:
            touching[effect] = touching.get(effect, 0) | bit[name]
    alike: dict[tuple[str, str | None] | str, list[Effect]] = {}
    for effect in touching:
        alike.setdefault(effect.kind, []).append(effect)
        alike.setdefault((effect.kind, effect.place), []).append(effect)

    def near(effect: Effect) -> Iterable[Effect]:
        if effect.kind == "anything":
            return touching
        places = (effect.kind,) if effect.place is None else ((effect.kind, effect.place), (effect.kind, None))
        return (each for key in ("anything", *places) for each in alike.get(key, ()))

    met = {effect: _union(touching[other] for other in near(effect) if effect.meets(other)) for effect in touching}
    return {name: _union(met[effect] for effect in touched) for name, touched in effects.items()}


def _pausing(types: Mapping[NodeId, NodeType | None], bit: Mapping[NodeId, int]) -> Mapping[NodeId, int]:
    """Each step to the pauses among the others, a pause to all others. Two pauses of one type may pass together."""
    all_of: dict[str, int] = {}
    for name, node_type in types.items():
        if node_type is not None and node_type.pause:
            all_of[node_type.name] = all_of.get(node_type.name, 0) | bit[name]
    pauses, everyone = _union(all_of.values()), _union(bit.values())

    def of(node_type: NodeType | None) -> int:
        return everyone & ~all_of[node_type.name] if node_type is not None and node_type.pause else pauses

    return {name: of(node_type) for name, node_type in types.items()}


def _sure(graph: Graph, effects: Mapping[NodeId, Iterable[Effect]]) -> Mapping[NodeId, int]:
    inside = {node for block in graph.blocks if block.on_error == "rollback" for node in block.nodes}
    whole = graph.settings.on_error == "rollback"
    writing = {name for name, touched in effects.items() if any(effect.writes for effect in touched)}
    return {name: -1 if name in writing and (whole or name in inside) else 0 for name in effects}


def _apart(graph: Graph, bit: Mapping[NodeId, int]) -> Mapping[NodeId, int]:
    innermost: dict[NodeId, BlockId] = {}
    for block in sorted(graph.blocks, key=lambda block: len(block.nodes), reverse=True):
        innermost.update(dict.fromkeys(block.nodes, block.id))
    together: dict[BlockId | None, int] = {}
    for name in bit:
        home = innermost.get(name)
        together[home] = together.get(home, 0) | bit[name]
    return {name: ~together[innermost.get(name)] for name in bit}


# --- the leaner graph ------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Rewiring:
    """Gives each node, in order, the waits it has reasons for. What needs no change keeps its edges, barriers too."""

    graph: Graph
    steps: Sequence[NodeId]
    before: Mapping[NodeId, int]
    reasons: Reasons
    fixed: frozenset[NodeId]
    bit: Mapping[NodeId, int]
    kept: list[int] = field(default_factory=list)  # by number of the step: all that it waits for now
    waits: dict[NodeId, int] = field(default_factory=dict)  # the same, by name, and of barriers too
    direct: dict[NodeId, int] = field(default_factory=dict)  # the steps from which an edge led to it
    rewired: dict[int, list[NodeId]] = field(default_factory=dict)  # what is to be waited for, and by whom
    added: dict[NodeId, int] = field(default_factory=dict)
    closed: dict[int, int] = field(default_factory=dict)

    def take(self, name: NodeId) -> None:
        before = self.graph.predecessors[name]
        covered = _union(self.waits[each] | self.bit.get(each, 0) for each in before)
        self.direct[name] = _union(self.bit.get(each) or self.direct[each] for each in before)
        now = covered
        if name in self.fixed:
            now = self.before[name]
            self.added[name] = now & ~covered
        elif name in self.bit:
            now = self.with_all_before(self.reasons.of(name) & self.before[name])
            if now != covered:
                self.rewired.setdefault(now, []).append(name)
        self.waits[name] = now
        if name in self.bit:
            self.kept.append(now)

    def with_all_before(self, direct: int) -> int:
        if direct not in self.closed:
            self.closed[direct] = with_all_before(direct, self.kept)
        return self.closed[direct]

    def freed(self) -> dict[NodeId, tuple[NodeId, ...]]:
        """Steps that wait for less, and the false waits right before them."""
        named: dict[int, tuple[NodeId, ...]] = {}
        found: dict[NodeId, tuple[NodeId, ...]] = {}
        for name in (name for name in self.steps if self.direct[name] & ~self.waits[name]):
            false = self.direct[name] & ~self.waits[name]
            if false not in named:
                named[false] = tuple(self.steps[at] for at in members(false))[::-1]
            found[name] = named[false]
        return found

    def graph_in(self, order: Sequence[NodeId]) -> Graph:
        """The graph with the new edges, in the order given, and without the barriers that nobody waits behind now."""
        new = {name for names in self.rewired.values() for name in names}
        edges = [edge for edge in self.graph.edges if edge.target not in new]
        nodes = dict(self.graph.nodes)
        for waited, targets in self.rewired.items():
            edges += self.edges_to(targets, waited, nodes)
        for name, missing in self.added.items():
            edges += self.edges_to([name], missing, nodes)
        idle = self.idle_barriers(order, edges)
        kept = {name: node for name, node in nodes.items() if name not in idle}
        return replace(self.graph, nodes=kept, edges=tuple(edge for edge in edges if edge.target not in idle))

    def edges_to(self, targets: list[NodeId], waited: int, nodes: dict[NodeId, Node]) -> list[Edge]:
        """Edges from the last of a set to all targets; from many to many by a barrier: so they stay few."""
        sources, edges = [self.steps[at] for at in last_of(waited, self.kept)], list[Edge]()
        if len(sources) > 1 and len(targets) > 1:
            barrier = next(name for at in count(len(nodes)) if (name := NodeId(f"#barrier{at}")) not in nodes)
            nodes[barrier] = Node(barrier, "join", hidden=True)
            edges = [Edge(source, barrier) for source in sources]
            sources = [barrier]
        return edges + [Edge(source, target) for source in sources for target in targets]

    def idle_barriers(self, order: Sequence[NodeId], edges: Sequence[Edge]) -> set[NodeId]:
        leaving: dict[NodeId, list[NodeId]] = {}
        for edge in edges:
            leaving.setdefault(edge.source, []).append(edge.target)
        idle: set[NodeId] = set()
        for name in reversed(order):
            if name not in self.bit and name not in self.fixed and idle.issuperset(leaving.get(name, ())):
                idle.add(name)
        return idle
