"""Capabilities: what a workflow needs of the outside, and what of that was not granted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from runtime.addresses import canonical, unfit_host
from runtime.grants import Grants
from runtime.graph import Graph
from runtime.issues import Issue, JsonValue, nearest, pointer
from runtime.node_types import Registry
from runtime.references import MissingValue, Scope, compile_value, references_in
from runtime.secret_values import named_in

KINDS = ("shell", "code", "read", "write", "network", "model", "mcp", "env")
_OPEN = {
    "network": "any public host: the address comes from another step",
    "read": "any file: the path comes from another step",
    "write": "any file: the path comes from another step",
}


@dataclass(frozen=True, slots=True)
class Need:
    """A capability, and the step (by JSON pointer) that needs it."""

    capability: str
    path: str
    node: str


def needs_of(graph: Graph, registry: Registry, inputs: Mapping[str, JsonValue]) -> list[Need]:
    """Every capability of every step. What an input decides is known by now; what another step decides is left open."""
    found: list[Need] = []
    scope = {"workflow": dict(inputs)} | {name: value for name, value in inputs.items() if name not in graph.nodes}
    for node in graph.steps:
        found += [Need(f"env:{name}", node.path, node.id) for name in sorted(named_in(*node.parts))]
        for each, at in ((node, node.path), (node.undo, f"{node.path}/undo")):
            node_type = registry.get(each.type) if each is not None else None
            if each is not None and node_type is not None:
                params = {key: _with_inputs(value, scope) for key, value in each.params.items()}
                found += [Need(capability, at, node.id) for capability in node_type.capabilities(params)]
    for output, spec in (graph.outputs or {}).items():
        at = f"/outputs{pointer(output)}"
        found += [Need(f"env:{name}", at, f"outputs.{output}") for name in sorted(named_in(spec.from_))]
    return found


def _with_inputs(value: JsonValue, inputs: Scope) -> JsonValue:
    """A param with the values of inputs in place of their references; a text that refers to more stays as it is."""
    if isinstance(value, dict):
        return {key: _with_inputs(item, inputs) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_inputs(item, inputs) for item in value]
    if not isinstance(value, str):
        return value
    known = all(path.head in inputs for each in references_in(value) for path in each.paths)
    resolve = compile_value(value) if known else None
    try:
        return value if resolve is None else resolve(inputs)
    except MissingValue:
        return value


def in_words(capability: str, grants: Grants) -> str:
    """A capability for a person: what one without a scope opens, and where a path leads through links."""
    leads = f"it leads to {to}" if (to := grants.elsewhere(capability)) else _OPEN.get(capability)
    return f"'{capability}' ({leads})" if leads else f"'{capability}'"


def denied(needs: Iterable[Need], grants: Grants) -> Iterator[Issue]:
    """What is needed and not granted."""
    for need in needs:
        open_read = need.capability == "read"  # where it leads is known, and checked, when the step runs
        if not open_read and not grants.cover(need.capability):
            what = in_words(need.capability, grants)
            message = f"'{need.node}' needs the capability {what}, which was not granted"
            yield Issue("capability_denied", need.path, message, f"grant it with --allow {need.capability}, or --yes")


def unknown_grants(allowed: Iterable[str]) -> Iterator[Issue]:
    """Grants of a kind, or of a host, that cannot be."""
    for grant in allowed:
        kind, scoped, within = grant.partition(":")
        if kind not in KINDS:
            yield Issue("schema", "", f"there is no capability '{kind}'", nearest(kind, KINDS))
        elif scoped and not within:
            yield Issue(
                "schema", "", f"'{grant}' has an empty scope", f"write '{kind}:SCOPE', or '{kind}' for all of it"
            )
        elif scoped and kind == "network" and unfit_host(canonical(within)):
            yield Issue("schema", "", f"'{grant}' names no host", "write 'network:HOST', without scheme, port and path")
