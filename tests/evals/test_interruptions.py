"""An eval that is killed or interrupted, while it records and while it replays: nothing that was paid for is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evals.results import Report
from tests.model_server import Asked, ModelServer, Reply, says

pytestmark = pytest.mark.slow

CASES = 6
MODEL = "openai/tiny"
ANSWER = json.dumps({"pipeline": [{"id": "a", "type": "transform", "params": {"value": "x"}}]})


class Halting:
    """Answers so many calls, holds the next one for good, and says that it has come."""

    def __init__(self, answers: int) -> None:
        self._left, self.holds = answers, threading.Event()

    def __call__(self, asked: Asked) -> Reply:
        self._left -= 1
        if self._left < 0:
            self.holds.set()
            return Reply(hold=True)
        return says(ANSWER)


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "small.json"
    cases = [{"id": f"case-{at}", "request": f"Give one value{'!' * at}", "run": True} for at in range(CASES)]
    path.write_text(json.dumps({"name": "small", "cases": cases}), encoding="utf-8")
    return path


@contextmanager
def started(suite: Path, url: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "plait", "eval", "run", str(suite), "--model", MODEL, *arguments]
    environment = os.environ | {"OPENAI_API_BASE": url, "OPENAI_API_KEY": "sk-of-the-test"}
    with subprocess.Popen(
        command, cwd=suite.parent, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            yield running
        finally:
            running.kill()  # a test that fails leaves nothing behind


def finished(suite: Path, url: str, *arguments: str) -> Report:
    with started(suite, url, *arguments, "--json") as running:
        out, err = running.communicate(timeout=120)
    assert running.returncode == 0, err
    return Report.model_validate_json(out)


@pytest.mark.parametrize("mode", ["--record", "--live"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_an_eval_ended_while_a_model_answers_asks_again_for_nothing_it_was_given(
    suite: Path, mode: str, end: signal.Signals
) -> None:
    halting = Halting(3)
    with ModelServer(answer=halting) as server:
        with started(suite, server.url, mode, "--results", "kept.jsonl") as running:
            assert halting.holds.wait(60)
            running.send_signal(end)
            _, err = running.communicate(timeout=60)
        assert running.returncode == (130 if end is signal.SIGINT else -end)
        assert "Traceback" not in err
        if end is signal.SIGINT:
            assert "the same command with --results kept.jsonl" in err
    with ModelServer(says(ANSWER)) as server:
        report = finished(suite, server.url, mode, "--results", "kept.jsonl")
        assert len(server.asked) == CASES - 3
    assert [outcome.passed for outcome in report.outcomes] == [True] * CASES


def test_a_replay_killed_half_way_goes_on_and_comes_to_the_same_report(suite: Path) -> None:
    with ModelServer(says(ANSWER)) as server:
        finished(suite, server.url, "--record")
    nowhere = "http://127.0.0.1:9/v1"
    with started(suite, nowhere, "--results", "kept.jsonl", "--concurrency", "1") as running:
        assert running.stderr is not None
        assert "1/6" in running.stderr.readline()
        running.kill()
    kept = suite.parent / "kept.jsonl"
    assert len(kept.read_bytes().splitlines()) < CASES
    gone_on = finished(suite, nowhere, "--results", "kept.jsonl")
    assert gone_on.without_timings() == finished(suite, nowhere).without_timings()
    assert len(gone_on.outcomes) == CASES
