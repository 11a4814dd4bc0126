"""Random graphs and random runs of them, for the property tests of the runtime. Seeded, so that each is repeatable."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from runtime.commands import CancelRunning, Command, Finish, Start
from runtime.graph import Block, BlockId, Graph, Node, NodeId, build_graph
from runtime.node_types import NodeFailed, Registry, node_type
from runtime.program import Program, compile_graph
from runtime.record import Begun, Cancelled, CancelRequested, Fact, Failed, Started, Succeeded, TimedOut
from runtime.scheduler import Scheduler
from runtime.workflow import Mode, Settings

MODES: tuple[Mode, ...] = ("fail_fast", "continue")


@node_type("work", outputs={"x": "any"})
async def work(x: object = None) -> dict[str, object]:
    """Gives back what it got."""
    return {"x": x}


@node_type("fails", outputs={"x": "any"})
async def fails() -> dict[str, object]:
    raise NodeFailed("boom", "it always fails")


REGISTRY = Registry({}).with_types(work, fails)


def random_graph(random: Random, size: int | None = None) -> Graph:
    """Up to a dozen nodes, edges forward only, some references to what came before, a block or two with a mode."""
    count = size or random.randint(1, 12)
    names = [f"n{at}" for at in range(count)]
    edges = [(a, b) for at, b in enumerate(names) for a in names[:at] if random.random() < 0.3]
    before = {name: [a for a, b in edges if b == name] for name in names}
    nodes = [Node(NodeId(name), "work", _params(random, before[name])) for name in names]
    blocks = tuple(_random_blocks(random, names))
    settings = Settings(on_error=random.choice(MODES))
    return build_graph(nodes, edges, blocks=blocks, settings=settings)


def _params(random: Random, before: list[str]) -> dict[str, object]:
    if not before or random.random() < 0.4:
        return {}
    named = random.choice(before)
    return {"x": random.choice(["${%s.x}", "${%s.x ?? null}", "${%s.error}"]) % named}


def _random_blocks(random: Random, names: list[str]) -> Iterator[Block]:
    if len(names) < 3 or random.random() < 0.4:
        return
    outer = sorted(random.sample(names, random.randint(2, len(names))))
    outer_id = BlockId("outer")
    timeout = random.choice([None, 5.0])
    yield Block(outer_id, frozenset(map(NodeId, outer)), on_error=random.choice([*MODES, None]), timeout=timeout)
    if len(outer) > 2:
        inner = random.sample(outer, random.randint(1, len(outer) - 1))
        yield Block(
            BlockId("inner"), frozenset(map(NodeId, inner)), parent=outer_id, on_error=random.choice([*MODES, None])
        )


def random_program(random: Random) -> Program:
    return compile_graph(random_graph(random), REGISTRY)


def random_run(program: Program, random: Random) -> list[tuple[Fact, list[Command]]]:
    """Drives a scheduler through one possible history: any order, failures, timeouts, a cancellation now and then."""
    scheduler, at, history = Scheduler(program), 0.0, list[tuple[Fact, list[Command]]]()
    waiting, running, cancelling = list[NodeId](), list[NodeId](), set[NodeId]()

    def take(fact: Fact) -> None:
        commands = scheduler.take(fact)
        history.append((fact, commands))
        for command in commands:
            if isinstance(command, Start):
                waiting.append(command.node)
            elif isinstance(command, CancelRunning):
                cancelling.update(command.nodes)

    take(Begun(0.0))
    while not isinstance(history[-1][1][-1] if history[-1][1] else None, Finish):
        at += 1.0
        take(_random_fact(program, random, at, waiting, running, cancelling))
    return history


def _random_fact(
    program: Program, random: Random, at: float, waiting: list[NodeId], running: list[NodeId], cancelling: set[NodeId]
) -> Fact:
    if random.random() < 0.02:
        return CancelRequested(at)
    if program.blocks and random.random() < 0.04:
        return TimedOut(random.choice(program.blocks).id, at, 5.0)
    node = random.choice(waiting + running)
    if node in waiting:
        waiting.remove(node)
        if node in cancelling:
            return Cancelled(node, at)
        running.append(node)
        return Started(node, at)
    running.remove(node)
    if node in cancelling and random.random() < 0.8:
        return Cancelled(node, at, 1)
    if random.random() < 0.2:
        return Failed(node, at, "boom", "it failed", {"x": None})
    return Succeeded(node, at, {"x": 1})
