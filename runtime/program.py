"""Compile: a checked graph and a registry to a program, where all that can be known before a run is settled.

Nodes are numbered; edges, blocks and limits become tables of numbers, so that a scheduler never searches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, fields

from runtime.graph import DEFAULT, OTHERWISE, Block, Graph, Node, NodeId
from runtime.node_types import NodeType, Registry
from runtime.references import Path, Resolver, compile_value, references_in
from runtime.workflow import BATCH_OUTPUTS, Batch, JsonObject, Mode, Retry, Undo

ERRORS = "#errors"  # the name under which the scope keeps each step's `error`; no step can be called so
SUBPROCESSES = "subprocesses"  # the limit that node types name which start processes
RUN = "#run"
NO_RETRY = Retry()
ROOT = -1


@dataclass(frozen=True, slots=True)
class Task:
    """Something to attempt: a node's type with its params, compiled. `own_timeout`: its params may hold one too."""

    id: NodeId
    path: str
    type: NodeType
    params: JsonObject
    resolve: Resolver | None
    timeout: float | None
    own_timeout: bool
    retry: Retry
    limits: tuple[str, ...]
    actions: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit(Task):
    """A compiled node.

    `needs` are the nodes whose failure makes this one meaningless. `effectful`: it changes something outside.
    `undoable`: there is a way to take that back, `undo` if the document says it. `items` resolves what a batch is over.
    """

    outputs: tuple[str, ...] = ()
    needs: tuple[int, ...] = ()
    effectful: bool = False
    undoable: bool = False
    undo: Task | None = None
    batch: Batch | None = None
    items: Resolver | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """What a scheduler and an executor need of a workflow, and nothing else.

    `units[i]` is None for a barrier. `targets[i]` maps each action to the nodes it leads to, `loops[i]` to those it
    goes back to; `behind[i]`, for those, is all that then starts anew. `waits[i]` counts the edges into a node,
    `arriving[i]` lists them. `block_of[i]` is the innermost block of a node, `parent[b]` that of a block; ROOT is
    outside of all.
    """

    graph: Graph
    ids: tuple[NodeId, ...]
    index: Mapping[NodeId, int]
    units: tuple[Unit | None, ...]
    targets: tuple[Mapping[str, tuple[int, ...]], ...]
    loops: tuple[Mapping[str, tuple[int, ...]], ...]
    behind: Mapping[int, tuple[int, ...]]
    waits: tuple[int, ...]
    arriving: Mapping[int, tuple[tuple[int, str], ...]]
    blocks: tuple[Block, ...]
    block_of: tuple[int, ...]
    parent: tuple[int, ...]
    members: tuple[tuple[int, ...], ...]
    mode: Mode
    mode_is_said: bool
    max_visits: int
    limits: Mapping[str, int]
    outputs: Mapping[str, Resolver | None] | None

    def handles_error(self, node: int) -> bool:
        """Whether the node's failure is an action like any other."""
        return "error" in self.targets[node] or "error" in self.loops[node]

    def way(self, node: int, action: str | None) -> str:
        """The action whose edges an end takes: of those that are not named, the one that goes on; None: it had none."""
        targets = self.targets[node]
        if action is None:
            return DEFAULT if DEFAULT in targets else OTHERWISE
        if action in targets:
            return action
        return OTHERWISE if OTHERWISE in targets else DEFAULT

    def is_inside(self, node: int, block: int) -> bool:
        return block == ROOT or block in self.around(self.block_of[node])

    def around(self, block: int) -> Iterator[int]:
        """A block and all blocks around it, innermost first."""
        while block != ROOT:
            yield block
            block = self.parent[block]


def compile_graph(graph: Graph, registry: Registry, max_concurrent: int | None = None) -> Program:
    """The program of a graph that `check` found valid. `max_concurrent` overrides the workflow's own setting."""
    ids = tuple(graph.nodes)
    index = {node: at for at, node in enumerate(ids)}
    blocks, block_of, parent = _blocks(graph, index)
    limits = _limits(graph, blocks, max_concurrent)
    compiler = _Compiler(graph, registry, index, limits, block_of, parent, _actions(graph))
    targets, loops = _targets(graph, index, back=False), _targets(graph, index, back=True)
    arriving = _arriving(targets)
    back_to = {target for actions in loops for reached in actions.values() for target in reached}
    rename = compiler.renaming(frozenset())
    return Program(
        graph=graph,
        ids=ids,
        index=index,
        units=tuple(None if node.hidden else compiler.unit(node) for node in graph.nodes.values()),
        targets=targets,
        loops=loops,
        behind={target: _behind(target, targets) for target in back_to},
        waits=tuple(len(arriving.get(at, ())) for at in index.values()),
        arriving={node: tuple(edges) for node, edges in arriving.items()},
        blocks=blocks,
        block_of=block_of,
        parent=parent,
        members=tuple(tuple(sorted(index[node] for node in block.nodes)) for block in blocks),
        mode=graph.settings.on_error,
        mode_is_said="on_error" in graph.settings.model_fields_set,
        max_visits=graph.settings.max_visits,
        limits=limits,
        outputs=None
        if graph.outputs is None
        else {name: compile_value(spec.from_, rename) for name, spec in graph.outputs.items()},
    )


@dataclass(frozen=True, slots=True)
class _Compiler:
    """What compiling one node needs of the whole."""

    graph: Graph
    registry: Registry
    index: Mapping[NodeId, int]
    limits: Mapping[str, int]
    block_of: tuple[int, ...]
    parent: tuple[int, ...]
    actions: Mapping[NodeId, tuple[str, ...]]

    def unit(self, node: Node) -> Unit:
        node_type = self.registry[node.type]
        names = {"item", "index", node.batch.as_} if node.batch else frozenset[str]()
        rename = self.renaming(names)
        task = self.task(node, node, node.type, node.retry, rename)
        return Unit(
            **{each.name: getattr(task, each.name) for each in fields(task)},
            outputs=BATCH_OUTPUTS if node.batch else tuple(node_type.outputs),
            needs=_needs(node, self.index, names),
            effectful=any(effect.writes for effect in node_type.effects(node.params)),
            undoable=node.undo is not None or node_type.undo is not None,
            undo=self.undo(node),
            batch=node.batch,
            items=None if node.batch is None else compile_value(node.batch.items, rename),
        )

    def undo(self, node: Node) -> Task | None:
        if node.undo is None:
            return None
        kind = node.undo.type.replace("-", "_")
        return self.task(node, node.undo, kind, None, self.renaming(frozenset()))

    def task(
        self, node: Node, said: Node | Undo, kind: str, retry: Retry | None, rename: Callable[[Path], Path]
    ) -> Task:
        node_type = self.registry[kind]
        params = node_type.rewrite(said.params)
        searched = {key: value for key, value in params.items() if key not in node_type.verbatim}
        return Task(
            id=node.id,
            path=node.path,
            type=node_type,
            params=params,
            resolve=_with_verbatim(params, searched, compile_value(searched, rename)),
            timeout=said.timeout,
            own_timeout="timeout" in node_type.params.model_fields,
            retry=retry or NO_RETRY,
            limits=self.places(node.id, node_type, said.pool),
            actions=self.actions.get(node.id, ()),
        )

    def places(self, node: NodeId, node_type: NodeType, pool: str | None) -> tuple[str, ...]:
        inside = (f"#block{block}" for block in _chain(self.block_of[self.index[node]], self.parent))
        names = (*inside, node_type.limit or "", f"#pool {pool}", RUN)
        return tuple(name for name in names if name in self.limits)

    def renaming(self, hidden: Set[str]) -> Callable[[Path], Path]:
        """Short names to full ones: `${NAME}` of an input, aliases of outputs, `error` of a step."""

        def rename(path: Path) -> Path:
            if path.head in hidden or path.head in ("workflow", "secret"):
                return path
            node = self.graph.nodes.get(NodeId(path.head))
            if node is None:
                return Path("workflow", (path.head, *path.keys))
            if path.keys[:1] == ("error",):
                return Path(ERRORS, (node.id, *path.keys[1:]))
            aliases = {} if node.batch else self.registry[node.type].aliases
            if path.keys and path.keys[0] in aliases:
                return Path(path.head, (aliases[str(path.keys[0])], *path.keys[1:]))
            return path

        return rename


def _actions(graph: Graph) -> dict[NodeId, tuple[str, ...]]:
    """The actions that each node's edges name, `default` and `error` apart."""
    found: dict[NodeId, dict[str, None]] = {}
    for edge in graph.edges:
        if edge.action not in (DEFAULT, OTHERWISE, "error"):
            found.setdefault(edge.source, {})[edge.action] = None
    return {node: tuple(actions) for node, actions in found.items()}


def _with_verbatim(params: JsonObject, searched: JsonObject, resolve: Resolver | None) -> Resolver | None:
    if resolve is None or len(searched) == len(params):
        return resolve
    plain = {key: value for key, value in params.items() if key not in searched}
    return lambda scope: {**plain, **resolve(scope)}  # type: ignore[dict-item]  # it resolves an object to an object


def _needs(node: Node, index: Mapping[NodeId, int], hidden: Set[str]) -> tuple[int, ...]:
    """The steps referred to without `??`; a step's `error` is there however it ended."""
    found = {
        index[NodeId(path.head)]: None
        for part in node.resolved_parts
        for reference in references_in(part)
        if not reference.has_fallback
        for path in reference.paths
        if path.head in index and path.head not in hidden and path.keys[:1] != ("error",)
    }
    return tuple(found)


def _targets(graph: Graph, index: Mapping[NodeId, int], *, back: bool) -> tuple[Mapping[str, tuple[int, ...]], ...]:
    found: list[dict[str, list[int]]] = [{} for _ in index]
    for edge in graph.edges:
        if edge.back is back:
            found[index[edge.source]].setdefault(edge.action, []).append(index[edge.target])
    return tuple({action: tuple(dict.fromkeys(to)) for action, to in actions.items()} for actions in found)


def _arriving(targets: tuple[Mapping[str, tuple[int, ...]], ...]) -> dict[int, list[tuple[int, str]]]:
    found: dict[int, list[tuple[int, str]]] = {}
    for source, actions in enumerate(targets):
        for action, reached in actions.items():
            for target in reached:
                found.setdefault(target, []).append((source, action))
    return found


def _behind(target: int, targets: tuple[Mapping[str, tuple[int, ...]], ...]) -> tuple[int, ...]:
    """A node and all that comes after it."""
    found, stack = {target}, [target]
    while stack:
        onward = {node for reached in targets[stack.pop()].values() for node in reached} - found
        found |= onward
        stack += onward
    return tuple(sorted(found))


def _blocks(graph: Graph, index: Mapping[NodeId, int]) -> tuple[tuple[Block, ...], tuple[int, ...], tuple[int, ...]]:
    """The blocks, larger ones first, with each node's innermost block and each block's parent."""
    blocks = tuple(sorted(graph.blocks, key=lambda block: -len(block.nodes)))
    number = {block.id: at for at, block in enumerate(blocks)}
    parent = tuple(number[block.parent] if block.parent is not None else ROOT for block in blocks)
    depth = [sum(1 for _ in _chain(at, parent)) for at in range(len(blocks))]
    block_of = [ROOT] * len(index)
    for at in sorted(range(len(blocks)), key=lambda at: depth[at]):
        for node in blocks[at].nodes:
            block_of[index[node]] = at
    return blocks, tuple(block_of), parent


def _chain(block: int, parent: tuple[int, ...]) -> Iterator[int]:
    while block != ROOT:
        yield block
        block = parent[block]


def _limits(graph: Graph, blocks: tuple[Block, ...], max_concurrent: int | None) -> dict[str, int]:
    """How many attempts may be inside each limit at once."""
    limits = {f"#block{at}": block.max_concurrent for at, block in enumerate(blocks) if block.max_concurrent}
    limits |= {f"#pool {name}": size for name, size in graph.settings.pools.items()}
    limits[SUBPROCESSES] = 32
    if whole := max_concurrent or graph.settings.max_concurrent:
        limits[RUN] = whole
    return limits
