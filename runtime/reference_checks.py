"""Is every reference legal where it stands: is there such a value, and is it certain to be there in time? Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from runtime.certainty import Certainty
from runtime.graph import Graph, Node, NodeId, adjacency, components, marked_before
from runtime.inputs import declared_inputs
from runtime.issues import Issue, JsonValue, pointer
from runtime.node_types import Registry
from runtime.references import BrokenReference, Path, Reference, keys_in, parse_template, strings_in
from runtime.shape import Hints
from runtime.workflow import BATCH_OUTPUTS, InputSpec, JsonObject

RESERVED = frozenset({"workflow", "secret", "item", "index"})


@dataclass(frozen=True, slots=True)
class Mention:
    """One path of one reference: `node` is the step that makes it (None: the workflow's outputs)."""

    node: Node | None
    where: str
    path: Path
    optional: bool = False  # with `??`
    own_outputs: bool = False  # inside `undo`, where the step itself may be named

    @property
    def lasting(self) -> bool:
        """Whether it is the step's `error`, which is there however the step ended, and null if it did not run."""
        return self.path.keys[:1] == ("error",)

    @property
    def hidden_by_batch(self) -> bool:
        """Whether the name is one that the step's own batch gives."""
        batch = self.node.batch if self.node else None
        return batch is not None and self.path.head in {"item", "index", batch.as_}


@dataclass(frozen=True, slots=True)
class _Known:
    """What a reference may name, and the hints for one that names something else."""

    graph: Graph
    registry: Registry
    inputs: Mapping[str, InputSpec]
    hints: Hints

    def __contains__(self, head: str) -> bool:
        return head in self.graph.nodes or head in self.inputs or head in ("workflow", "secret")


def check_references(graph: Graph, registry: Registry, *, ordered: bool) -> list[Issue]:
    """Every issue of every reference. `ordered` False (there is a cycle): what comes before what is not judged."""
    known = _Known(graph, registry, declared_inputs(graph), Hints())
    issues: list[Issue] = []
    mentions: list[Mention] = []
    for place in _places(graph, registry):
        for part in place.parts():
            if isinstance(part, Reference):
                mentions += place.mentions(part)
            else:
                issues.append(Issue("invalid_reference", place.where, f"{part.text}: {part.reason}", part.hint))
        issues += place.misplaced(known)
    for mention in mentions:
        issues += _head_issues(mention, known)
    issues += _inputs_issues(mentions, known)
    return list(dict.fromkeys(issues + (_order_issues(mentions, graph) if ordered else [])))


# --- where references stand ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Place:
    """A string that holds a `${`."""

    node: Node | None
    where: str
    text: str = ""
    verbatim: bool = False
    key: bool = False
    in_undo: bool = False

    def parts(self) -> Iterable[Reference | BrokenReference]:
        """Each reference once: what is written again at this place is no more wrong."""
        found = () if self.verbatim or self.key else parse_template(self.text)
        return {part.text: part for part in found if not isinstance(part, str)}.values()

    def mentions(self, reference: Reference) -> Iterator[Mention]:
        for path in reference.paths:
            yield Mention(self.node, self.where, path, reference.has_fallback, self.in_undo)

    def misplaced(self, known: _Known) -> Iterator[Issue]:
        """References in keys and in verbatim text: they would stay as they are, which nobody means."""
        for part in parse_template(self.text) if self.verbatim or self.key else ():
            if isinstance(part, Reference) and any(path.head in known for path in part.paths):
                what = "a key" if self.key else "the source of code"
                by_inputs = f'pass it in: "inputs": {{"x": "{part.text}"}}'
                hint = "a reference stands only in a value" if self.key else by_inputs
                yield Issue("invalid_reference", self.where, f"{part.text}: {what} takes no references", hint)


def _places(graph: Graph, registry: Registry) -> Iterator[_Place]:
    """Every string that holds a `${`, in document order."""
    for node in graph.steps:
        yield from _param_places(node, node.type, node.params, f"{node.path}/params", registry)
        if node.batch is not None:
            yield from _value_places(node.batch.items, _Place(node, f"{node.path}/batch/items"))
        if node.undo is not None:
            kind, at = node.undo.type.replace("-", "_"), f"{node.path}/undo/params"
            yield from _param_places(node, kind, node.undo.params, at, registry, in_undo=True)
    for name, output in (graph.outputs or {}).items():
        yield from _value_places(output.from_, _Place(None, f"/outputs{pointer(name)}{output.place}"))


def _param_places(
    node: Node, kind: str, params: JsonObject, at: str, registry: Registry, in_undo: bool = False
) -> Iterator[_Place]:
    node_type = registry.get(kind)
    verbatim = node_type.verbatim if node_type else frozenset[str]()
    for name, value in params.items():
        here = _Place(node, at + pointer(name), in_undo=in_undo)
        if "${" in name:
            yield replace(here, text=name, key=True)
        yield from _value_places(value, replace(here, verbatim=name in verbatim))


def _value_places(value: JsonValue, here: _Place) -> Iterator[_Place]:
    """The place itself, if the value is a string, and those inside it, the keys last."""
    for where, text in strings_in(value, here.where):
        if "${" in text:
            yield replace(here, where=where, text=text)
    for where, key in keys_in(value, here.where):
        if "${" in key:
            yield replace(here, where=where, text=key, key=True)


# --- is there such a value -------------------------------------------------------------------------------------------


def _head_issues(mention: Mention, known: _Known) -> Iterator[Issue]:
    path = mention.path
    if mention.hidden_by_batch:
        return
    if path.head in known.graph.nodes:
        yield from _output_issues(mention, known)
    elif path.head in ("item", "index"):
        message = f"${{{path}}} has a value only in a step with 'batch'"
        yield Issue("unknown_reference", mention.where, message, "add 'batch' to the step, or refer to another step")
    elif path.head in ("workflow", "secret"):
        if not (path.keys and isinstance(path.keys[0], str)):
            message = f"${{{path}}}: which one is not said"
            yield Issue("invalid_reference", mention.where, message, f"write ${{{path.head}.NAME}}")
    elif path.head not in known.inputs:
        names = chain((step.id for step in known.graph.steps), known.inputs, ("workflow",))
        message = f"${{{path}}}: there is no step or input '{path.head}'"
        yield Issue("unknown_reference", mention.where, message, known.hints.nearest(path.head, names))


def _output_issues(mention: Mention, known: _Known) -> Iterator[Issue]:
    target, keys = known.graph.nodes[NodeId(mention.path.head)], mention.path.keys
    node_type = known.registry.get(target.type)
    if node_type is None or not keys or keys[0] == "error":
        return
    outputs = BATCH_OUTPUTS if target.batch else (*node_type.outputs, *node_type.aliases)
    if keys[0] not in outputs:
        message = f"${{{mention.path}}}: '{target.id}' ({target.type}) has no output '{keys[0]}'"
        yield Issue("unknown_output", mention.where, message, known.hints.nearest(str(keys[0]), outputs))
    elif not target.batch:
        output = node_type.aliases.get(str(keys[0]), str(keys[0]))
        if odd := _not_in_schema(node_type.schemas(target.params).get(output), keys[1:]):
            message = f"${{{mention.path}}}: the schema of '{target.id}' has no '{odd[0]}' there"
            yield Issue("unknown_output", mention.where, message, known.hints.nearest(odd[0], odd[1]))


def _not_in_schema(schema: JsonValue, keys: tuple[str | int, ...]) -> tuple[str, list[str]] | None:
    """The first key that a JSON Schema rules out, and those that it knows there; None if it rules out nothing."""
    for key in keys:
        if not isinstance(schema, dict):
            return None
        if isinstance(key, int):
            schema = schema.get("items")
            continue
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return None
        if key not in properties:
            return None if schema.get("additionalProperties") else (key, list(properties))
        schema = properties[key]
    return None


def _inputs_issues(mentions: list[Mention], known: _Known) -> Iterator[Issue]:
    """Inputs that are used and not declared, and declared and not used."""
    declared, seen = known.graph.inputs, set[str]()
    for mention in mentions:
        name = _input_name(mention, known)
        if name is None or name in seen:
            continue
        if declared is None:
            hint = f'declare it: "inputs": {{"{name}": {{"type": "string"}}}}'
            message = f"'{name}' is taken as a required input of the type string"
            yield Issue("implicit_input", mention.where, message, hint)
        elif name not in declared:
            message = f"${{{mention.path}}}: the workflow declares no input '{name}'"
            yield Issue("undefined_input", mention.where, message, known.hints.nearest(name, declared))
            continue
        seen.add(name)
    for name in declared or ():
        if name not in seen:
            message = f"the input '{name}' is used nowhere"
            yield Issue("unused_input", f"/inputs{pointer(name)}", message, "use it or remove it")


def _input_name(mention: Mention, known: _Known) -> str | None:
    path = mention.path
    if path.head == "workflow":
        return path.keys[0] if path.keys and isinstance(path.keys[0], str) else None
    is_input = path.head not in known.graph.nodes and path.head in known.inputs and not mention.hidden_by_batch
    return path.head if is_input else None


# --- is it there in time ---------------------------------------------------------------------------------------------


def _order_issues(mentions: list[Mention], graph: Graph) -> list[Issue]:
    """References to steps that are not certain to have settled before, or not certain to have run."""
    to_steps = [
        (mention, mention.node.id, NodeId(mention.path.head))
        for mention in mentions
        if mention.node is not None and mention.path.head in graph.nodes and not mention.hidden_by_batch
    ]
    distant = [
        (mention, node, target)
        for mention, node, target in to_steps
        if target not in graph.predecessors[node] and not (mention.own_outputs and target == node)
    ]
    before = _Before(graph, (target for _, _, target in distant))
    wrong = [(mention, node, target) for mention, node, target in distant if not before(target, node)]
    after, in_one_loop = _Before(graph, (node for _, node, _ in wrong)), _loops(graph)
    early = [
        _too_early(mention, node, target, after(node, target), in_one_loop(node, target))
        for mention, node, target in wrong
        if not (mention.optional and after(node, target) and in_one_loop(node, target))
    ]
    late, certainty = {(node, target) for _, node, target in wrong}, Certainty(graph)
    return early + [
        _perhaps_skipped(mention, node, target)
        for mention, node, target in to_steps
        if not (mention.optional or mention.lasting or (node, target) in late or certainty.runs_whenever(target, node))
    ]


def _loops(graph: Graph) -> Callable[[NodeId, NodeId], bool]:
    """Whether two steps are of one loop: then one may be asked for what it gave the round before."""
    if not any(edge.back for edge in graph.edges):
        return lambda one, other: False
    group = components(adjacency(graph.nodes, ((edge.source, edge.target) for edge in graph.edges)))
    return lambda one, other: group[one] == group[other]


class _Before:
    """Whether one of the marked nodes comes before a node; one sweep of the graph answers for all."""

    def __init__(self, graph: Graph, marked: Iterable[NodeId]) -> None:
        self._bit = {node: at for at, node in enumerate(dict.fromkeys(marked))}
        self._seen = marked_before(graph.successors, self._bit) if self._bit else {}

    def __call__(self, first: NodeId, second: NodeId) -> bool:
        return bool(self._seen[second] >> self._bit[first] & 1)


def _too_early(mention: Mention, node: NodeId, target: NodeId, later: bool, looped: bool) -> Issue:
    if node == target:
        message = f"${{{mention.path}}}: '{node}' refers to its own outputs"
        return Issue("forward_reference", mention.where, message, "refer to a step that runs before it")
    if later:
        message = f"${{{mention.path}}}: '{target}' has not run yet when '{node}' starts"
        hint = f"move '{node}' behind '{target}'"
        if looped:
            hint = f'say what it is in the first round: "${{{mention.path} ?? null}}"'
        return Issue("forward_reference", mention.where, message, hint)
    message = f"${{{mention.path}}}: '{target}' runs beside '{node}', not before it"
    hint = f"put '{node}' behind '{target}': after the block, in one branch {{\"pipeline\": [...]}}, or by an edge"
    return Issue("parallel_sibling_reference", mention.where, message, hint)


def _perhaps_skipped(mention: Mention, node: NodeId, target: NodeId) -> Issue:
    message = f"${{{mention.path}}}: '{target}' does not run on every way to '{node}'"
    hint = f'say what it is otherwise: "${{{mention.path} ?? null}}"'
    return Issue("unguaranteed_reference", mention.where, message, hint)
