"""Is every reference legal where it stands: is there such a value, and is it certain to be there in time? Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from runtime.graph import Graph, Node, NodeId, marked_before
from runtime.inputs import declared_inputs
from runtime.issues import Issue, JsonValue, nearest, pointer
from runtime.node_types import Registry
from runtime.references import BrokenReference, Path, Reference, parse_template, strings_in

RESERVED = frozenset({"workflow", "secret", "item", "index"})
BATCH_OUTPUTS = ("results", "count", "success_count", "error_count", "errors")


@dataclass(frozen=True, slots=True)
class Mention:
    """One path of one reference: `node` is the step that makes it (None: the workflow's outputs)."""

    node: Node | None
    where: str
    path: Path
    own_outputs: bool = False  # inside `undo`, where the step itself may be named


def check_references(graph: Graph, registry: Registry, *, ordered: bool) -> list[Issue]:
    """Every issue of every reference. `ordered` False (there is a cycle): what comes before what is not judged."""
    issues: list[Issue] = []
    mentions: list[Mention] = []
    for place in _places(graph, registry):
        for part in place.parts():
            if isinstance(part, Reference):
                mentions += [Mention(place.node, place.where, path, place.in_undo) for path in part.paths]
            else:
                issues.append(Issue("invalid_reference", place.where, f"{part.text}: {part.reason}", part.hint))
        issues += place.misplaced(graph)
    for mention in mentions:
        issues += _head_issues(mention, graph, registry)
    issues += _inputs_issues(mentions, graph)
    return list(dict.fromkeys(issues + (_order_issues(mentions, graph) if ordered else [])))


# --- where references stand ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    node: Node | None
    where: str
    text: str
    verbatim: bool = False
    key: bool = False
    in_undo: bool = False

    def parts(self) -> Iterator[Reference | BrokenReference]:
        if not (self.verbatim or self.key):
            yield from (part for part in parse_template(self.text) if not isinstance(part, str))

    def misplaced(self, graph: Graph) -> Iterator[Issue]:
        """References in keys and in verbatim text: they would stay as they are, which nobody means."""
        known = {*graph.nodes, *(graph.inputs or ()), "workflow", "secret"}
        for part in parse_template(self.text) if self.verbatim or self.key else ():
            if isinstance(part, Reference) and any(path.head in known for path in part.paths):
                what = "a key" if self.key else "the source of code"
                hint = "a reference stands only in a value" if self.key else f'pass it in: "inputs": {{"x": "{part.text}"}}'
                yield Issue("invalid_reference", self.where, f"{part.text}: {what} takes no references", hint)


def _places(graph: Graph, registry: Registry) -> Iterator[_Place]:
    """Every string that holds a `${`, in document order."""
    for node in graph.steps:
        yield from _param_places(node, node.type, node.params, f"{node.path}/params", registry)
        if node.batch is not None:
            at = f"{node.path}/batch/items"
            yield from (_Place(node, where, text) for where, text in strings_in(node.batch.items, at) if "${" in text)
        if node.undo is not None:
            kind, at = node.undo.type.replace("-", "_"), f"{node.path}/undo/params"
            yield from _param_places(node, kind, node.undo.params, at, registry, in_undo=True)
    for name, output in (graph.outputs or {}).items():
        at = f"/outputs{pointer(name)}/from"
        yield from (_Place(None, where, text) for where, text in strings_in(output.from_, at) if "${" in text)


def _param_places(
    node: Node, kind: str, params: JsonValue, at: str, registry: Registry, in_undo: bool = False
) -> Iterator[_Place]:
    node_type = registry.get(kind)
    plain = {at + pointer(name) for name in (node_type.verbatim if node_type else ())}
    for where, text in strings_in(params, at):
        if "${" in text:
            yield _Place(node, where, text, verbatim=where in plain, in_undo=in_undo)
    yield from (_Place(node, where, key, key=True) for where, key in _keys_in(params, at) if "${" in key)


def _keys_in(value: JsonValue, path: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield path + pointer(key), key
            yield from _keys_in(item, path + pointer(key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _keys_in(item, f"{path}/{index}")


# --- is there such a value -------------------------------------------------------------------------------------------


def _head_issues(mention: Mention, graph: Graph, registry: Registry) -> Iterator[Issue]:
    path, node = mention.path, mention.node
    if node is not None and node.batch is not None and path.head in {"item", "index", node.batch.as_}:
        return
    if path.head in graph.nodes:
        yield from _output_issues(mention, graph.nodes[NodeId(path.head)], registry)
    elif path.head in ("item", "index"):
        message = f"${{{path}}} has a value only in a step with 'batch'"
        yield Issue("unknown_reference", mention.where, message, "add 'batch' to the step, or refer to another step")
    elif path.head not in ("workflow", "secret") and path.head not in (graph.inputs or {}):
        names = [*(step.id for step in graph.steps), *(graph.inputs or {}), "workflow"]
        message = f"${{{path}}}: there is no step or input '{path.head}'"
        yield Issue("unknown_reference", mention.where, message, nearest(path.head, names))


def _output_issues(mention: Mention, target: Node, registry: Registry) -> Iterator[Issue]:
    node_type, keys = registry.get(target.type), mention.path.keys
    if node_type is None or not keys or keys[0] == "error":
        return
    outputs = BATCH_OUTPUTS if target.batch else (*node_type.outputs, *node_type.aliases)
    if keys[0] not in outputs:
        message = f"${{{mention.path}}}: '{target.id}' ({target.type}) has no output '{keys[0]}'"
        yield Issue("unknown_output", mention.where, message, nearest(str(keys[0]), outputs))


def _inputs_issues(mentions: list[Mention], graph: Graph) -> list[Issue]:
    """Inputs that are used and not declared, and declared and not used."""
    declared, seen = graph.inputs, set[str]()
    issues: list[Issue] = []
    for mention in mentions:
        name = _input_name(mention, graph)
        if name is None or name in seen:
            continue
        if declared is None:
            hint = f'declare it: "inputs": {{"{name}": {{"type": "string"}}}}'
            message = f"'{name}' is taken as a required input of the type string"
            issues.append(Issue("implicit_input", mention.where, message, hint))
        elif name not in declared:
            message = f"${{{mention.path}}}: the workflow declares no input '{name}'"
            issues.append(Issue("undefined_input", mention.where, message, nearest(name, declared)))
            continue
        seen.add(name)
    for name in declared or ():
        if name not in seen:
            message = f"the input '{name}' is used nowhere"
            issues.append(Issue("unused_input", f"/inputs{pointer(name)}", message, "use it or remove it"))
    return issues


def _input_name(mention: Mention, graph: Graph) -> str | None:
    path = mention.path
    if path.head == "workflow" and path.keys:
        return str(path.keys[0])
    return path.head if path.head not in graph.nodes and path.head in declared_inputs(graph) else None


# --- is it there in time ---------------------------------------------------------------------------------------------


def _order_issues(mentions: list[Mention], graph: Graph) -> list[Issue]:
    """References to steps that are not certain to have settled before."""
    to_steps = [
        (mention, mention.node.id, NodeId(mention.path.head))
        for mention in mentions
        if mention.node is not None and mention.path.head in graph.nodes and not _hidden_by_batch(mention)
    ]
    distant = [
        (mention, node, target)
        for mention, node, target in to_steps
        if target not in graph.predecessors[node] and not (mention.own_outputs and target == node)
    ]
    before = _Before(graph, (target for _, _, target in distant))
    wrong = [(mention, node, target) for mention, node, target in distant if not before(target, node)]
    after = _Before(graph, (node for _, node, _ in wrong))
    return [_too_early(mention, node, target, after(node, target)) for mention, node, target in wrong]


def _hidden_by_batch(mention: Mention) -> bool:
    batch = mention.node.batch if mention.node else None
    return batch is not None and mention.path.head in {"item", "index", batch.as_}


class _Before:
    """Whether one of the marked nodes comes before a node; one sweep of the graph answers for all."""

    def __init__(self, graph: Graph, marked: Iterable[NodeId]) -> None:
        self._bit = {node: at for at, node in enumerate(dict.fromkeys(marked))}
        self._seen = marked_before(graph.successors, self._bit) if self._bit else {}

    def __call__(self, first: NodeId, second: NodeId) -> bool:
        return bool(self._seen[second] >> self._bit[first] & 1)


def _too_early(mention: Mention, node: NodeId, target: NodeId, later: bool) -> Issue:
    if later or node == target:
        message = f"${{{mention.path}}}: '{target}' has not run yet when '{node}' starts"
        return Issue("forward_reference", mention.where, message, f"move '{node}' behind '{target}'")
    message = f"${{{mention.path}}}: '{target}' runs beside '{node}', not before it"
    hint = f"put '{node}' after the parallel block, or make the two one branch: {{\"pipeline\": [...]}}"
    return Issue("parallel_sibling_reference", mention.where, message, hint)
