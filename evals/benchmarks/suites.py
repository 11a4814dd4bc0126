"""What a replay of all the shipped suites costs from a fresh process, and whether one replay comes out as the other."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from tempfile import TemporaryDirectory

from evals.benchmarks.table import Row, Table, at_most
from evals.lookup import shipped
from evals.results import Report

MOST_SECONDS = 15
MOST_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Replay:
    """One replay, in seconds of the wall and of the processor, and its report without timings."""

    wall: float
    cpu: float
    report: Report


def tables(repetitions: int = 20) -> Iterator[Table]:
    """Replays with other hash seeds, numbers of cases at once, and orders of the suites."""
    with TemporaryDirectory() as state:
        replays = [replayed(seed, state) for seed in range(repetitions)]
    outcomes = replays[0].report.outcomes
    row: Row = {
        "cases": len(outcomes),
        "not recorded": sum(each.status == "error" for each in outcomes),
        "median s": at_most(statistics.median(each.wall for each in replays), MOST_SECONDS),
        "longest s": max(each.wall for each in replays),
        "processor s": statistics.median(each.cpu for each in replays),
        "different reports": at_most(len({each.report.model_dump_json() for each in replays}), 1),
    }
    measured = (
        "plait eval run of all of them, each in a process; seed, order and concurrency differ; reports without timings."
    )
    yield Table("Replay of the shipped suites", measured, repetitions, (row,))


def replayed(seed: int, state: str) -> Replay:
    """One replay in a process of its own. RuntimeError if it ended in any way but with a report."""
    suites = list(shipped())
    Random(seed).shuffle(suites)
    at_once = str(1 + seed % MOST_AT_ONCE)
    argv = [sys.executable, "-m", "plait", "eval", "run", *suites, "--json", "--concurrency", at_once, "--state", state]
    began, cpu = time.perf_counter(), os.times()
    ended = subprocess.run(argv, env=os.environ | {"PYTHONHASHSEED": str(seed)}, capture_output=True, check=False)
    wall, after = time.perf_counter() - began, os.times()
    if not ended.stdout:
        raise RuntimeError(f"the replay ended with exit code {ended.returncode}: {ended.stderr.decode()}")
    used = after.children_user + after.children_system - cpu.children_user - cpu.children_system
    return Replay(wall, used, Report.model_validate_json(ended.stdout).without_timings())
