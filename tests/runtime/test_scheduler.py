from __future__ import annotations

from random import Random

import pytest

from runtime import workflow
from runtime.commands import CancelRunning, Command, Finish, Start, State, Undo, WatchBlock
from runtime.graph import Block, BlockId, Graph, Node, NodeId, ancestors, build_graph
from runtime.program import compile_graph
from runtime.record import Begun, Cancelled, CancelRequested, Failed, Started, Succeeded, TimedOut
from runtime.scheduler import Scheduler
from runtime.workflow import Mode, Settings
from tests.random_graphs import REGISTRY, random_program, random_run


def scheduler(
    edges: str, blocks: tuple[Block, ...] = (), mode: Mode = "fail_fast", needs: dict[str, str] | None = None
) -> Scheduler:
    """A scheduler of a graph written as `a-b a-c`; `needs` gives a step's reference to another."""
    pairs = [(each.split("-")[0], each.split("-")[-1]) for each in edges.split()]
    names = dict.fromkeys(name for pair in pairs for name in pair)
    params = {name: {"x": f"${{{to}.x}}"} for name, to in (needs or {}).items()}
    nodes = [Node(NodeId(name), "work", params.get(name, {})) for name in names]
    graph: Graph = build_graph(
        nodes, [pair for pair in pairs if pair[0] != pair[1]], blocks=blocks, settings=Settings(on_error=mode)
    )
    return Scheduler(compile_graph(graph, REGISTRY))


def starts(commands: list[Command]) -> str:
    return " ".join(command.node for command in commands if isinstance(command, Start))


def begin(run: Scheduler) -> str:
    return starts(run.take(Begun()))


def succeed(run: Scheduler, name: str) -> list[Command]:
    run.take(Started(NodeId(name), 0.0))
    return run.take(Succeeded(NodeId(name), 0.0, {}))


def fail(run: Scheduler, name: str) -> list[Command]:
    run.take(Started(NodeId(name), 0.0))
    return run.take(Failed(NodeId(name), 0.0, "boom", "it failed", {}))


def block(name: str, nodes: str, **said: object) -> Block:
    return Block(BlockId(name), frozenset(map(NodeId, nodes.split())), **said)  # type: ignore[arg-type]  # by name


def test_every_root_starts_at_once() -> None:
    assert begin(scheduler("a-c b-c")) == "a b"


def test_a_join_starts_when_its_last_predecessor_is_settled() -> None:
    run = scheduler("a-c b-c")
    begin(run)
    assert starts(succeed(run, "b")) == ""
    assert starts(succeed(run, "a")) == "c"


def test_a_node_starts_as_soon_as_its_own_predecessors_are_done_without_a_barrier() -> None:
    run = scheduler("a-c a-d b-d")
    begin(run)
    assert starts(succeed(run, "a")) == "c"
    assert starts(succeed(run, "b")) == "d"


def test_the_run_finishes_with_its_last_node() -> None:
    run = scheduler("a-b")
    begin(run)
    assert succeed(run, "a") == [Start(NodeId("b"))]
    assert succeed(run, "b") == [Finish("succeeded")]


def test_an_empty_graph_finishes_at_once() -> None:
    assert Scheduler(compile_graph(build_graph([]), REGISTRY)).take(Begun()) == [Finish("succeeded")]


def test_fail_fast_cancels_what_runs_and_starts_nothing_more() -> None:
    run = scheduler("a-d b-d c-d")
    begin(run)
    run.take(Started(NodeId("b"), 0.0))
    assert fail(run, "a") == [CancelRunning((NodeId("b"), NodeId("c")))]
    assert run.take(Cancelled(NodeId("c"), 0.0)) == []
    assert run.take(Cancelled(NodeId("b"), 0.0)) == [Finish("failed")]
    names = dict(zip("adbc", run.state, strict=True))
    assert names == {"a": State.FAILED, "b": State.CANCELLED, "c": State.NOT_STARTED, "d": State.NOT_STARTED}


def test_the_run_waits_for_the_cancelled_to_end() -> None:
    run = scheduler("a-c b-c")
    begin(run)
    run.take(Started(NodeId("b"), 0.0))
    fail(run, "a")
    assert run.status == "running"


def test_a_sibling_that_finishes_while_it_is_cancelled_keeps_its_success() -> None:
    run = scheduler("a-c b-c")
    begin(run)
    run.take(Started(NodeId("b"), 0.0))
    fail(run, "a")
    assert run.take(Succeeded(NodeId("b"), 0.0, {})) == [Finish("failed")]
    assert run.state[run._program.index[NodeId("b")]] is State.SUCCEEDED


def test_continue_lets_the_others_go_on_and_skips_only_what_refers_to_the_failed() -> None:
    run = scheduler("a-c a-d b-d", mode="continue", needs={"c": "a"})
    begin(run)
    assert starts(fail(run, "a")) == ""
    assert starts(succeed(run, "b")) == "d"
    assert succeed(run, "d") == [Finish("completed_with_errors")]
    assert run.state[run._program.index[NodeId("c")]] is State.SKIPPED


def test_skipping_for_the_sake_of_a_failure_goes_on_by_reference() -> None:
    run = scheduler("a-b b-c c-d", mode="continue", needs={"b": "a", "c": "b"})
    begin(run)
    assert starts(fail(run, "a")) == "d"


def test_a_block_that_continues_shields_the_run_from_its_failures() -> None:
    run = scheduler("a-c b-c", blocks=(block("both", "a b", on_error="continue"),))
    begin(run)
    fail(run, "a")
    assert starts(succeed(run, "b")) == "c"
    assert succeed(run, "c") == [Finish("completed_with_errors")]


def test_a_failed_block_inside_one_that_continues_is_drained_before_the_next_step() -> None:
    inner = block("inner", "a b c", on_error="fail_fast", parent=BlockId("outer"))
    run = scheduler("a-e b-c c-e d-e", blocks=(block("outer", "a b c d", on_error="continue"), inner))
    begin(run)
    run.take(Started(NodeId("b"), 0.0))
    assert fail(run, "a") == [CancelRunning((NodeId("b"),))]
    assert starts(succeed(run, "d")) == ""
    assert starts(run.take(Cancelled(NodeId("b"), 0.0, 1))) == "e"
    assert run.state[run._program.index[NodeId("c")]] is State.SKIPPED


def test_a_failed_block_fails_the_run_when_no_mode_is_around_it() -> None:
    run = scheduler("a-c b-c", blocks=(block("both", "a", on_error="fail_fast"),))
    begin(run)
    assert fail(run, "a") == [CancelRunning((NodeId("b"),))]


def test_a_block_with_a_timeout_is_watched_from_its_first_start() -> None:
    run = scheduler("a-b", blocks=(block("late", "b", timeout=3.0),))
    assert run.take(Begun()) == [Start(NodeId("a"))]
    assert succeed(run, "a") == [WatchBlock("late", 3.0, 1), Start(NodeId("b"))]


def test_the_timeout_of_a_block_that_continues_ends_its_steps_and_not_the_run() -> None:
    run = scheduler("a-b", blocks=(block("late", "a", timeout=3.0, on_error="continue"),))
    begin(run)
    run.take(Started(NodeId("a"), 0.0))
    assert run.take(TimedOut("late", 3.0, 3.0)) == [CancelRunning((NodeId("a"),))]
    assert starts(run.take(Cancelled(NodeId("a"), 3.0, 1))) == "b"
    assert [(error.node, error.code) for error in run.errors] == [("late", "timeout")]


@pytest.mark.parametrize("mode", ["fail_fast", None])
def test_a_blocks_timeout_ends_its_steps_and_the_run(mode: Mode | None) -> None:
    run = scheduler("a-a", blocks=(block("late", "a", timeout=3.0, on_error=mode),))
    begin(run)
    run.take(Started(NodeId("a"), 0.0))
    assert run.take(TimedOut("late", 3.0, 3.0))[0] == CancelRunning((NodeId("a"),))
    assert run.take(Cancelled(NodeId("a"), 3.0, 1)) == [Finish("failed")]


def test_the_timeout_of_a_block_that_has_ended_means_nothing() -> None:
    run = scheduler("a-b", blocks=(block("quick", "a", timeout=3.0),))
    begin(run)
    succeed(run, "a")
    assert run.take(TimedOut("quick", 3.0, 3.0)) == []
    assert run.errors == []


def test_the_runs_timeout_fails_it() -> None:
    run = scheduler("a-a")
    begin(run)
    run.take(Started(NodeId("a"), 0.0))
    assert run.take(TimedOut(None, 9.0, 9.0)) == [CancelRunning((NodeId("a"),))]
    assert run.take(Cancelled(NodeId("a"), 9.0, 1)) == [Finish("failed")]
    assert [(error.node, error.code) for error in run.errors] == [(None, "timeout")]


def test_a_cancelled_run_says_so() -> None:
    run = scheduler("a-b")
    begin(run)
    run.take(Started(NodeId("a"), 0.0))
    assert run.take(CancelRequested(1.0)) == [CancelRunning((NodeId("a"),))]
    assert run.take(Cancelled(NodeId("a"), 1.0, 1)) == [Finish("cancelled")]


@pytest.mark.parametrize(("attempts", "undone"), [(0, []), (1, [Undo(NodeId("a"), 1)])])
def test_what_was_ended_before_its_first_attempt_has_nothing_to_undo(attempts: int, undone: list[Command]) -> None:
    takes_back = workflow.Undo(type="work")
    graph = build_graph(
        [Node(NodeId("a"), "work", undo=takes_back), Node(NodeId("b"), "work")], settings=Settings(on_error="rollback")
    )
    run = Scheduler(compile_graph(graph, REGISTRY))
    begin(run)
    run.take(Started(NodeId("a"), 0.0))
    fail(run, "b")
    commands = run.take(Cancelled(NodeId("a"), 0.0, attempts))
    assert [command for command in commands if isinstance(command, Undo)] == undone


def test_the_cause_is_the_first_error_and_later_ones_follow() -> None:
    run = scheduler("a-c b-c")
    begin(run)
    run.take(Started(NodeId("b"), 0.0))
    fail(run, "a")
    run.take(Failed(NodeId("b"), 0.0, "boom", "it failed too", {}))
    assert [error.node for error in run.errors] == ["a", "b"]


def test_replaying_any_prefix_of_the_facts_gives_the_commands_of_the_original_run() -> None:
    for seed in range(1_000):
        random = Random(seed)
        program = random_program(random)
        history = random_run(program, random)
        for length in range(1, len(history) + 1):
            fresh = Scheduler(program)
            assert [fresh.take(fact) for fact, _ in history[:length]] == [said for _, said in history[:length]], seed


def test_in_every_history_a_node_starts_once_after_its_predecessors_and_the_run_ends_drained() -> None:
    for seed in range(1_000):
        random = Random(seed)
        program = random_program(random)
        settled, started = set[str](), set[str]()
        for fact, commands in random_run(program, random):
            if isinstance(fact, Succeeded | Failed | Cancelled):
                settled.add(fact.node)
            for command in commands:
                if isinstance(command, Start):
                    before = ancestors(command.node, program.graph.predecessors)
                    assert command.node not in started, seed
                    assert not before & (started - settled), seed
                    started.add(command.node)
                if isinstance(command, Finish):
                    assert started == settled, seed
