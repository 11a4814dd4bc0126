from __future__ import annotations

import asyncio
import os
import select
import signal
import sys
import time
from pathlib import Path

import pytest

from runtime.processes import Finished, run_process


def sh(script: str, *, stdin: bytes = b"", limit: int = 1024 * 1024 * 10) -> Finished:
    return asyncio.run(run_process(["/bin/sh", "-c", script], stdin=stdin, limit=limit))


def dies(pid: int) -> bool:
    """Whether a process that was killed is gone; the kernel may take a moment."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    readable, _, _ = select.select([descriptor], [], [], 5)
    os.close(descriptor)
    return bool(readable)


def cancelled_once_ready(script: str, folder: Path, grace: float = 5) -> str:
    """Cancels the waiting for a script once it has written to the file READY, and returns what it wrote."""

    async def run() -> str:
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            running = group.create_task(run_process(["/bin/sh", "-c", script], cwd=folder, grace=grace))
            said = await asyncio.to_thread((folder / "READY").read_text, encoding="utf-8")
            running.cancel()
        assert running.cancelled()
        return said

    os.mkfifo(folder / "READY")
    return asyncio.run(run())


def test_it_gives_back_exit_code_and_both_streams() -> None:
    assert sh("printf out; printf err >&2; exit 3") == Finished(3, b"out", b"err")


def test_a_process_without_stdin_reads_nothing() -> None:
    assert sh("cat; echo done").stdout == b"done\n"


def test_a_megabyte_through_stdin_and_back_does_not_deadlock() -> None:
    data = os.urandom(1024 * 1024)
    assert sh("cat", stdin=data).stdout == data


def test_stdin_that_nobody_reads_is_no_error() -> None:
    assert sh("exit 0", stdin=b"x" * 1024 * 1024).exit_code == 0


def test_an_end_by_a_signal_is_a_negative_exit_code_with_a_name() -> None:
    finished = sh("kill -SEGV $$")
    assert (finished.exit_code, finished.manner) == (-signal.SIGSEGV, "SIGSEGV")


def test_a_program_that_is_not_there_is_an_error_and_leaves_nothing_open() -> None:
    with pytest.raises(FileNotFoundError):
        asyncio.run(run_process(["/no/such/program"], stdin=b"x"))


def test_output_past_the_limit_ends_the_process() -> None:
    finished = sh("yes | head -c 1000000", limit=1000)
    assert finished.cut
    assert finished.stdout == b"y\n" * 500
    assert finished.exit_code == -signal.SIGKILL


def test_a_grandchild_that_keeps_the_pipe_does_not_hold_the_step() -> None:
    finished = sh("sleep 60 & echo $!")
    assert finished.exit_code == 0
    assert dies(int(finished.stdout))


def test_a_grandchild_outside_the_group_holds_the_step_for_a_moment_only() -> None:
    detached = "import os,sys,time; os.setsid(); print(os.getpid(), flush=True); time.sleep(60)"
    began = time.monotonic()
    finished = asyncio.run(run_process(["/bin/sh", "-c", f"{sys.executable} -ISc '{detached}' & sleep 0.2"]))
    assert time.monotonic() - began < 5
    os.kill(int(finished.stdout), signal.SIGKILL)


def test_a_cancelled_process_and_its_children_are_ended(tmp_path: Path) -> None:
    pids = cancelled_once_ready("sleep 60 & echo $$ $! > READY; wait", tmp_path).split()
    assert all(dies(int(pid)) for pid in pids)


LEAVERS = {
    "in a session of its own": "setsid sleep 60 & echo $! > READY; wait",
    "orphaned in a session of its own": "(setsid sh -c 'echo $$ > READY; exec sleep 60' &) ; sleep 60",
    "deaf to TERM": "setsid sh -c 'trap \"\" TERM; echo $$ > READY; sleep 60; sleep 60' & wait",
    "without its environment": "setsid env -i sh -c 'echo $$ > READY; exec sleep 60' & sleep 60",
}


@pytest.mark.parametrize("script", LEAVERS.values(), ids=LEAVERS)
def test_what_has_left_the_group_is_ended_too(script: str, tmp_path: Path) -> None:
    assert dies(int(cancelled_once_ready(script, tmp_path, grace=0.2)))


def test_a_cancelled_process_may_tidy_up_first(tmp_path: Path) -> None:
    cancelled_once_ready("trap 'echo yes > tidied; exit' TERM; echo > READY; sleep 60 & wait", tmp_path)
    assert (tmp_path / "tidied").read_text(encoding="utf-8") == "yes\n"


def test_a_process_that_ignores_the_request_to_end_is_killed_after_the_grace(tmp_path: Path) -> None:
    pid = cancelled_once_ready("trap '' TERM; echo $$ > READY; sleep 60", tmp_path, grace=0.05)
    assert dies(int(pid))


def test_an_end_by_cancellation_leaves_no_zombie(tmp_path: Path) -> None:
    pid = cancelled_once_ready("echo $$ > READY; sleep 60", tmp_path, grace=0)
    with pytest.raises(ChildProcessError):
        os.waitpid(int(pid), os.WNOHANG)


def test_cancelled_while_it_starts_it_ends_all_the_same(tmp_path: Path) -> None:
    async def run(turns: int) -> None:
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            running = group.create_task(run_process(["/bin/sh", "-c", "echo $$ >> pids; sleep 60"], cwd=tmp_path))
            for _ in range(turns):
                await asyncio.sleep(0)
            running.cancel()

    for turns in range(12):
        asyncio.run(run(turns))
    pids = tmp_path / "pids"
    assert all(dies(int(pid)) for pid in (pids.read_text(encoding="utf-8").split() if pids.exists() else ()))
