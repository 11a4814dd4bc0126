"""How much sooner branches are done side by side than one after the other: one workflow, free and under one place."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from evals.benchmarks.table import Row, Table, at_least, at_most
from runtime import Execution, Graph, JsonValue, Node, RunRecord, build_graph, installed_types, node_type, prepare

HOST = "127.0.0.1"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone"
SPEEDUPS = {2: 1.9, 3: 2.8, 5: 4.6}  # branches: the aim
NEAR = 1.05  # wall over the critical path


@node_type("nothing")
async def nothing() -> None:
    """Fetches and combines in no time."""


@node_type("sleeper")
async def sleeper(seconds: float) -> None:
    """Waits on the event loop."""
    await asyncio.sleep(seconds)


@node_type("blocker")
def blocker(seconds: float) -> None:
    """Holds a thread of its own."""
    time.sleep(seconds)


@node_type("listener")
async def listener(port: int) -> str:
    """Waits for bytes from a socket."""
    reader, writer = await asyncio.open_connection(HOST, port)
    try:
        writer.write(b"\r\n\r\n")
        return (await reader.read()).decode()
    finally:
        writer.close()
        await writer.wait_closed()


REGISTRY = installed_types().with_types(nothing, sleeper, blocker, listener)


@dataclass(frozen=True, slots=True)
class Timed:
    """One run: `wall` around the call, in seconds, and what its record says."""

    wall: float
    record: RunRecord

    @property
    def over_critical_path(self) -> float:
        return self.wall / self.record.critical_path_seconds


def tables(seconds: float = 0.1, repetitions: int = 7) -> Iterator[Table]:
    """`seconds` is what a branch takes."""
    yield asyncio.run(branches(seconds, repetitions))
    yield asyncio.run(uneven(seconds, repetitions))


async def branches(seconds: float, repetitions: int) -> Table:
    """2, 3 and 5 branches, unlike ones and equal ones."""
    async with slow_server(seconds) as port:
        unlike = kinds(seconds, port)
        rows = [await _race("unlike", unlike[:count], repetitions) for count in SPEEDUPS]
    equal = [_node("sleeper", at, seconds=seconds) for at in range(max(SPEEDUPS))]
    rows += [await _race("equal", equal[:count], repetitions) for count in SPEEDUPS]
    measured = (
        f"No-ops before and after branches of {seconds * 1000:g} ms each; 'one by one' is the same workflow under"
        " max_concurrent=1. Medians of the wall around the run; the critical path is of the node times as measured, which"
        " count the start of a process. After one run to warm up, both take turns."
    )
    return Table("Branches side by side", measured, repetitions, tuple(rows))


async def uneven(seconds: float, repetitions: int) -> Table:
    """A long step then a short one, beside a short one then a long one."""
    long, short = 2 * seconds, seconds / 5
    steps = (("sleeper", "sleeper"), ("shell", "blocker"))
    rows = [await _uneven(first, second, (long, short), repetitions) for first, second in steps]
    measured = (
        f"{long * 1000:g} ms then {short * 1000:g} ms, beside {short * 1000:g} ms then {long * 1000:g} ms. Medians."
        " With supersteps: what an engine needs at least that ends all steps of a rank before it begins the next."
    )
    return Table("Uneven branches", measured, repetitions, tuple(rows))


def kinds(seconds: float, port: int) -> list[Node]:
    """Five branches that wait for unlike things, the most usual first."""
    return [
        _node("http", 0, url=f"http://{HOST}:{port}/"),
        _node("shell", 1, command=f"sleep {seconds:g}"),
        _node("blocker", 2, seconds=seconds),
        _node("wait", 3, seconds=seconds),
        _node("listener", 4, port=port),
    ]


def around(inner: Iterable[Node]) -> Graph:
    """Branches between a step that fetches and one that combines."""
    middle = list(inner)
    fetch, combine = _node("nothing", 0, "fetch"), _node("nothing", 0, "combine")
    edges = [pair for node in middle for pair in ((fetch.id, node.id), (node.id, combine.id))]
    return build_graph([fetch, *middle, combine], edges)


@asynccontextmanager
async def slow_server(seconds: float) -> AsyncIterator[int]:
    """A server on a port of this machine that answers every request after some seconds."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(seconds)
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def timed(graph: Graph, max_concurrent: int | None = None) -> Timed:
    """One run; RuntimeError if it did not succeed."""
    prepared = prepare(graph, registry=REGISTRY, allow=("all",), max_concurrent=max_concurrent)
    began = time.perf_counter()
    record = await Execution(prepared).result()
    wall = time.perf_counter() - began
    if record.status != "succeeded":
        raise RuntimeError(f"the run to measure {record.status}: {[error.message for error in record.errors]}")
    return Timed(wall, record)


async def _race(name: str, nodes: list[Node], repetitions: int) -> Row:
    graph = around(nodes)
    await timed(graph)
    pairs = [(await timed(graph), await timed(graph, max_concurrent=1)) for _ in range(repetitions)]
    wall = statistics.median(free.wall for free, _ in pairs)
    alone = statistics.median(single.wall for _, single in pairs)
    near = statistics.median(free.over_critical_path for free, _ in pairs)
    types = dict.fromkeys(node.type for node in nodes)
    return {
        "branches": f"{len(nodes)} {name}: {', '.join(types)}",
        "wall ms": wall * 1000,
        "one by one ms": alone * 1000,
        "speedup": at_least(alone / wall, SPEEDUPS[len(nodes)]),
        "wall / critical path": at_most(near, NEAR),
    }


async def _uneven(first: str, second: str, spans: tuple[float, float], repetitions: int) -> Row:
    long, short = spans
    nodes = [
        *(_pause(first, "a1", long), _pause(second, "a2", short)),
        *(_pause(second, "b1", short), _pause(first, "b2", long)),
    ]
    graph = build_graph(nodes, [("a1", "a2"), ("b1", "b2")])
    await timed(graph)
    runs = [await timed(graph) for _ in range(repetitions)]
    ideal = long + short
    return {
        "steps": " and ".join(dict.fromkeys((first, second))),
        "wall ms": statistics.median(run.wall for run in runs) * 1000,
        "ideal ms": ideal * 1000,
        "wall / critical path": at_most(statistics.median(run.over_critical_path for run in runs), NEAR),
        "wall / ideal": statistics.median(run.wall for run in runs) / ideal if ideal else None,
        "with supersteps": 2 * long / ideal if ideal else None,
    }


def _pause(kind: str, name: str, seconds: float) -> Node:
    if kind == "shell":
        return _node(kind, 0, name, command=f"sleep {seconds:g}")
    return _node(kind, 0, name, seconds=seconds)


def _node(kind: str, number: int, name: str | None = None, **params: JsonValue) -> Node:
    return build_graph([Node(name or f"{kind}{number}", kind, params)])  # placeholder
