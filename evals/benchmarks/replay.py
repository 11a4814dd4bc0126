"""What it takes to answer model calls from recordings: by our cassettes, and by vcrpy's own with the same calls."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from evals.benchmarks.table import Row, Table, at_most
from evals.calls import call_id
from evals.cassettes import use_cassettes, vcrpys_own
from evals.recording_files import write
from evals.recordings import Answered, Asked, Interaction, Recording
from runtime import JsonValue

COUNT = 1_000
AIM = 1.0  # seconds
AT_ONCE = 8
PATH = "/v1/chat/completions"
RULES = "You write workflows as JSON. Answer with one JSON object and nothing else.\n" * 12
ALIKE, DIFFERENT = "all alike", "all different"

Cassette = Callable[[], AbstractContextManager[object]]


def tables(count: int = COUNT, repetitions: int = 5) -> Iterator[Table]:
    """One table: requests that are all alike and are told apart by their call, and requests that all differ."""
    with TemporaryDirectory() as folder:
        rows = tuple(_row(kind, count, repetitions, Path(folder)) for kind in (ALIKE, DIFFERENT))
    measured = (
        f"Seconds for {count:,} requests of {len(RULES):,} characters, {AT_ONCE} at once, by httpx, from one file,"
        " reading it included. Those that are alike are told apart by their call. vcrpy matches method, path and body,"
        " is measured once, and cannot tell apart what is alike."
    )
    yield Table("Replay from a cassette", measured, repetitions, rows)


def _row(kind: str, count: int, repetitions: int, folder: Path) -> Row:
    bodies = [body(kind, number) for number in range(count)]
    write(
        folder / f"{kind}.json",
        Recording(cassette=1, interactions=tuple(_recorded(each, at) for at, each in enumerate(bodies))),
    )
    taken = [_timed(bodies, lambda: use_cassettes(folder, kind)) for _ in range(repetitions)]
    wall, cpu = (statistics.median(column) for column in zip(*taken, strict=True))
    alone = _alone(bodies, folder / "vcrpy.yaml") if kind == DIFFERENT else None
    return {
        "requests": kind,
        "median s": at_most(wall, AIM),
        "median processor s": cpu,
        "vcrpy s": alone,
        "vcrpy over ours": None if alone is None else alone / wall,
    }


def _alone(bodies: list[JsonValue], path: Path) -> float:
    """Seconds of vcrpy's own cassette, recorded before."""
    asyncio.run(_ask(bodies, lambda: vcrpys_own(path), httpx.MockTransport(_answer)))
    return _timed(bodies, lambda: vcrpys_own(path))[0]


def body(kind: str, number: int) -> JsonValue:
    """A request as a model is asked."""
    text = f"request {number}" if kind == DIFFERENT else "the request"
    messages: JsonValue = [{"role": "system", "content": RULES}, {"role": "user", "content": text}]
    return {"model": "tiny", "temperature": 0, "messages": messages}


def _recorded(asked: JsonValue, number: int) -> Interaction:
    request = Asked(method="POST", path=PATH, body=asked)
    answered = Answered(status=200, headers={"content-type": "application/json"}, body=_said(number))
    return Interaction(call=f"case/1/{number}", request=request, response=answered).sealed()


def _said(number: int) -> JsonValue:
    return {"choices": [{"message": {"role": "assistant", "content": f"answer {number} " + "word " * 200}}]}


def _answer(request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, json=_said(len(request.content)))


def _timed(bodies: list[JsonValue], cassette: Cassette) -> tuple[float, float]:
    """Seconds by the clock and of the processor."""
    began = time.perf_counter(), time.process_time()
    asyncio.run(_ask(bodies, cassette))
    return time.perf_counter() - began[0], time.process_time() - began[1]


async def _ask(bodies: list[JsonValue], cassette: Cassette, transport: httpx.AsyncBaseTransport | None = None) -> None:
    waiting = iter(enumerate(bodies))
    with cassette():
        async with httpx.AsyncClient(base_url="http://127.0.0.1:9", transport=transport) as client:

            async def ask() -> None:
                for number, asked in waiting:
                    with call_id(f"case/1/{number}"):
                        raw = json.dumps(asked).encode()
                        answer = await client.post(PATH, content=raw, headers={"content-type": "application/json"})
                        assert answer.status_code == 200, answer.text

            await asyncio.gather(*(ask() for _ in range(AT_ONCE)))  # noqa: TID251 - a benchmark
