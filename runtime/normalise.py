"""Either surface form to one Graph. After this file nobody knows which form it was.

A pipeline is walked with a frontier: the (node, action) ends that wait for a successor. A block's barrier is the edges
from every end of it to every start of the next entry, held as one hidden join where there are many of both.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from runtime.graph import DEFAULT, OTHERWISE, Block, BlockId, Edge, Graph, Node, NodeId, adjacency
from runtime.issues import Issue, pointer
from runtime.shape import MAX_PARALLEL_LEVELS, Hints, nesting_limit
from runtime.workflow import (
    Branch,
    Entry,
    GraphBlock,
    GraphNode,
    GraphWorkflow,
    Limits,
    ParallelBlock,
    PipelineWorkflow,
    Sequence,
    Step,
    Workflow,
)

End = tuple[NodeId, str]  # a node and the action by which it is left
Frontier = tuple[End, ...]
Starts = tuple[NodeId, ...]
STOP = NodeId("#stop")
ROOT = -1  # the number of no block: what is around the outermost ones


@dataclass(frozen=True, slots=True)
class Normalised:
    """The graph and what its construction found: duplicate ids, targets that are not there, loops across blocks."""

    graph: Graph
    issues: tuple[Issue, ...]


def normalise(workflow: Workflow) -> Normalised:
    """A workflow of either form as a graph. Always gives a graph; with issues it is not one to run."""
    builder = _Builder()
    if isinstance(workflow, PipelineWorkflow):
        builder.whole_pipeline(workflow)
    else:
        builder.graph_form(workflow)
    blocks = builder.nested()
    graph = Graph(
        nodes=builder.nodes,
        edges=tuple(dict.fromkeys(builder.edges)),
        blocks=blocks,
        name=workflow.name,
        description=workflow.description,
        inputs=workflow.inputs,
        outputs=workflow.outputs,
        settings=workflow.settings,
    )
    return Normalised(graph, tuple(builder.issues))


@dataclass(slots=True)
class _Scope:
    """One pipeline while it is walked: what `next` may name in it, and what earlier steps have sent where."""

    index: dict[str, int]
    arms: frozenset[int]
    bypassed: frozenset[int]  # arms right under an entry that neither routes to them nor is an arm
    outer: _Scope | None = None  # the pipeline around an inline one
    beyond: _Scope | None = None  # the pipeline around the block this is a branch of
    at: int = 0
    routed: dict[int, list[End]] = field(default_factory=dict)
    starts: dict[int, Starts] = field(default_factory=dict)
    loops: list[tuple[End, int]] = field(default_factory=list)
    exits: list[End] = field(default_factory=list)

    def around(self) -> Iterator[_Scope]:
        scope: _Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.outer


@dataclass(slots=True)
class _Builder:
    nodes: dict[NodeId, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    issues: list[Issue] = field(default_factory=list)
    block_ids: set[str] = field(default_factory=set)
    where: dict[End, str] = field(default_factory=dict)  # the action of a node -> its place in the document
    hints: Hints = field(default_factory=Hints)

    # --- nodes and edges ---------------------------------------------------------------------------------------------

    def add(self, step: GraphNode, path: str) -> NodeId:
        name = self.unique(step.id, f"{path}/id")
        self.nodes[name] = Node(
            id=name,
            type=step.type.replace("-", "_"),
            params=step.params,
            path=path,
            purpose=step.purpose,
            timeout=step.timeout,
            pool=step.pool,
            idempotent=step.idempotent,
            retry=step.retry,
            batch=step.batch,
            undo=step.undo,
        )
        return name

    def unique(self, name: str, path: str) -> NodeId:
        """The id itself, or one no document can hold: a duplicate is reported and stays apart from the first."""
        if name not in self.nodes and name not in self.block_ids:
            return NodeId(name)
        self.issues.append(
            Issue("duplicate_id", path, f"the id '{name}' is taken already", "give each step its own id")
        )
        return NodeId(f"{name}#{len(self.issues)}")

    def stop(self) -> NodeId:
        """Where ways end that lead out of the workflow."""
        return STOP if STOP in self.nodes else self.hide("stop", STOP)

    def hide(self, kind: str, name: NodeId | None = None) -> NodeId:
        name = name or NodeId(f"#{kind}{len(self.nodes)}")
        self.nodes[name] = Node(name, kind, hidden=True)
        return name

    def connect(self, ends: Iterable[End], starts: Starts, *, back: bool = False) -> None:
        ends = tuple(dict.fromkeys(ends))
        if len(ends) > 1 and len(starts) > 1:
            ends = self.gather(ends)
        self.edges += [
            Edge(node, start, action, back, self.where.get((node, action), ""))
            for node, action in ends
            for start in starts
        ]

    def gather(self, ends: Frontier) -> Frontier:
        """Several ends as one barrier, so that the edges between many and many stay linear in number."""
        if len(ends) < 2:
            return ends
        join = self.hide("join")
        self.connect(ends, (join,))
        return ((join, DEFAULT),)

    # --- the pipeline form -------------------------------------------------------------------------------------------

    def whole_pipeline(self, workflow: PipelineWorkflow) -> None:
        scope = _scope(workflow.pipeline)
        self.pipeline(workflow.pipeline, "/pipeline", (), scope)
        if scope.exits:
            self.connect(scope.exits, (self.stop(),))

    def pipeline(self, entries: list[Entry], path: str, incoming: Frontier, scope: _Scope) -> Frontier:
        """Adds a pipeline behind `incoming`; gives its fall-through ends. Its ends by `null` stand in `scope.exits`."""
        flow = incoming
        for at, entry in enumerate(entries):
            flow = self.entry(entry, f"{path}/{at}", at, flow, scope)
        for end, at in scope.loops:
            self.connect([end], scope.starts[at], back=True)
        return flow

    def entry(self, entry: Entry, path: str, at: int, flow: Frontier, scope: _Scope) -> Frontier:
        """Adds one entry; gives the ends that fall through to the next one."""
        scope.at = at
        is_arm = at in scope.arms
        if at in scope.bypassed:
            self.issues.append(_bypassed(entry, path))
        arriving = (*scope.routed.get(at, ()), *(() if is_arm else flow))
        if isinstance(entry, ParallelBlock):
            scope.starts[at], ends = self.parallel(entry, path, arriving, scope)
        else:
            node = self.add(entry, path)
            self.connect(arriving, (node,))
            scope.starts[at] = (node,)
            ends = self.route(node, entry, path, scope)
        return (*flow, *ends) if is_arm else ends

    def parallel(self, block: ParallelBlock, path: str, arriving: Frontier, beyond: _Scope) -> tuple[Starts, Frontier]:
        before = len(self.nodes)
        name = block.id and self.unique(block.id, f"{path}/id")
        if name:
            self.block_ids.add(name)
        gathered = self.gather(tuple(dict.fromkeys(arriving))) if len(block.parallel) > 1 else arriving
        starts, ends = list[NodeId](), list[End]()
        for at, branch in enumerate(block.parallel):
            first, last = self.branch(branch, f"{path}/parallel/{at}", gathered, beyond)
            starts += first
            ends += last
        if name or _says_something(block):
            inside = [node.id for node in islice(self.nodes.values(), before, None) if not node.hidden]
            self.blocks.append(_block(name or f"#{path}", inside, path, block))
        return tuple(starts), tuple(ends)

    def branch(self, branch: Branch, path: str, arriving: Frontier, beyond: _Scope) -> tuple[Starts, Frontier]:
        if isinstance(branch, ParallelBlock):
            return self.parallel(branch, path, arriving, beyond)
        if isinstance(branch, Sequence):
            scope = replace(_scope(branch.pipeline), beyond=beyond)
            flow = self.pipeline(branch.pipeline, f"{path}/pipeline", arriving, scope)
        else:
            scope = replace(_scope([branch]), beyond=beyond)
            flow = self.entry(branch, path, 0, arriving, scope)
            for end, _ in scope.loops:
                self.connect([end], scope.starts[0], back=True)
        return scope.starts[0], (*flow, *scope.exits)

    # --- routing -----------------------------------------------------------------------------------------------------

    def route(self, node: NodeId, step: Step, path: str, scope: _Scope) -> Frontier:
        """Sends each named action on its way; gives the ends that fall through."""
        flow: list[End] = [(node, OTHERWISE if DEFAULT in step.next else DEFAULT)]
        for action, target in step.next.items():
            end, where = (node, action), f"{path}/next{pointer(action)}"
            self.where[end] = where
            if target is None:
                scope.exits.append(end)
            elif isinstance(target, str):
                self.route_to(end, target, where, scope)
            else:
                inline = replace(_scope(target), outer=scope)
                flow += self.pipeline(target, where, (end,), inline)
                scope.exits += inline.exits
        return tuple(flow)

    def route_to(self, end: End, target: str, path: str, scope: _Scope) -> None:
        for place in scope.around():
            if target in place.index:
                at = place.index[target]
                if at > place.at:
                    place.routed.setdefault(at, []).append(end)
                else:
                    place.loops.append((end, at))
                return
        self.issues.append(_no_such_target(target, path, scope, self.hints))

    # --- the graph form ----------------------------------------------------------------------------------------------

    def graph_form(self, workflow: GraphWorkflow) -> None:
        for at, node in enumerate(workflow.nodes):
            self.add(node, f"/nodes/{at}")
        known = [name for name in self.nodes if "#" not in name]
        for at, edge in enumerate(workflow.edges):
            to = self.stop() if edge.to is None else edge.to
            absent = [(key, name) for key, name in (("from", edge.from_), ("to", to)) if name not in self.nodes]
            self.issues += [self.no_such_node(name, f"/edges/{at}/{key}", known) for key, name in absent]
            if not absent:
                self.edges.append(Edge(NodeId(edge.from_), NodeId(to), edge.action, path=f"/edges/{at}"))
        back = set(_back_edges(self.nodes, self.edges, workflow.start_node))
        self.edges = [replace(edge, back=edge in back) for edge in self.edges]
        self.start_at(workflow.start_node, known)
        for at, block in enumerate(workflow.blocks):
            self.graph_block(block, f"/blocks/{at}", known)

    def start_at(self, start: str | None, known: list[NodeId]) -> None:
        """With a start node only what it reaches is reachable."""
        if start is None:
            return
        if start not in self.nodes:
            self.issues.append(self.no_such_node(start, "/start_node", known))
            return
        follow = adjacency(self.nodes, ((edge.source, edge.target) for edge in self.edges))
        reached, stack = {start}, [NodeId(start)]
        while stack:
            new = [node for node in follow[stack.pop()] if node not in reached]
            reached.update(new)
            stack += new
        for node in known:
            if node not in reached:
                message = f"the step '{node}' is never reached from the start node '{start}'"
                hint = f"add an edge that leads to '{node}', or remove it"
                self.issues.append(Issue("unreachable_step", self.nodes[node].path, message, hint))

    def graph_block(self, block: GraphBlock, path: str, known: list[NodeId]) -> None:
        absent = [(at, name) for at, name in enumerate(block.nodes) if name not in self.nodes]
        self.issues += [self.no_such_node(name, f"{path}/nodes/{at}", known) for at, name in absent]
        name = self.unique(block.id, f"{path}/id")
        self.block_ids.add(name)
        self.blocks.append(_block(name, [NodeId(node) for node in block.nodes if node in self.nodes], path, block))

    def no_such_node(self, name: str, path: str, known: Iterable[str]) -> Issue:
        return Issue("unknown_next_target", path, f"there is no step '{name}'", self.hints.nearest(name, known))

    # --- blocks in blocks --------------------------------------------------------------------------------------------

    def nested(self) -> tuple[Block, ...]:
        """The blocks, each with the one around it. Larger ones go first; of equals the one written later is around."""
        found, level = dict.fromkeys(range(len(self.blocks)), ROOT), {ROOT: 0}
        innermost: dict[NodeId, int] = {}
        for at in sorted(found, key=lambda at: (len(self.blocks[at].nodes), at), reverse=True):
            block = self.blocks[at]
            around = {innermost.get(node, ROOT) for node in block.nodes}
            if len(around) > 1:
                self.issues.append(_overlap(block, [self.blocks[each] for each in around if each != ROOT]))
            found[at] = min(around, default=ROOT)
            level[at] = level[found[at]] + 1
            if level[at] == MAX_PARALLEL_LEVELS + 1:
                self.issues.append(nesting_limit(block.path))
            innermost.update(dict.fromkeys(block.nodes, at))
        return tuple(
            block if found[at] == ROOT else replace(block, parent=self.blocks[found[at]].id)
            for at, block in enumerate(self.blocks)
        )


def _overlap(block: Block, others: list[Block]) -> Issue:
    other = next(each for each in others if not block.nodes <= each.nodes)
    message = f"the blocks '{block.id}' and '{other.id}' overlap: '{min(block.nodes & other.nodes)}' is in both"
    return Issue("schema", f"{block.path}/nodes", message, "a block lies inside another, or apart from it")


def _scope(entries: list[Entry]) -> _Scope:
    index: dict[str, int] = {}
    for at, entry in enumerate(entries):
        if entry.id is not None:
            index.setdefault(entry.id, at)
    arms = {index[name] for at, entry in enumerate(entries) for name in _targets(entry) if index.get(name, -1) > at}
    above = {at: entries[at - 1] for at in arms if at - 1 not in arms}
    bypassed = {at for at, entry in above.items() if entries[at].id not in [*_targets(entry)]}
    return _Scope(index, frozenset(arms), frozenset(bypassed))


def _targets(entry: Entry) -> Iterator[str]:
    """The ids that an entry, or an inline pipeline of it, sends an action to."""
    if isinstance(entry, Step):
        for target in entry.next.values():
            if isinstance(target, str):
                yield target
            elif target is not None:
                yield from (name for inner in target for name in _targets(inner))


def _bypassed(arm: Entry, path: str) -> Issue:
    message = f"'{arm.id}' runs only when an action leads to it; the entry above passes it by"
    hint = f'write it inline in that action, or lead the entry above to it: "next": {{"default": "{arm.id}"}}'
    return Issue("arm_not_reached_from_above", path, message, hint)


def _says_something(limits: Limits) -> bool:
    return not (limits.on_error is None and limits.max_concurrent is None and limits.timeout is None)


def _block(name: str, nodes: Iterable[NodeId], path: str, said: Limits) -> Block:
    return Block(
        BlockId(name),
        frozenset(nodes),
        path,
        on_error=said.on_error,
        max_concurrent=said.max_concurrent,
        timeout=said.timeout,
    )


def _back_edges(nodes: Mapping[NodeId, Node], edges: list[Edge], start: str | None) -> Iterator[Edge]:
    """Non-default edges to an ancestor of their source: a depth-first walk in document order meets them on its way."""
    leaving: dict[NodeId, list[Edge]] = {node: [] for node in nodes}
    for edge in edges:
        leaving[edge.source].append(edge)
    targets = {edge.target for edge in edges}
    on_the_way, done = set[NodeId](), set[NodeId]()
    for root in sorted(nodes, key=lambda node: (node != start, node in targets)):
        stack: list[tuple[NodeId, Iterator[Edge]]] = [] if root in done else [(root, iter(leaving[root]))]
        on_the_way.update(node for node, _ in stack)
        while stack:
            node, onward = stack[-1]
            for edge in onward:
                if edge.target in on_the_way and edge.action != DEFAULT:
                    yield edge
                elif edge.target not in on_the_way and edge.target not in done:
                    on_the_way.add(edge.target)
                    stack.append((edge.target, iter(leaving[edge.target])))
                    break
            else:
                stack.pop()
                on_the_way.discard(node)
                done.add(node)


def _no_such_target(target: str, path: str, scope: _Scope, hints: Hints) -> Issue:
    names = (name for place in scope.around() for name in place.index)
    *_, outermost = scope.around()
    wall = outermost.beyond
    while wall is not None:
        for place in wall.around():
            if place.index.get(target, place.at + 1) <= place.at:
                message = f"'{target}' stands before the block that this step is in; a loop cannot leave a block"
                return Issue("loop_crosses_block", path, message, "route back from a step after the block")
            wall = place.beyond
    message = f"there is no step or block '{target}' in this pipeline"
    return Issue("unknown_next_target", path, message, hints.nearest(target, names))
