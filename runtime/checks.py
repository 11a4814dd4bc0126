"""All issues of a workflow against a registry, phase by phase: shape, then everything that it means.

References have rules enough for a file of their own (`reference_checks`), and so have warnings (`lint`).
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, replace

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from runtime.bounds import DEFAULTS, Limits
from runtime.document_walk import too_deep
from runtime.graph import Graph, Node, cycles
from runtime.inputs import misfits
from runtime.issues import Code, Issue, JsonValue, errors_of, nearest, pointer
from runtime.lint import warnings_of
from runtime.node_types import NodeType, Registry
from runtime.normalise import normalise
from runtime.reference_checks import RESERVED, check_references
from runtime.references import parse_template, strings_in
from runtime.shape import Hints, entries_in, requirement, shape, show
from runtime.workflow import GraphWorkflow, JsonObject, Workflow

# Node types of the language that are not there yet, and what to do meanwhile.
COMING = {
    "approve": "ask the person before the run, or split the workflow in two at this step",
    "mcp": "call the tool with a 'shell' or 'http' step",
    "workflow": "write the steps of the sub-workflow out, or run it with a 'shell' step",
}


@dataclass(frozen=True, slots=True)
class Examination:
    """A document examined: the workflow and its graph as far as it has some, and every issue of the phase reached.

    `document` is what was examined, None for a graph built in Python.
    """

    workflow: Workflow | None
    graph: Graph | None
    issues: tuple[Issue, ...]
    document: JsonValue = None

    @property
    def valid(self) -> bool:
        return self.graph is not None and not errors_of(self.issues)


def examine(value: JsonValue, registry: Registry, limits: Limits = DEFAULTS) -> Examination:
    """A JSON value as a checked graph. Never raises for what the value is."""
    if beyond := too_deep(value, limits.document_depth) or _too_many(value, limits.document_entries):
        return Examination(None, None, (beyond,))
    shaped = shape(value)
    if shaped.workflow is None:
        return Examination(None, None, shaped.issues)
    normalised = normalise(shaped.workflow)
    found = [*shaped.issues, *normalised.issues, *check(normalised.graph, registry)]
    if all(issue.code == "unknown_key" for issue in errors_of(found)):
        found += warnings_of(normalised.graph, registry, inferred=isinstance(shaped.workflow, GraphWorkflow))
    return Examination(shaped.workflow, normalised.graph, tuple(found), value)


def _too_many(value: JsonValue, most: int) -> Issue | None:
    if (count := entries_in(value)) <= most:
        return None
    message = f"{count} steps, blocks and edges; {most} are the limit of a document"
    return Issue("document_limits", "", message, "build larger graphs through the Python API")


def check(graph: Graph, registry: Registry) -> list[Issue]:
    """What is wrong with a graph, and what was left implicit in it."""
    cycles = list(_cycles(graph))
    issues = [*cycles, *_reserved(graph), *_input_defaults(graph)]
    hints = Hints()
    for node in graph.steps:
        issues += _node_issues(node, graph, registry, hints)
    return issues + check_references(graph, registry, ordered=not cycles)


def _cycles(graph: Graph) -> Iterator[Issue]:
    number: dict[tuple[Hashable, Hashable], int] = {
        (edge.source, edge.target): at for at, edge in enumerate(graph.edges) if not edge.back
    }
    for cycle in cycles(graph.successors):
        closing = max(number[pair] for pair in zip(cycle.nodes, (*cycle.nodes[1:], cycle.nodes[0]), strict=True))
        hint = "remove an edge; a loop needs an action other than 'default' on the edge that leads back"
        yield Issue("cycle", graph.edges[closing].path, f"the steps wait for each other: {cycle}", hint)


def _reserved(graph: Graph) -> Iterator[Issue]:
    taken = RESERVED | {node.batch.as_ for node in graph.steps if node.batch}
    for name, path in [*((n.id, n.path) for n in graph.steps), *((b.id, b.path) for b in graph.blocks)]:
        if name in taken:
            message = f"the id '{name}' is reserved: '${{{name}}}' has a meaning of its own"
            yield Issue("reserved_id", f"{path}/id", message, "choose another id")


def _input_defaults(graph: Graph) -> Iterator[Issue]:
    for name, spec in (graph.inputs or {}).items():
        if spec.default is not None:
            for issue in misfits(spec.default, spec, f"/inputs{pointer(name)}/default"):
                yield replace(issue, code="schema")


def _node_issues(node: Node, graph: Graph, registry: Registry, hints: Hints) -> Iterator[Issue]:
    yield from _type_issues(node.type, node.params, node.path, registry, hints)
    if node.undo is not None:
        kind = node.undo.type.replace("-", "_")
        yield from _type_issues(kind, node.undo.params, f"{node.path}/undo", registry, hints)
    for said, path in ((node, node.path), (node.undo, f"{node.path}/undo")):
        if said is not None and said.pool is not None and said.pool not in graph.settings.pools:
            known = nearest(said.pool, graph.settings.pools)
            yield Issue("schema", f"{path}/pool", f"there is no pool '{said.pool}' in settings.pools", known)
    if node.batch is not None and not _may_be_list(node.batch.items):
        hint = 'a list, or a reference to one: "${list.files}"'
        yield Issue("batch_items", f"{node.path}/batch/items", f"found {show(node.batch.items)}", hint)


def _may_be_list(items: JsonValue) -> bool:
    parts = parse_template(items) if isinstance(items, str) else ()
    return isinstance(items, list) or (len(parts) == 1 and not isinstance(parts[0], str))


def _type_issues(name: str, params: JsonObject, path: str, registry: Registry, hints: Hints) -> Iterator[Issue]:
    node_type = registry.get(name)
    if node_type is None and name in COMING:
        message = f"the node type '{name}' is part of the language, but this version does not run it yet"
        yield Issue("not_yet_supported", f"{path}/type", message, COMING[name])
    elif node_type is None:
        yield Issue(
            "unknown_node_type", f"{path}/type", f"there is no node type '{name}'", hints.nearest(name, registry)
        )
    else:
        yield from check_params(node_type, params, f"{path}/params")


def check_params(node_type: NodeType, params: JsonObject, path: str) -> list[Issue]:
    """What is wrong with params as written. What a reference will bring is not known yet and not judged."""
    issues: dict[str, Issue] = {}
    try:
        node_type.params.model_validate_json(json.dumps(params), strict=True)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            for issue in _param_issue(detail, node_type, params, path):
                issues.setdefault(issue.path, issue)
    for problem in node_type.check(params):
        where = path + pointer(*problem.keys)
        issues.setdefault(where, Issue(problem.code, where, problem.message, problem.hint))
    return list(issues.values())


def _param_issue(detail: ErrorDetails, node_type: NodeType, params: JsonObject, path: str) -> Iterator[Issue]:
    keys, found = _inside(params, detail["loc"])
    where, name = path + pointer(*keys), str(keys[-1]) if keys else ""
    match detail["type"]:
        case "missing":
            where, missing = path + pointer(*keys, detail["loc"][-1]), detail["loc"][-1]
            yield Issue("missing_param", where, "missing", f"node type '{node_type.name}' needs '{missing}'")
        case "extra_forbidden" if len(keys) == 1:
            known = [field.alias or key for key, field in node_type.params.model_fields.items()]
            yield Issue("unknown_param", where, f"'{node_type.name}' has no param '{name}'", nearest(name, known))
        case "missing_param" | "unknown_param" | "param_type" as own:
            code: Code = own
            yield Issue(code, where, detail["msg"])
        case _:
            if _holds_reference(found):
                return
            yield Issue("param_type", where, f"found {show(found)}", f"must be {requirement(detail)}")


def _inside(params: JsonValue, loc: tuple[str | int, ...]) -> tuple[list[str | int], JsonValue]:
    """The part of an error's location that exists in the params (it also names union members), and what is there."""
    keys: list[str | int] = []
    value = params
    for key in loc:
        try:
            value = value[key]  # type: ignore[index]  # what does not fit is what this asks
        except (KeyError, IndexError, TypeError):
            continue
        keys.append(key)
    return keys, value


def _holds_reference(value: JsonValue) -> bool:
    return any("${" in text for _, text in strings_in(value))
