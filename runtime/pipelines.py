"""The steps of a graph written as a pipeline. Pure; what is written is to be read again and compared.

Blocks come from the order being series-parallel. An action's own steps are written into its `next` where they end as
the step itself does; a lone step that ends elsewhere becomes an arm, below what the others do meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from runtime.graph import Block, BlockId, Graph, NodeId, behind_routing, marked_before, topological
from runtime.issues import InvalidWorkflow, JsonValue
from runtime.normalise import STOP
from runtime.orders import NotSeriesParallel, Parallel, Series, Tree, series_parallel
from runtime.ways import Targets, Ways, ways_of
from runtime.written import is_named, limits_of, not_convertible, step_of


@dataclass(frozen=True, slots=True)
class _Place:
    """A pipeline while it is written.

    `names`: what `next` may name in it; `steps`: all in it, at any depth; `in_branch`: its end is not the workflow's.
    """

    names: frozenset[str] = frozenset()
    steps: Targets = frozenset()
    in_branch: bool = False


@dataclass(slots=True)
class PipelineWriter:
    """`before` and `within` are rows of bits, as in `orders`; the numbering is that of `steps`."""

    graph: Graph
    steps: Sequence[NodeId]
    before: Sequence[int]
    within: Sequence[int] | None
    inside: dict[BlockId | None, list[NodeId]]  # steps whose innermost block it is
    blocks: dict[BlockId | None, list[Block]]  # blocks right inside it
    ways: Ways
    number: dict[NodeId, int]
    standing: dict[int, Block] = field(default_factory=dict)  # the first step of a block, for all of it
    arms: dict[NodeId, dict[str, Targets]] = field(default_factory=dict)  # what is written into `next`
    home: dict[NodeId, BlockId | None] = field(default_factory=dict)

    @classmethod
    def of(cls, graph: Graph, within: Graph | None) -> PipelineWriter:
        # The numbering of the stricter order fits both.
        stricter = within or graph  # it may have barriers that the graph has not
        steps = [name for name in topological(stricter.successors) if stricter.is_step(name)]
        rows = [None if each is None else rows_of(each, steps) for each in (graph, within)]
        blocks: dict[BlockId | None, list[Block]] = {}
        home: dict[NodeId, BlockId | None] = dict.fromkeys(steps)
        for block in sorted(graph.blocks, key=lambda block: _depth(block, graph.blocks)):
            blocks.setdefault(block.parent, []).append(block)
            home.update(dict.fromkeys(block.nodes, block.id))
        inside: dict[BlockId | None, list[NodeId]] = {}
        for name in steps:
            inside.setdefault(home[name], []).append(name)
        ways = ways_of(graph) if behind_routing(graph) else Ways({}, {}, {})
        number = {name: at for at, name in enumerate(steps)}
        return cls(graph, steps, rows[0] or (), rows[1], inside, blocks, ways, number, home=home)

    def pipeline(self) -> list[JsonValue]:
        return self.entries(None, frozenset(self.steps), _Place())

    def entries(self, around: BlockId | None, members: Targets, place: _Place) -> list[JsonValue]:
        """Those members that stand right in a block, or outside all of them, as a pipeline."""
        elements = 0
        written_in = self.find_arms(around, members)
        for block in self.blocks.get(around, ()):
            if block.nodes <= members - written_in:
                first = min(self.number[name] for name in block.nodes)
                self.standing[first] = block
                elements |= 1 << first
        for name in self.inside.get(around, ()):
            if name in members - written_in:
                elements |= 1 << self.number[name]
        try:
            tree = series_parallel(elements, self.before, self.within)
        except NotSeriesParallel as error:
            raise self.explained(error) from None
        return self.series(tree, _Place(place.names | self.names_in(tree), members, place.in_branch))

    def series(self, tree: Tree, place: _Place) -> list[JsonValue]:
        match tree:
            case Series(parts):
                return [entry for part in parts for entry in self.series(part, place)]
            case Parallel(parts):
                return self.side_by_side(parts, place)
            case _:
                block = self.standing.pop(tree, None)
                if block is None:
                    return [self.step(self.steps[tree], place)]
                written = self.block(block)  # inside it the element is its first step
                self.standing[tree] = block
                return [written]

    def side_by_side(self, parts: Sequence[Tree], place: _Place) -> list[JsonValue]:
        """Branches of a block, and below it the arms: of those no two run, so they stand in a row."""
        arms = [part for part in parts if self.is_arm(part, place)]
        others = [part for part in parts if part not in arms]
        below = [entry for arm in arms for entry in self.series(arm, place)]
        if len(others) < 2:
            return [entry for other in others for entry in self.series(other, place)] + below
        branches = [self.series(part, _Place(self.names_in(part), self.steps_in(part), True)) for part in others]
        return [{"parallel": [*map(_branch, branches)]}, *below]

    def step(self, name: NodeId, place: _Place) -> JsonValue:
        said: dict[str, JsonValue] = {
            action: self.entries(self.home[name], own, place)
            if (own := self.arms.get(name, {}).get(action))
            else self.target(name, action, targets, place)
            for action, targets in self.ways.named(name).items()
        }
        return {**step_of(self.graph.nodes[name]), **({"next": said} if said else {})}

    def block(self, block: Block) -> JsonValue:
        inner = self.entries(block.id, block.nodes, _Place(in_branch=True))
        only = inner[0] if len(inner) == 1 else None
        branches = only["parallel"] if isinstance(only, dict) and only.keys() == {"parallel"} else [_branch(inner)]
        return {**({"id": block.id} if is_named(block) else {}), "parallel": branches, **limits_of(block)}

    # --- routing -----------------------------------------------------------------------------------------------------

    def find_arms(self, around: BlockId | None, members: Targets) -> Targets:
        """Finds the steps that are written into a `next` here, and gives them."""
        found: set[NodeId] = set()
        here = [name for name in self.steps if name in members] if self.ways.onward else []
        for router in here:
            if router in found or self.home[router] != around:
                continue
            for action, targets in self.ways.named(router).items():
                own = self.ways.of_one_arm(router, action, here)
                if targets <= own and self.ways.ends_as(own, router) and self.is_whole(own, around):
                    self.arms.setdefault(router, {})[action] = own
                    found |= own
        return frozenset(found)

    def is_whole(self, steps: Targets, around: BlockId | None) -> bool:
        """Whether some steps hold each block in it wholly or not at all."""
        return all(not block.nodes & steps or block.nodes <= steps for block in self.blocks.get(around, ()))

    def is_arm(self, part: Tree, place: _Place) -> bool:
        """Whether only actions named in this pipeline lead to a part, and it is one thing that they can name."""
        if not isinstance(part, int) or not self.names_in(part):
            return False
        leading = [way for start in self.starts(part) for way in self.ways.arriving.get(start, ())]
        return bool(leading) and all(
            source in place.steps and action != self.ways.falls(source) for source, action in leading
        )

    def starts(self, element: int) -> Targets:
        block = self.standing.get(element)
        inside = sum(1 << self.number[name] for name in block.nodes) if block else 1 << element
        names = block.nodes if block else (self.steps[element],)
        return frozenset(name for name in names if not self.before[self.number[name]] & inside)

    def target(self, name: NodeId, action: str, targets: Targets, place: _Place) -> JsonValue:
        """What `next` says for an action that leads to something written elsewhere."""
        if targets == {STOP}:
            return None
        first = min(self.number[each] for each in targets if each != STOP)
        if self.name_of(first) in place.names and self.starts(first) == targets:
            return self.name_of(first)
        if place.in_branch:
            return None
        message = f"the action '{action}' of '{name}' leads where no 'next' can"
        raise not_convertible(self.graph.nodes[name].path, message)

    def name_of(self, element: int) -> str:
        block = self.standing.get(element)
        return str(self.steps[element]) if block is None else block.id if is_named(block) else ""

    def names_in(self, tree: Tree) -> frozenset[str]:
        """What stands in a part, by name."""
        match tree:
            case Series(parts) | Parallel(parts):
                return frozenset[str]().union(*map(self.names_in, parts))
            case _:
                return frozenset({self.name_of(tree)} - {""})

    def steps_in(self, tree: Tree) -> Targets:
        """All steps of a part, at any depth."""
        match tree:
            case Series(parts) | Parallel(parts):
                return frozenset[NodeId]().union(*map(self.steps_in, parts))
            case _ if block := self.standing.get(tree):
                return block.nodes
            case _:
                name = self.steps[tree]
                return frozenset({name}).union(*self.arms.get(name, {}).values())

    def explained(self, error: NotSeriesParallel) -> InvalidWorkflow:
        if error.shape is None:
            return not_convertible("", "its blocks would be nested too deep")
        a, b, c, d = (self.steps[each] for each in error.shape)
        message = f"'{d}' waits for '{a}' and '{b}', '{c}' only for '{a}': blocks cannot say that"
        return not_convertible(self.graph.nodes[d].path, message)


def rows_of(graph: Graph, steps: Sequence[NodeId]) -> list[int]:
    before = marked_before(graph.successors, steps)
    return [before[name] for name in steps]


def _depth(block: Block, blocks: Iterable[Block]) -> int:
    by_id: Mapping[BlockId, Block] = {each.id: each for each in blocks}
    depth = 0
    while block.parent is not None:
        block, depth = by_id[block.parent], depth + 1
    return depth


def _branch(entries: list[JsonValue]) -> JsonValue:
    return entries[0] if len(entries) == 1 else {"pipeline": entries}
