"""Capabilities: what a workflow needs of the outside, what was granted, and whether the one covers the other.

A capability is a kind, or a kind and a scope: `shell`, `write:out/`, `network:api.example.com`. A kind alone covers all
its scopes; a folder covers what is inside. Reading below the working directory and the configured model need no grant.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from runtime.graph import Graph
from runtime.issues import Issue, JsonValue, nearest
from runtime.node_types import Registry
from runtime.references import MissingValue, Scope, compile_value, references_in

KINDS = ("shell", "code", "read", "write", "network", "model", "mcp", "env")
FREE = frozenset({"model"})


@dataclass(frozen=True, slots=True)
class Need:
    """A capability, and the step (by JSON pointer) that needs it."""

    capability: str
    path: str
    node: str


@dataclass(frozen=True, slots=True)
class Grants:
    """What a run may do. Paths are compared as the file system has them, from `directory`, every link followed."""

    allowed: frozenset[str] = frozenset()
    directory: Path = Path()

    def cover(self, capability: str) -> bool:
        """Whether one of the grants, or a freedom that needs none, includes the capability."""
        if capability in FREE:
            return True
        kind, _, scope = capability.partition(":")
        if kind == "read" and scope and self._inside(scope, "."):
            return True
        return any(self._covers(grant, kind, scope) for grant in self.allowed)

    def _covers(self, grant: str, kind: str, scope: str) -> bool:
        granted, scoped, within = grant.partition(":")
        if granted != kind:
            return False
        if not scoped or within == scope:
            return True
        return bool(scope and within) and kind in ("read", "write") and self._inside(scope, within)

    def _inside(self, path: str, folder: str) -> bool:
        outer, inner = (os.path.realpath(self.directory / each) for each in (folder, path))
        return inner == outer or inner.startswith(os.path.join(outer, ""))


def needs_of(graph: Graph, registry: Registry, inputs: Mapping[str, JsonValue]) -> list[Need]:
    """Every capability of every step. What an input decides is known by now; what another step decides is left open."""
    found: list[Need] = []
    scope = {"workflow": dict(inputs)} | {name: value for name, value in inputs.items() if name not in graph.nodes}
    for node in graph.steps:
        for each, at in ((node, node.path), (node.undo, f"{node.path}/undo")):
            node_type = registry.get(each.type) if each is not None else None
            if each is not None and node_type is not None:
                params = {key: _with_inputs(value, scope) for key, value in each.params.items()}
                found += [Need(capability, at, node.id) for capability in node_type.capabilities(params)]
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


def denied(needs: Iterable[Need], grants: Grants) -> Iterator[Issue]:
    """What is needed and not granted."""
    for need in needs:
        open_read = need.capability == "read"  # where it leads is known, and checked, when the step runs
        if not open_read and not grants.cover(need.capability):
            message = f"'{need.node}' needs the capability '{need.capability}', which was not granted"
            yield Issue("capability_denied", need.path, message, f"grant it with --allow {need.capability}, or --yes")


def unknown_grants(allowed: Iterable[str]) -> Iterator[Issue]:
    """Grants of a kind that does not exist."""
    for grant in allowed:
        kind, scoped, within = grant.partition(":")
        if kind not in KINDS:
            yield Issue("schema", "", f"there is no capability '{kind}'", nearest(kind, KINDS))
        elif scoped and not within:
            yield Issue(
                "schema", "", f"'{grant}' has an empty scope", f"write '{kind}:SCOPE', or '{kind}' for all of it"
            )
