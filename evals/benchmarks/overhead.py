"""What the runtime itself takes for a node that does nothing: time and memory, in small graphs and in large ones."""

from __future__ import annotations

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from evals.benchmarks.bare import interpret
from evals.benchmarks.table import Cell, Row, Table, at_most
from runtime import Execution, Graph, JsonValue, Node, NodeId, Registry, build_graph, node_type, prepare

MICRO = 1e6
AIMS = (20.0, 50.0)  # microseconds a node: what is aimed at, and the most
MOST_THREADS = 10_000  # as many as the runtime allows
WIDTH = 100  # nodes of a layer

Shape = Callable[[int, str], Graph]
Run = Callable[[], Awaitable[object]]


@node_type("nothing")
async def nothing() -> None:
    """Does nothing, on the event loop."""


@node_type("nothing_in_a_thread")
def nothing_in_a_thread() -> None:
    """Does nothing, in a thread."""


REGISTRY = Registry({}).with_types(nothing, nothing_in_a_thread)


# --- the graphs ------------------------------------------------------------------------------------------------------


def chain(count: int, kind: str = "nothing") -> Graph:
    """Each node after the one before it."""
    return _graph(count, kind, ((at - 1, at) for at in range(1, count)))


def fan_out(count: int, kind: str = "nothing") -> Graph:
    """A first node, all others but one right after it, and one after all of those."""
    inner = range(1, count - 1)
    return _graph(count, kind, (pair for at in inner for pair in ((0, at), (at, count - 1))))


def layers(count: int, kind: str = "nothing") -> Graph:
    """Layers of WIDTH; each node after two of the layer before it."""
    pairs = ((at - WIDTH, at - at % WIDTH + (at + step) % WIDTH) for at in range(WIDTH, count) for step in (0, 1))
    return _graph(count, kind, ((source, target) for source, target in pairs if target < count))


SHAPES: dict[str, Shape] = {"chain": chain, "fan-out": fan_out, f"layers of {WIDTH}": layers}


def _graph(count: int, kind: str, pairs: Iterator[tuple[int, int]]) -> Graph:
    nodes = [Node(NodeId(f"n{at}"), kind) for at in range(count)]
    return build_graph(nodes, ((f"n{source}", f"n{target}") for source, target in pairs))


# --- the measurements ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sample:
    """Seconds of one run, by the clock and of the processor."""

    wall: float
    cpu: float


def tables(
    count: int = 1_000, repetitions: int = 15, sizes: Sequence[int] = (1_000, 10_000, 100_000), rounds: int = 2
) -> Iterator[Table]:
    """`count` nodes and `repetitions` for the overhead itself, `sizes` and `rounds` for how it grows."""
    yield asyncio.run(overhead(count, repetitions))
    yield growth(sizes, rounds)


async def overhead(count: int, repetitions: int) -> Table:
    """A chain and a fan-out, on the loop, in threads, and by the bare interpreter."""
    rows = [row for name in ("chain", "fan-out") for row in await _compared(name, count, repetitions)]
    measured = (
        f"Microseconds a node in graphs of {count:,} nodes: Execution(...).result(), its record included; not"
        " the compiling before. 'bare' is the interpreter of evals/benchmarks/bare.py, which keeps values and nothing"
        " else; 'bare, thread' is that with run_in_executor, 'def' a node of the runtime that hops into a thread. After"
        " one run to warm up."
    )
    return Table("Overhead of a node that does nothing", measured, repetitions, tuple(rows))


def growth(sizes: Sequence[int], rounds: int) -> Table:
    """The same for larger graphs, with the memory that a node takes; each size in a process of its own."""
    processes = ProcessPoolExecutor(1, mp_context=get_context("spawn"), max_tasks_per_child=1)
    with processes:
        rows = [processes.submit(grown, name, count, rounds).result() for name in SHAPES for count in sizes]
    measured = (
        "The best of the repetitions, each size in a fresh process. 'prepare' checks and compiles a built graph. Memory"
        " is what the process grew by at most: graph, program, run and record (– where the system does not tell)."
    )
    return Table("Overhead of a node in larger graphs", measured, rounds, tuple(rows))


async def _compared(name: str, count: int, repetitions: int) -> list[Row]:
    graph, threaded = (SHAPES[name](count, kind) for kind in ("nothing", "nothing_in_a_thread"))
    with ThreadPoolExecutor(MOST_THREADS) as pool:
        taken = {
            "bare": await samples(lambda: interpret(graph, _nothing), repetitions),
            "bare, thread": await samples(lambda: interpret(graph, partial(_hop, pool)), repetitions),
            "async def": await samples(_execution(graph), repetitions),
            "def": await samples(_execution(threaded), repetitions),
        }
    base = statistics.median(sample.wall for sample in taken["bare"])
    return [{"graph": name, "node": kind, **_columns(each, count, base, kind)} for kind, each in taken.items()]


def _columns(taken: Sequence[Sample], count: int, base: float, kind: str) -> dict[str, Cell]:
    walls, cpus = sorted(sample.wall for sample in taken), sorted(sample.cpu for sample in taken)
    median = statistics.median(walls) / count * MICRO
    return {
        "median µs": at_most(median, *AIMS) if kind == "async def" else median,
        "best µs": walls[0] / count * MICRO,
        "median CPU µs": statistics.median(cpus) / count * MICRO,
        "best CPU µs": cpus[0] / count * MICRO,
        "× bare": median / (base / count * MICRO),
    }


def grown(name: str, count: int, rounds: int) -> Row:
    """One row, measured in the process that calls it."""
    at_first = resident("VmRSS")
    graph = SHAPES[name](count, "nothing")
    began = time.perf_counter()
    run = _execution(graph)
    prepared = time.perf_counter() - began
    taken = asyncio.run(samples(run, rounds, warm=False))
    most = resident("VmHWM")
    return {
        "graph": name,
        "nodes": f"{count:,}",
        "run µs/node": min(sample.wall for sample in taken) / count * MICRO,
        "run CPU µs/node": min(sample.cpu for sample in taken) / count * MICRO,
        "prepare µs/node": prepared / count * MICRO,
        "peak KiB/node": None if most is None or at_first is None else (most - at_first) / count,
    }


async def samples(run: Run, repetitions: int, *, warm: bool = True) -> list[Sample]:
    """Some runs, each with the garbage of those before it collected, after one to warm up."""
    if warm:
        await run()
    return [await _sample(run) for _ in range(repetitions)]


async def _sample(run: Run) -> Sample:
    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    await run()
    return Sample(time.perf_counter() - wall, time.process_time() - cpu)


def resident(name: str) -> int | None:
    """KiB of memory of this process by Linux's name: now (`VmRSS`), at most so far (`VmHWM`); None elsewhere."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return None
    lines = (line.partition(":") for line in status.splitlines())
    return next((int(value.split()[0]) for key, _, value in lines if key == name), None)


def _execution(graph: Graph) -> Run:
    prepared = prepare(graph, registry=REGISTRY)

    async def run() -> None:
        record = await Execution(prepared).result()
        if record.status != "succeeded":
            raise RuntimeError(f"the run to measure has {record.status}")

    return run


async def _nothing(node: Node) -> JsonValue:
    return None


async def _hop(pool: ThreadPoolExecutor, node: Node) -> JsonValue:
    await asyncio.get_running_loop().run_in_executor(pool, nothing_in_a_thread.function)
    return None
