"""What happened: facts as they come, and the record of a run made from them. Values only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

from runtime.graph import DEFAULT, NodeId
from runtime.issues import Issue, JsonValue
from runtime.workflow import JsonObject

NodeStatus = Literal["succeeded", "failed", "cancelled", "skipped", "undone", "not_started", "running", "waiting"]
RunStatus = Literal[
    "succeeded",
    "failed",
    "completed_with_errors",
    "rolled_back",
    "rollback_incomplete",
    "cancelled",
    "running",
    "waiting",
    "interrupted",
]

# Facts. `at` is in seconds since the run began. Named tuples: a run of a hundred thousand nodes makes twice as many.


class Begun(NamedTuple):
    """The run began."""

    at: float = 0.0


class Started(NamedTuple):
    """A node's first attempt has its place and begins."""

    node: NodeId
    at: float


class Succeeded(NamedTuple):
    """A node did its work. `trouble`: the first error of a batch that went on in spite of some, as code and message."""

    node: NodeId
    at: float
    outputs: JsonObject
    action: str = DEFAULT
    attempts: int = 1
    trouble: tuple[str, str] | None = None


class Failed(NamedTuple):
    node: NodeId
    at: float
    code: str
    message: str
    outputs: JsonObject
    attempts: int = 1
    touched: bool = True  # anything outside, so that there is something to undo


class Cancelled(NamedTuple):
    """A node was cancelled, and everything it had started has ended."""

    node: NodeId
    at: float
    attempts: int = 0


class TimedOut(NamedTuple):
    """A block (None: the run) took longer than it may. `round` counts how often a loop has brought it back.

    `limit`: not its own timeout has passed, but the limit of every run.
    """

    block: str | None
    at: float
    seconds: float
    round: int = 1
    limit: bool = False


class CancelRequested(NamedTuple):
    """Somebody outside wants the run to end."""

    at: float


class Undone(NamedTuple):
    """A node's undo has done its work."""

    node: NodeId
    at: float


class UndoFailed(NamedTuple):
    node: NodeId
    at: float
    code: str
    message: str


NodeEnd: TypeAlias = Succeeded | Failed | Cancelled
Fact: TypeAlias = Begun | Started | NodeEnd | TimedOut | CancelRequested | Undone | UndoFailed


@dataclass(frozen=True, slots=True)
class RunError:
    """One failure of a run; `node` None is the run itself."""

    node: str | None
    code: str
    message: str

    def to_json(self) -> JsonObject:
        return {"node": self.node, "code": self.code, "message": self.message}


class NodeRecord(NamedTuple):
    """How one node went. `started` and `finished` are in seconds since the run began, null if it never started."""

    status: NodeStatus
    type: str
    attempts: int = 0
    started: float | None = None
    finished: float | None = None
    visits: int = 0
    outputs: JsonObject | None = None
    error: JsonObject | None = None

    @property
    def seconds(self) -> float:
        return 0.0 if self.started is None or self.finished is None else self.finished - self.started

    def to_json(self) -> JsonObject:
        return {**self._asdict(), "started": _rounded(self.started), "finished": _rounded(self.finished)}


def _rounded(seconds: float | None) -> float | None:
    """To the microsecond: what lies beyond is noise."""
    return None if seconds is None else round(seconds, 6)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """How a run went: its status, outputs, every node, every error (the cause first), and the facts behind them."""

    run_id: str | None
    workflow: str
    status: RunStatus | None
    outputs: JsonObject = field(default_factory=dict)
    wall_seconds: float = 0.0
    critical_path_seconds: float = 0.0
    sequential_seconds: float = 0.0
    nodes: Mapping[str, NodeRecord] = field(default_factory=dict)
    errors: tuple[RunError, ...] = ()
    not_undone: tuple[str, ...] = ()
    issues: tuple[Issue, ...] = ()
    facts: tuple[Fact, ...] = ()

    @property
    def speedup(self) -> float | None:
        """How many times faster than one step after the other."""
        return self.sequential_seconds / self.wall_seconds if self.wall_seconds else None

    def to_json(self) -> dict[str, JsonValue]:
        """The object that `plait run --json` prints; the facts stay inside."""
        return {
            "run_id": self.run_id,
            "workflow": self.workflow,
            "status": self.status,
            "outputs": self.outputs,
            "wall_seconds": _rounded(self.wall_seconds),
            "critical_path_seconds": _rounded(self.critical_path_seconds),
            "sequential_seconds": _rounded(self.sequential_seconds),
            "speedup": None if self.speedup is None else round(self.speedup, 3),
            "nodes": {name: node.to_json() for name, node in self.nodes.items()},
            "errors": [error.to_json() for error in self.errors],
            "not_undone": list(self.not_undone),
            "issues": [issue.to_json() for issue in self.issues],
        }
