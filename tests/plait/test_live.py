"""What a terminal shows of a run."""

from __future__ import annotations

import io

from rich.console import Console

from plait.live import Drawn
from plait.telling import Items
from runtime.graph import Graph, Node, NodeId, build_graph
from runtime.record import Begun, Cancelled, Failed, NodeRecord, RunRecord, Started, Succeeded, Undone

A, B, C = (NodeId(each) for each in "abc")


class Clock:
    now = 10.0

    def __call__(self) -> float:
        return self.now


def drawn(graph: Graph, clock: Clock, height: int = 20) -> Drawn:
    console = Console(file=io.StringIO(), width=100, height=height, force_terminal=True, no_color=True)
    return Drawn(graph, console, clock)


def lines(drawing: Drawn) -> list[str]:
    console = Console(file=io.StringIO(), width=100)
    with console.capture() as shown:
        console.print(drawing.table())
    return [line.rstrip() for line in shown.get().splitlines()]


def three() -> Graph:
    return build_graph([Node(each, "wait") for each in (A, B, C)], [(A, C), (B, C)])


def test_what_runs_at_once_is_drawn_at_once() -> None:
    clock = Clock()
    drawing = drawn(three(), clock)
    for fact in (Begun(), Started(A, 0.0), Started(B, 0.0), Succeeded(A, 1.0, {})):
        drawing.take(fact)
    clock.now += 2
    assert lines(drawing) == [
        "✓  a  wait  ━━━━━━━━━━━━              1.00 s",
        "▶  b  wait  ━━━━━━━━━━━━━━━━━━━━━━━━  2.00 s",
        "·  c  wait",
    ]


def test_a_failure_shows_its_code_and_what_was_cancelled_or_skipped_its_state() -> None:
    drawing = drawn(three(), Clock())
    for fact in (Begun(), Started(A, 0.0), Started(B, 0.0), Failed(A, 1.0, "timeout", "", {}), Cancelled(B, 2.0)):
        drawing.take(fact)
    nodes: dict[str, NodeRecord] = {
        A: NodeRecord("failed", "wait"),
        B: NodeRecord("cancelled", "wait"),
        C: NodeRecord("skipped", "wait"),
    }
    drawing.take(RunRecord("r", "", "failed", wall_seconds=2.0, nodes=nodes))
    a, b, c = lines(drawing)
    assert a.startswith("✗  a")
    assert a.endswith("timeout")
    assert b.startswith("■  b")
    assert c.startswith("–  c")


def test_a_batch_shows_how_many_of_its_items_are_done() -> None:
    drawing = drawn(three(), Clock())
    drawing.take(Started(A, 0.0))
    drawing.take(Items("a", 3, 10))
    assert lines(drawing)[0].endswith("3 of 10")


def test_a_step_that_runs_again_runs_and_what_was_taken_back_is_undone() -> None:
    drawing = drawn(three(), Clock())
    again = (Started(A, 0.0), Succeeded(A, 1.0, {}), Started(A, 1.0))
    for fact in (*again, Started(B, 0.0), Succeeded(B, 1.0, {}), Undone(B, 2.0)):
        drawing.take(fact)
    a, b, _ = lines(drawing)
    assert a.startswith("▶  a")
    assert b.startswith("↶  b")


def test_where_not_all_fit_those_that_run_are_shown() -> None:
    many = build_graph([Node(NodeId(f"n{number}"), "wait") for number in range(50)])
    drawing = drawn(many, Clock(), height=8)
    for fact in (Begun(), Started(NodeId("n40"), 0.0), Started(NodeId("n3"), 0.0)):
        drawing.take(fact)
    shown = lines(drawing)
    assert len(shown) == 6
    assert any("n40" in line for line in shown)
    assert shown[-1].endswith("and 45 more")


def test_a_name_cannot_command_the_terminal() -> None:
    drawing = drawn(build_graph([Node(NodeId("a\x1b[2J"), "wait")]), Clock())
    assert r"a\x1b[2J" in lines(drawing)[0]
