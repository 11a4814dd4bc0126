"""How much sooner branches are done side by side than one after the other: one workflow, free and under one place."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from evals.benchmarks.table import Row, Table, at_least, at_most
from runtime import Execution, JsonValue, RunRecord, installed_types, node_type, prepare

HOST = "127.0.0.1"
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone"
SPEEDUPS = {2: 1.9, 3: 2.8, 5: 4.6}  # branches: the aim
NEAR = 1.05  # wall over the critical path

Step = dict[str, JsonValue]


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
    """One run: `wall` around the call, in seconds, and its record."""

    wall: float
    record: RunRecord


def tables(seconds: float = 0.1, repetitions: int = 7) -> Iterator[Table]:
    """`seconds` is what a branch takes."""
    yield asyncio.run(branches(seconds, repetitions))
    yield asyncio.run(uneven(seconds, repetitions))


async def branches(seconds: float, repetitions: int) -> Table:
    """2, 3 and 5 branches, unlike ones and equal ones."""
    async with slow_server(seconds) as port:
        unlike = unlike_steps(seconds, port)
        rows = [await _race("unlike", unlike[:count], repetitions) for count in SPEEDUPS]
    equal = [step(f"equal{at}", "sleeper", seconds=seconds) for at in range(max(SPEEDUPS))]
    rows += [await _race("equal", equal[:count], repetitions) for count in SPEEDUPS]
    measured = (
        f"Branches of {seconds * 1000:g} ms between two no-op steps; 'one by one' is the same workflow under"
        " max_concurrent=1, the two run by turns after one run to warm up. Medians of the wall clock of a run and of"
        " the ratio of each pair. The critical path adds node times as measured, the start of a process included;"
        " 'alone' takes them from the run one by one, where no branch hinders another."
    )
    return Table("Branches side by side", measured, repetitions, tuple(rows))


async def uneven(seconds: float, repetitions: int) -> Table:
    """A long step then a short one, beside a short one then a long one."""
    spans = 2 * seconds, seconds / 5
    kinds = (("sleeper", "sleeper"), ("shell", "blocker"))
    rows = [await _uneven(first, second, spans, repetitions) for first, second in kinds]
    long, short = (f"{span * 1000:g} ms" for span in spans)
    measured = (
        f"{long} then {short}, beside {short} then {long}; medians. 'with supersteps' is the least that an engine needs"
        " which ends all steps of a rank before it begins the next."
    )
    return Table("Uneven branches", measured, repetitions, tuple(rows))


def step(name: str, kind: str, **params: JsonValue) -> Step:
    return {"id": name, "type": kind, "params": params}


def pause(name: str, kind: str, seconds: float) -> Step:
    """A step that takes some seconds in the manner of its type."""
    return step(name, kind, command=f"sleep {seconds:g}") if kind == "shell" else step(name, kind, seconds=seconds)


def unlike_steps(seconds: float, port: int) -> list[Step]:
    """Five steps that wait for unlike things, the most usual first."""
    return [
        step("request", "http", url=f"http://{HOST}:{port}/"),
        pause("process", "shell", seconds),
        pause("thread", "blocker", seconds),
        pause("timer", "wait", seconds),
        step("socket", "listener", port=port),
    ]


@asynccontextmanager
async def slow_server(seconds: float) -> AsyncIterator[int]:
    """The port of a server on this machine that answers every request after some seconds."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(seconds)
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, HOST, 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def timed(pipeline: list[JsonValue], max_concurrent: int | None = None) -> Timed:
    """One run; RuntimeError if it did not succeed, since a failure takes no time."""
    prepared = prepare({"pipeline": pipeline}, registry=REGISTRY, allow=("all",), max_concurrent=max_concurrent)
    began = time.perf_counter()
    record = await Execution(prepared).result()
    wall = time.perf_counter() - began
    if record.status != "succeeded":
        raise RuntimeError(f"the run to measure has {record.status}: {[error.message for error in record.errors]}")
    return Timed(wall, record)


async def _race(name: str, steps: list[Step], repetitions: int) -> Row:
    pipeline: list[JsonValue] = [step("fetch", "nothing"), {"parallel": [*steps]}, step("combine", "nothing")]
    await timed(pipeline)
    pairs = [(await timed(pipeline), await timed(pipeline, max_concurrent=1)) for _ in range(repetitions)]
    wall = statistics.median(free.wall for free, _ in pairs)
    alone = statistics.median(single.wall for _, single in pairs)
    speedup = statistics.median(single.wall / free.wall for free, single in pairs)
    near = statistics.median(free.wall / free.record.critical_path_seconds for free, _ in pairs)
    near_alone = statistics.median(free.wall / single.record.critical_path_seconds for free, single in pairs)
    types = dict.fromkeys(str(each["type"]) for each in steps)
    return {
        "branches": f"{len(steps)} {name}: {', '.join(types)}",
        "wall ms": wall * 1000,
        "one by one ms": alone * 1000,
        "speedup": at_least(speedup, SPEEDUPS[len(steps)]),
        "wall / critical path": at_most(near, NEAR),
        "wall / critical path alone": near_alone,
    }


async def _uneven(first: str, second: str, spans: tuple[float, float], repetitions: int) -> Row:
    long, short = spans
    falling: Step = {"pipeline": [pause("a1", first, long), pause("a2", second, short)]}
    rising: Step = {"pipeline": [pause("b1", second, short), pause("b2", first, long)]}
    pipeline: list[JsonValue] = [{"parallel": [falling, rising]}]
    await timed(pipeline)
    runs = [await timed(pipeline) for _ in range(repetitions)]
    wall, ideal = statistics.median(run.wall for run in runs), long + short
    near = statistics.median(run.wall / run.record.critical_path_seconds for run in runs)
    return {
        "steps": " and ".join(dict.fromkeys((first, second))),
        "wall ms": wall * 1000,
        "ideal ms": ideal * 1000,
        "wall / critical path": at_most(near, NEAR),
        "wall / ideal": wall / ideal if ideal else None,
        "with supersteps": 2 * long / ideal if ideal else None,
    }
