"""From a sentence to a running parallel workflow: the public names, each imported when it is first used."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from plait.api import plan, plan_sync, run, run_sync
    from planner import Attempt, Budget, InvalidRequest, NotAccepted, Plan
    from runtime.bounds import Limits
    from runtime.completion import Completion, CompletionClient, CompletionRequest, ScriptedClient
    from runtime.graph import Edge, Graph, Node, build_graph
    from runtime.issues import InvalidWorkflow, Issue, PlaitError, Refused, Unavailable
    from runtime.node_types import NodeContext, NodeFailed, NodeType, Registry, installed_types, node_type
    from runtime.record import NodeRecord, RunRecord

_HOMES = {
    "plait.api": ("plan", "plan_sync", "run", "run_sync"),
    "planner": ("Attempt", "Budget", "InvalidRequest", "NotAccepted", "Plan"),
    "runtime.bounds": ("Limits",),
    "runtime.completion": ("Completion", "CompletionClient", "CompletionRequest", "ScriptedClient"),
    "runtime.graph": ("Edge", "Graph", "Node", "build_graph"),
    "runtime.issues": ("InvalidWorkflow", "Issue", "PlaitError", "Refused", "Unavailable"),
    "runtime.node_types": ("NodeContext", "NodeFailed", "NodeType", "Registry", "installed_types", "node_type"),
    "runtime.record": ("NodeRecord", "RunRecord"),
}

__all__ = [
    "Attempt",
    "Budget",
    "Completion",
    "CompletionClient",
    "CompletionRequest",
    "Edge",
    "Graph",
    "InvalidRequest",
    "InvalidWorkflow",
    "Issue",
    "Limits",
    "Node",
    "NodeContext",
    "NodeFailed",
    "NodeRecord",
    "NodeType",
    "NotAccepted",
    "PlaitError",
    "Plan",
    "Refused",
    "Registry",
    "RunRecord",
    "ScriptedClient",
    "Unavailable",
    "build_graph",
    "installed_types",
    "node_type",
    "plan",
    "plan_sync",
    "run",
    "run_sync",
]


if not TYPE_CHECKING:  # a type checker would take any name at all for one of these

    def __getattr__(name: str) -> object:
        for home, names in _HOMES.items():
            if name in names:
                return getattr(import_module(home), name)
        raise AttributeError(f"module 'plait' has no attribute '{name}'")
