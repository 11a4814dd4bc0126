"""The least that runs a graph on asyncio: without params, failures, limits or a record. To compare with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from runtime import Graph, JsonValue, Node

Work = Callable[[Node], Awaitable[JsonValue]]


async def interpret(graph: Graph, work: Work) -> dict[str, JsonValue]:
    """The value of every node; each begins when all those before it have ended."""
    loop = asyncio.get_running_loop()
    waits = {name: len(before) for name, before in graph.predecessors.items()}
    values: dict[str, JsonValue] = {}
    running: set[asyncio.Task[JsonValue]] = set()
    finished = loop.create_future()

    async def run(node: Node) -> JsonValue:
        return await work(node)

    def ended(node: Node, task: asyncio.Task[JsonValue]) -> None:
        running.discard(task)
        values[node.id] = task.result()
        for after in graph.successors[node.id]:
            waits[after] -= 1
            if not waits[after]:
                start(graph.nodes[after])
        if len(values) == len(waits):
            finished.set_result(None)

    def start(node: Node) -> None:
        task = loop.create_task(run(node))
        running.add(task)
        task.add_done_callback(partial(ended, node))

    for name in [name for name, count in waits.items() if not count]:
        start(graph.nodes[name])
    await finished
    return values
