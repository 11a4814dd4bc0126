"""Replays of the same recordings come to the same report, whatever the order, the hash seed and the concurrency."""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from evals.lookup import Found, find_suite
from evals.running import Matrix, run_suites
from evals.variants import VARIANTS
from planner.litellm_client import LitellmClient
from planner.opening import Answers
from runtime import CompletionClient
from tests.model_server import ModelServer
from tests.recorded_suites import MODEL, answer, written

REPLAYS = 20
ROOT = Path(__file__).parents[2]
MATRIX = Matrix([MODEL], [VARIANTS["conversation"], VARIANTS["plain"]], epochs=2)
SCRIPT = """
import sys
from tests.evals.test_replays import replayed
sys.stdout.buffer.write(replayed(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


@pytest.fixture
def suite(tmp_path: Path) -> str:
    """A suite that has been recorded with every variant, twice."""
    path = str(written(tmp_path))
    with ModelServer(answer=answer) as server:

        @asynccontextmanager
        async def opener(name: str, answers: Answers) -> AsyncIterator[CompletionClient]:
            async with LitellmClient(name, api_base=server.url, api_key="sk-of-the-test") as client:
                yield client

        report = asyncio.run(run_suites([find_suite(path)], MATRIX, mode="record", opener=opener))
    repaired = [each for each in report.outcomes if each.status == "accepted" and len(each.attempts) > 1]
    assert repaired
    assert [each.error for each in report.outcomes if each.status == "error"] == []
    return path


def replayed(path: str, seed: int, at_once: int) -> bytes:
    """The report of the suite and of a shipped one, their cases shuffled, as bytes without timings."""
    shuffled = [_shuffled(find_suite(name), random.Random(seed)) for name in (path, "execution")]
    report = asyncio.run(run_suites(shuffled, MATRIX, at_once=at_once))
    assert [each.error for each in report.outcomes if each.status == "error"] == []
    return report.without_timings().model_dump_json().encode()


def _shuffled(found: Found, drawn: random.Random) -> Found:
    cases = list(found.suite.cases)
    drawn.shuffle(cases)
    return replace(found, suite=found.suite.model_copy(update={"cases": tuple(cases)}))


def test_order_and_concurrency_leave_no_trace_in_a_report(suite: str) -> None:
    assert replayed(suite, 1, at_once=1) == replayed(suite, 2, at_once=8)


@pytest.mark.slow
def test_twenty_replays_in_processes_of_their_own_give_the_same_bytes(suite: str) -> None:
    with ThreadPoolExecutor(max_workers=os.cpu_count()) as several:
        assert len(set(several.map(partial(_in_a_process, suite), range(REPLAYS)))) == 1


def _in_a_process(suite: str, seed: int) -> bytes:
    environment = os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, suite, str(seed), str(1 + seed % 8)]
    return subprocess.run(command, env=environment, capture_output=True, check=True).stdout
