"""The public names of the runtime: documents in, run records out."""

from runtime.checks import Examination, examine
from runtime.completion import (
    CassetteMiss,
    Completion,
    CompletionClient,
    CompletionError,
    CompletionRequest,
    Message,
    ScriptedClient,
    Usage,
)
from runtime.documents import Document, read_document
from runtime.graph import Block, Edge, Graph, Node, NodeId, build_graph, ordered_pairs
from runtime.issues import InvalidWorkflow, Issue, JsonValue, PlaitError, Refused, Unavailable
from runtime.node_types import Effect, NodeContext, NodeFailed, NodeType, Registry, Routed, installed_types, node_type
from runtime.record import NodeRecord, RunError, RunRecord
from runtime.redaction import Redactor, SecretHit, SecretStream, secrets_of
from runtime.running import Execution, Prepared, examine_document, load, prepare, run
from runtime.secret_values import SecretSource
from runtime.views import draw
from runtime.virtual_time import VirtualTimeLoop, run_in_virtual_time

__all__ = [
    "Block",
    "CassetteMiss",
    "Completion",
    "CompletionClient",
    "CompletionError",
    "CompletionRequest",
    "Document",
    "Edge",
    "Effect",
    "Examination",
    "Execution",
    "Graph",
    "InvalidWorkflow",
    "Issue",
    "JsonValue",
    "Message",
    "Node",
    "NodeContext",
    "NodeFailed",
    "NodeId",
    "NodeRecord",
    "NodeType",
    "PlaitError",
    "Prepared",
    "Redactor",
    "Refused",
    "Registry",
    "Routed",
    "RunError",
    "RunRecord",
    "ScriptedClient",
    "SecretHit",
    "SecretSource",
    "SecretStream",
    "Unavailable",
    "Usage",
    "VirtualTimeLoop",
    "build_graph",
    "draw",
    "examine",
    "examine_document",
    "installed_types",
    "load",
    "node_type",
    "ordered_pairs",
    "prepare",
    "read_document",
    "run",
    "run_in_virtual_time",
    "secrets_of",
]
