"""The public names of the runtime: documents in, run records out."""

from runtime.bounds import Limits
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
from runtime.documents import Document, locate, read_document
from runtime.graph import (
    Block,
    Cycle,
    Edge,
    Graph,
    Node,
    NodeId,
    build_graph,
    critical_path,
    ordered_pairs,
    topological,
)
from runtime.issues import InvalidWorkflow, Issue, JsonValue, PlaitError, Refused, Unavailable, nearest, pointer
from runtime.node_types import Effect, NodeContext, NodeFailed, NodeType, Registry, Routed, installed_types, node_type
from runtime.policy import KINDS, needs_of
from runtime.record import NodeRecord, RunError, RunRecord
from runtime.redaction import Redactor, SecretHit, SecretStream, secrets_of
from runtime.references import Reference, as_text, parse_template, references_in
from runtime.running import Execution, Prepared, examine_document, load, prepare, run
from runtime.secret_values import SecretSource
from runtime.shape import known_part, model_issues, show
from runtime.views import draw
from runtime.virtual_time import VirtualTimeLoop, run_in_virtual_time
from runtime.workflow import LANGUAGE_VERSION

__all__ = [
    "KINDS",
    "LANGUAGE_VERSION",
    "Block",
    "CassetteMiss",
    "Completion",
    "CompletionClient",
    "CompletionError",
    "CompletionRequest",
    "Cycle",
    "Document",
    "Edge",
    "Effect",
    "Examination",
    "Execution",
    "Graph",
    "InvalidWorkflow",
    "Issue",
    "JsonValue",
    "Limits",
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
    "Reference",
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
    "as_text",
    "build_graph",
    "critical_path",
    "draw",
    "examine",
    "examine_document",
    "installed_types",
    "known_part",
    "load",
    "locate",
    "model_issues",
    "nearest",
    "needs_of",
    "node_type",
    "ordered_pairs",
    "parse_template",
    "pointer",
    "prepare",
    "read_document",
    "references_in",
    "run",
    "run_in_virtual_time",
    "secrets_of",
    "show",
    "topological",
]
