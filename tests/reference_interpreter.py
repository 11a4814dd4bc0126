"""A second, slow reading of the workflow language: what a run must look like, worked out event by event.

It holds no counters and no flags that could go stale: whether an edge is live or a node may start is asked of the state
anew each time. It knows a graph and a script of what each attempt does, and shares no code with the scheduler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from runtime.graph import Block, BlockId, Edge, Graph, Node, NodeId
from runtime.references import references_in
from tests.scripts import UNTOUCHED, End, Script, Stretch, cut_short, future

RUN = BlockId("#the run")
SETTLED = ("succeeded", "failed", "cancelled", "skipped", "undone")


@dataclass(slots=True)
class Place:
    """Where a node stands in the present round, and what remains of its visits."""

    node: Node
    status: str = "pending"
    action: str | None = None  # under which it was left; None: its edges are dead
    handled: bool = False  # it failed, and `error` leads on
    left: bool = False  # its end has become known to those behind it
    lost: bool = False  # its outputs are null for the sake of a failure
    called: bool = False  # a loop begins here
    visits: int = 0
    started: float | None = None
    finished: float | None = None
    last: str | None = None  # the status of the last visit
    value: int | None = None  # what others see of it: the number of the visit
    error: str | None = None
    seen: object = None  # what it saw of another
    asked: int = 0  # the how manieth it was to be asked to end
    undone: int = 0
    end: End | None = None
    stretches: list[Stretch] = field(default_factory=list)


@dataclass(slots=True)
class Reference:
    """One run. After `run`, `places`, `status`, `errors`, `not_undone` and `undone` say how it went."""

    graph: Graph
    script: Script
    places: dict[NodeId, Place] = field(init=False)
    status: str = ""
    errors: list[tuple[str | None, str]] = field(default_factory=list)
    not_undone: list[str] = field(default_factory=list)
    undone: list[tuple[str, int | None]] = field(default_factory=list)
    now: float = 0.0
    ending: str | None = None
    failed: set[BlockId] = field(default_factory=set)
    deadlines: dict[BlockId, float] = field(default_factory=dict)
    touched: list[tuple[NodeId, int | None]] = field(default_factory=list)
    rolling: list[BlockId] = field(default_factory=list)
    looping: list[tuple[NodeId, str]] = field(default_factory=list)
    undo: tuple[NodeId, int | None, float, bool] | None = None
    cancel_at: float | None = None
    asked: int = 0

    def __post_init__(self) -> None:
        self.places = {name: Place(node) for name, node in self.graph.nodes.items()}
        self.cancel_at = self.script.cancelled_at
        if self.graph.settings.timeout is not None:
            self.deadlines[RUN] = self.graph.settings.timeout

    def run(self) -> None:
        self.settle()
        while self.busy():
            self.next_event()
            self.settle()
        for place in self.places.values():
            if place.status in ("pending", "skipped") and place.last is not None:
                place.status = place.last
            elif place.status == "pending":
                place.status = "not_started"
        self.status = self.ending or ("completed_with_errors" if self.errors else "succeeded")
        if self.not_undone and self.status != "cancelled":
            self.status = "rollback_incomplete"

    # --- what there is -----------------------------------------------------------------------------------------------

    def into(self, node: NodeId) -> list[Edge]:
        return [edge for edge in self.graph.edges if edge.target == node and not edge.back]

    def out_of(self, node: NodeId, action: str, *, back: bool) -> list[NodeId]:
        found = (edge for edge in self.graph.edges if edge.source == node and edge.back is back)
        return [edge.target for edge in found if edge.action == action]

    def behind(self, node: NodeId) -> set[NodeId]:
        found, stack = {node}, [node]
        while stack:
            new = set(self.graph.successors[stack.pop()]) - found
            found |= new
            stack += new
        return found

    def blocks_around(self, node: NodeId) -> list[Block]:
        """Innermost first."""
        return sorted((each for each in self.graph.blocks if node in each.nodes), key=self.depth, reverse=True)

    def depth(self, block: Block) -> int:
        parents = {each.id: each.parent for each in self.graph.blocks}
        depth, at = 0, block.parent
        while at is not None:
            depth, at = depth + 1, parents[at]
        return depth

    def inside(self, scope: BlockId) -> list[NodeId]:
        """The steps of a block, or of the run."""
        if scope == RUN:
            return [node.id for node in self.graph.steps]
        nodes = next(each.nodes for each in self.graph.blocks if each.id == scope)
        return [node.id for node in self.graph.steps if node.id in nodes]

    def dropped(self, node: NodeId) -> bool:
        return any(block.id in self.failed for block in self.blocks_around(node))

    def rolling_back(self, node: NodeId) -> bool:
        return any(node in self.inside(scope) for scope in self.rolling)

    def busy(self) -> bool:
        return self.undo is not None or any(place.status == "running" for place in self.places.values())

    # --- the present moment ------------------------------------------------------------------------------------------

    def has_left(self, node: NodeId) -> bool:
        """Whether the node has said which of its edges are live."""
        place = self.places[node]
        if not place.left:
            return False
        on_its_way_back = (node, place.action) in self.looping
        return not on_its_way_back or bool(self.out_of(node, place.action or "", back=False))

    def live(self, edge: Edge) -> bool:
        """Whether the edge's source has left by it."""
        ways = {each.action for each in self.graph.edges if each.source == edge.source and not each.back}
        action = self.places[edge.source].action
        if action is None or action in ways:
            return edge.action == action
        return edge.action == ("#otherwise" if "#otherwise" in ways else "default")

    def settle(self) -> None:
        """All that follows at this moment from what has happened."""
        self.leave()
        while (self.ending is None and (any(map(self.enter, self.places)) or self.loop_anew())) or self.roll_back():
            self.leave()

    def leave(self) -> None:
        """What has settled leads on; what ended in a rollback does so when that is over."""
        for name, place in self.places.items():
            if place.status == "skipped" or (place.status in SETTLED and not self.rolling_back(name)):
                place.left = True

    def enter(self, name: NodeId) -> bool:
        """Starts a node or passes it over, if its turn has come."""
        place, edges = self.places[name], self.into(name)
        if self.ending is not None or place.status != "pending" or not all(self.has_left(e.source) for e in edges):
            return False
        if not place.called and edges and not any(map(self.live, edges)):
            self.pass_over(place, None)
        elif place.node.hidden:
            place.status, place.action = "succeeded", "default"
        elif self.dropped(name) or any(self.places[need].lost for need in needs(place.node, self.places)):
            self.pass_over(place, "default")
            place.lost = True
        elif place.visits == self.graph.settings.max_visits:
            place.status = "failed"
            self.errors.append((name, "loop_limit"))
            self.fail_run("failed")
        else:
            self.start(place)
        return True

    def pass_over(self, place: Place, action: str | None) -> None:
        place.status, place.action, place.value, place.error = "skipped", action, None, None

    def start(self, place: Place) -> None:
        place.status, place.called, place.asked = "running", False, 0
        place.visits += 1
        place.started, place.finished = self.now, None
        place.seen = self.sight(place.node)
        place.stretches, place.end = future(self.script, place.node, place.visits, self.now)
        for block in self.blocks_around(place.node.id):
            if block.timeout is not None and block.id not in self.deadlines:
                self.deadlines[block.id] = self.now + block.timeout

    def sight(self, node: Node) -> object:
        for reference in references_in(node.params):
            other = self.places[NodeId(reference.paths[0].head)]
            if reference.paths[0].keys[:1] == ("error",):
                return other.error
            return 0 if reference.has_fallback and other.value is None else other.value
        return None

    # --- events ------------------------------------------------------------------------------------------------------

    def next_event(self) -> None:
        """The earliest thing that is to happen; of several, what was asked for first."""
        self.now, _, happen = min(self.coming(), key=lambda each: each[:2])
        happen()

    def coming(self) -> Iterator[tuple[float, int, Callable[[], None]]]:
        for place in self.places.values():
            if place.status == "running" and place.end is not None:
                yield place.end.at, place.asked, lambda place=place: self.ended(place, place.end)  # type: ignore[misc]  # bound now
        if self.undo is not None:
            yield self.undo[2], 0, self.undo_ended
        for scope, at in self.deadlines.items():
            if at > self.now:
                yield at, 0, lambda scope=scope: self.timed_out(scope)  # type: ignore[misc]  # bound now
        if self.cancel_at is not None and self.cancel_at > self.now:
            yield self.cancel_at, 0, lambda: self.stop("cancelled")

    def ended(self, place: Place, end: End) -> None:
        place.status, place.action, place.finished, place.last = end.status, end.action, end.at, end.status
        place.handled = end.status == "failed" and self.leads(place.node.id, "error")
        known = None if end.status == "cancelled" or end.code == "timeout" else place.visits
        place.value = known if end.status == "succeeded" or place.handled else None
        place.lost = end.status == "cancelled" or (end.status == "failed" and not place.handled)
        place.seen = place.seen if known else None
        place.error = end.code
        if (place.node.undo is not None or place.node.params["touches"]) and end.code != UNTOUCHED:
            self.touched.append((place.node.id, known))
        if place.handled:
            place.action = "error"
        elif place.lost:
            place.action = "default"
        if end.status == "failed" and not place.handled:
            self.errors.append((place.node.id, end.code or ""))
            self.fail(self.blocks_around(place.node.id))
        back = self.out_of(place.node.id, place.action or "", back=True)
        if back and not place.lost and not self.dropped(place.node.id):
            self.looping.append((place.node.id, place.action or ""))

    def leads(self, node: NodeId, action: str) -> bool:
        return bool(self.out_of(node, action, back=False) or self.out_of(node, action, back=True))

    def timed_out(self, scope: BlockId) -> None:
        if self.ending is not None:
            return
        if scope == RUN:
            self.errors.append((None, "timeout"))
            self.fail_run("failed")
            return
        block = next(each for each in self.graph.blocks if each.id == scope)
        members = self.inside(scope)
        chain = self.blocks_around(members[0])
        chain = chain[chain.index(block) :]
        if any(each.id in self.failed for each in chain) or all(self.places[n].status in SETTLED for n in members):
            return
        self.errors.append((scope, "timeout"))
        if block.on_error in (None, "continue"):
            self.drop(scope)
        self.fail(chain)

    # --- failures ----------------------------------------------------------------------------------------------------

    def fail(self, blocks: list[Block], status: str = "failed") -> None:
        """A failure inside these blocks, innermost first."""
        for block in blocks:
            if block.on_error == "continue" or (block.on_error is not None and block.id in self.failed):
                return
            if block.on_error is not None:
                self.drop(block.id)
                status = "failed"
            if block.on_error == "rollback":
                self.rolling.append(block.id)
                return
        settings = self.graph.settings
        if "on_error" not in settings.model_fields_set:
            self.stop(status)
        elif settings.on_error != "continue":
            self.fail_run("rolled_back" if settings.on_error == "rollback" else "failed")

    def fail_run(self, status: str) -> None:
        if self.ending is None and self.graph.settings.on_error == "rollback":
            self.rolling.append(RUN)
        self.stop(status)

    def drop(self, scope: BlockId) -> None:
        self.failed.add(scope)
        self.cancel(scope)

    def stop(self, status: str) -> None:
        if self.ending is None:
            self.ending = status
            self.cancel(RUN)

    def cancel(self, scope: BlockId) -> None:
        for name in self.inside(scope):
            place = self.places[name]
            if place.status == "running" and not place.asked:
                self.asked += 1
                place.asked = self.asked
                place.end = cut_short(place.stretches, self.now)

    # --- loops -------------------------------------------------------------------------------------------------------

    def loop_anew(self) -> bool:
        """Starts anew the loops behind whose beginning nothing happens any more."""
        for end in [end for end in self.looping if self.dropped(end[0])]:
            self.looping.remove(end)
        ready = [end for end in self.looping if not any(map(self.is_busy, self.round_of(end)))]
        anew = {node for end in ready for node in self.round_of(end)}
        targets = {target for node, action in ready for target in self.out_of(node, action, back=True)}
        self.looping = [end for end in self.looping if end not in ready and end[0] not in anew]
        for end in ready:
            for block in self.graph.blocks:
                if self.round_of(end) >= set(self.inside(block.id)) and end[0] not in block.nodes:
                    self.failed.discard(block.id)
                    self.deadlines.pop(block.id, None)
        for name in anew:
            place = self.places[name]
            place.status, place.action, place.called = "pending", None, name in targets
            place.lost = place.left = False
        return bool(ready)

    def round_of(self, end: tuple[NodeId, str]) -> set[NodeId]:
        return {node for target in self.out_of(*end, back=True) for node in self.behind(target)}

    def is_busy(self, node: NodeId) -> bool:
        return self.places[node].status == "running" or self.rolling_back(node)

    # --- rollback ----------------------------------------------------------------------------------------------------

    def roll_back(self) -> bool:
        """The next undo, or the end of a rollback."""
        if self.undo is not None or not self.rolling:
            return False
        scope = self.rolling[-1]
        inside = self.inside(scope)
        if any(self.places[name].status == "running" for name in inside):
            return False
        mine = [at for at, (name, _) in enumerate(self.touched) if name in inside]
        if mine:
            self.take_back(*self.touched.pop(mine[-1]))
            return True
        self.rolling.pop()
        if scope != RUN:
            block = next(each for each in self.graph.blocks if each.id == scope)
            around = [each for each in self.blocks_around(inside[0]) if self.depth(each) < self.depth(block)]
            self.fail(around, "rolled_back")
        return True

    def take_back(self, name: NodeId, visit: int | None) -> None:
        place = self.places[name]
        if place.node.undo is None:
            self.leave_undone(name)
            return
        does = self.script.undo(name, place.undone)
        place.undone += 1
        self.undo = (name, visit, self.now + does.seconds, does.fails)

    def undo_ended(self) -> None:
        assert self.undo is not None
        name, visit, _, fails = self.undo
        self.undo = None
        if fails:
            self.errors.append((name, "undo_failed"))
            self.leave_undone(name)
            return
        self.undone.append((name, visit))
        if name not in self.not_undone:
            place = self.places[name]
            place.last = "undone"
            place.status = "undone" if place.status in SETTLED else place.status

    def leave_undone(self, name: str) -> None:
        if name not in self.not_undone:
            self.not_undone.append(name)


def needs(node: Node, places: dict[NodeId, Place]) -> list[NodeId]:
    """The steps without which this one is meaningless."""
    return [
        NodeId(reference.paths[0].head)
        for reference in references_in(node.params)
        if not reference.has_fallback and reference.paths[0].keys[:1] != ("error",)
    ]
