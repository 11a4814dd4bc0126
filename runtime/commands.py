"""What the scheduler may ask of whoever carries a run out, and where a node may stand. Values only."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, TypeAlias

from runtime.graph import NodeId
from runtime.record import RunStatus


class Start(NamedTuple):
    """Begin a visit of this node."""

    node: NodeId


class CancelRunning(NamedTuple):
    """End these nodes; each answers with a fact of its own when it has. A visit is named once at most."""

    nodes: tuple[NodeId, ...]


class WatchBlock(NamedTuple):
    """A block with a timeout has started; say so if it takes longer than `seconds`."""

    block: str
    seconds: float
    round: int


class Forget(NamedTuple):
    """Drop what the node gave in an earlier round of its loop: it is passed over in this one."""

    node: NodeId


class Undo(NamedTuple):
    """Take back the effects of one visit of a node. At most one undo is under way."""

    node: NodeId
    visit: int


class Finish(NamedTuple):
    """The run has ended; nothing follows."""

    status: RunStatus


Command: TypeAlias = Start | CancelRunning | WatchBlock | Forget | Undo | Finish


class State(IntEnum):
    """Where a node stands. From SKIPPED on it is settled."""

    PENDING = 0
    READY = 1  # a Start was given; its attempt may still wait for a place
    RUNNING = 2
    SKIPPED = 3
    SUCCEEDED = 4
    FAILED = 5
    CANCELLED = 6
    UNDONE = 7
    NOT_STARTED = 8


IN_FLIGHT = (State.READY, State.RUNNING)
