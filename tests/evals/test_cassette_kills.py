"""kill -9 while recording and while replaying, in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from evals.recording_files import read
from tests.model_server import Asked, ModelServer, Reply

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROGRAM = """
import sys
from pathlib import Path
import httpx
from evals.cassettes import use_cassettes
folder, mode, url, count, last = sys.argv[1:]
with use_cassettes(Path(folder), "one", mode):
    for number in range(int(count)):
        print(httpx.post(f"{url}/x", json={"text": number}, timeout=30).json()["to"], flush=True)
    if last == "stay":
        sys.stdin.read()
"""


def start(folder: Path, mode: str, url: str, count: int, last: str = "end") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, str(folder), mode, url, str(count), last]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder, env=environment
    )


def killed_after(process: subprocess.Popen[str], answers: int) -> None:
    assert process.stdout is not None
    for _ in range(answers):
        assert process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL


def test_a_killed_recording_keeps_what_was_paid_for_and_goes_on(tmp_path: Path) -> None:
    def holds_the_fourth(asked: Asked) -> Reply:
        return Reply(hold=True) if asked.body["text"] == 3 else Reply(body={"to": asked.body["text"]})

    with ModelServer(answer=holds_the_fourth) as server:
        killed_after(start(tmp_path, "record", server.url, 6), answers=3)
    assert len(read(tmp_path / "one.json").interactions) == 3
    with ModelServer(answer=lambda asked: Reply(body={"to": asked.body["text"]})) as server:
        process = start(tmp_path, "record", server.url, 6)
        out, _ = process.communicate()
    assert out.split() == ["0", "1", "2", "3", "4", "5"]
    assert [asked.body["text"] for asked in server.asked] == [3, 4, 5], "nothing is paid for twice"
    assert len(read(tmp_path / "one.json").interactions) == 6


def test_a_killed_replay_changes_nothing(tmp_path: Path) -> None:
    with ModelServer(answer=lambda asked: Reply(body={"to": asked.body["text"]})) as server:
        start(tmp_path, "record", server.url, 3).communicate()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    killed_after(start(tmp_path, "replay", "http://127.0.0.1:9/v1", 3, last="stay"), answers=3)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
