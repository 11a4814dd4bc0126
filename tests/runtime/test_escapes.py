"""Nothing that came from a step outlives its cancellation, whatever it did to get away; in a sandbox, nor plait."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from runtime import Execution, Limits, RunRecord, prepare
from runtime.issues import JsonValue
from runtime.sandbox import Sandbox
from tests.sandboxes import needs_sandbox, sandbox_in

SOON = 2.0  # seconds after the cancellation in which all must be gone

FORKED_TWICE = (
    "import os, sys\n"
    "def twice():\n"
    "    os.fork() and os._exit(0)\n"
    "    os.setsid()\n"
    "    os.fork() and os._exit(0)\n"
    "    os.execvp('sh', ['sh', '-c', 'echo > out/READY; sleep {time}; true'])\n"
)
SCRIPTS = {
    "in the background": "sleep {time} & echo > out/READY; wait",
    "in a session of its own": "setsid sleep {time} & echo > out/READY; wait",
    "orphaned": "(setsid sh -c 'echo > out/READY; sleep {time}; true' &); sleep {time}",
    "deaf to TERM": "trap '' TERM; sleep {time} & echo > out/READY; wait; sleep {time}; sleep {time}",
    "deaf, in another session": "setsid sh -c 'trap \"\" TERM; echo > out/READY; sleep {time}; sleep {time}' & wait",
    "without its environment": "setsid env -i sh -c 'echo > out/READY; sleep {time}; true' & sleep {time}",
    "the same, forking all the time": (
        "setsid env -i sh -c 'echo > out/READY; while :; do sleep {time} & sleep 0.01; done' & sleep {time}"
    ),
}
SOURCES = {
    "forked twice": FORKED_TWICE + "def run():\n    os.fork() or twice()\n    import time\n    time.sleep(600)\n",
    "started in a session of its own": (
        "import subprocess\n"
        "def run():\n"
        "    command = 'echo > out/READY; sleep {time}; true'\n"
        "    subprocess.Popen(['sh', '-c', command], start_new_session=True).wait()\n"
    ),
}
NOBODY = 65534
BUBBLEWRAP = shutil.which("bwrap") or ""
STEPS = {
    **{name: ("shell", "command", text) for name, text in SCRIPTS.items()},
    **{name: ("code", "source", text) for name, text in SOURCES.items()},
}
IN_THE_SANDBOX = {
    **STEPS,
    "orphaned without its environment": (
        "shell",
        "command",
        "(setsid env -i sh -c 'echo > out/READY; sleep {time}; true' &); sleep {time}",
    ),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    os.mkfifo(tmp_path / "out" / "READY")
    return tmp_path


@pytest.fixture
def mark() -> Iterator[str]:
    """Seconds to sleep that no other process sleeps; who still does at the end is killed."""
    unlike_any_other = f"{1000 + secrets.randbelow(1000)}.{secrets.randbelow(10**9):09}"
    yield unlike_any_other
    for number in bearing(unlike_any_other):
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)


def bearing(mark: str) -> list[int]:
    """The processes of the machine, in whatever namespace, with the mark among their words."""
    found = list[int]()
    for number in filter(str.isdecimal, os.listdir("/proc")):
        with suppress(OSError):
            if mark.encode() in Path("/proc", number, "cmdline").read_bytes() and int(number) != os.getpid():
                found.append(int(number))
    return found


def all_dead(numbers: Sequence[int], seconds: float) -> bool:
    """Whether all of them are gone within the time; the kernel tells."""
    end = time.monotonic() + seconds
    return all(_dies(number, max(0.0, end - time.monotonic())) for number in numbers)


def _dies(number: int, seconds: float) -> bool:
    try:
        descriptor = os.pidfd_open(number)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


async def cancelled(folder: Path, kind: str, params: dict[str, JsonValue], mark: str, *, sandbox: bool) -> RunRecord:
    """Runs the step, cancels it once something of it bears the mark, and looks for what is left."""
    document: dict[str, JsonValue] = {"pipeline": [{"id": "a", "type": kind, "params": params}]}
    allow = ("shell", "code", "write:out/")
    execution = Execution(prepare(document, allow=allow, directory=folder, sandbox=sandbox))
    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        running = group.create_task(execution.result())
        await asyncio.to_thread((folder / "out" / "READY").read_bytes)
        there = bearing(mark)
        began = time.monotonic()
        execution.cancel()
        record = await running
    assert there
    assert all_dead(there, began + SOON - time.monotonic())
    assert time.monotonic() - began <= SOON
    assert not bearing(mark)
    return record


@pytest.mark.parametrize(("kind", "param", "text"), STEPS.values(), ids=STEPS)
def test_nothing_outlives_the_cancellation(kind: str, param: str, text: str, folder: Path, mark: str) -> None:
    step: dict[str, JsonValue] = {param: text.replace("{time}", mark)}
    assert asyncio.run(cancelled(folder, kind, step, mark, sandbox=False)).status == "cancelled"


@needs_sandbox
@pytest.mark.parametrize(("kind", "param", "text"), IN_THE_SANDBOX.values(), ids=IN_THE_SANDBOX)
def test_nothing_outlives_the_cancellation_in_the_sandbox(
    kind: str, param: str, text: str, folder: Path, mark: str
) -> None:
    step: dict[str, JsonValue] = {param: text.replace("{time}", mark)}
    assert asyncio.run(cancelled(folder, kind, step, mark, sandbox=True)).status == "cancelled"


@needs_sandbox
def test_a_cancelled_command_may_tidy_up_first_in_the_sandbox_too(folder: Path, mark: str) -> None:
    command = f"trap 'echo yes > out/tidied; exit' TERM; echo > out/READY; sleep {mark} & wait"
    asyncio.run(cancelled(folder, "shell", {"command": command}, mark, sandbox=True))
    assert (folder / "out" / "tidied").read_text() == "yes\n"


@needs_sandbox
def test_what_a_command_leaves_in_the_background_ends_with_it_in_the_sandbox(folder: Path, mark: str) -> None:
    command = f"setsid sh -c 'echo > out/READY; sleep {mark}; true' & read x < out/READY"
    document: dict[str, JsonValue] = {"pipeline": [{"id": "a", "type": "shell", "params": {"command": command}}]}
    prepared = prepare(document, allow=("shell", "write:out/"), directory=folder, sandbox=True)
    assert asyncio.run(Execution(prepared).result()).status == "succeeded"
    assert all_dead(bearing(mark), SOON)


@needs_sandbox
def test_a_fork_bomb_in_the_sandbox_is_bounded_and_leaves_nothing(tmp_path: Path, mark: str) -> None:
    bomb = f"for each in $(seq 200); do sleep {mark} & done"
    document: dict[str, JsonValue] = {"pipeline": [{"id": "a", "type": "shell", "params": {"command": bomb}}]}
    system = tuple(place for place in sandbox_in(tmp_path).places if len(place.path.parts) == 2)
    prepared = replace(prepare(document, allow=("shell",), directory=Path("/")), sandbox=Sandbox(BUBBLEWRAP, system))

    def ends(most: int, status: str, message: str) -> bool:
        record = asyncio.run(Execution(replace(prepared, limits=Limits(processes=most))).result())
        return record.status == status and message in str(record.errors)

    assert ends(250, "succeeded", "")
    assert holds_without_the_rights_of_root(lambda: ends(250, "succeeded", ""))
    assert holds_without_the_rights_of_root(lambda: ends(50, "failed", "Cannot fork"))
    assert all_dead(bearing(mark), SOON)


def holds_without_the_rights_of_root(check: Callable[[], bool]) -> bool:
    """Whether it holds in a process of its own, that of another user if this one is root: root may always fork."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1] == 0
    holds = False
    try:
        if os.geteuid() == 0:
            os.setgroups([])
            os.setresgid(NOBODY, NOBODY, NOBODY)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        holds = check()
    finally:
        os._exit(0 if holds else 1)


STARTS = "import subprocess, sys; subprocess.run(sys.argv[1:])"  # a parent that can be killed


@needs_sandbox
@pytest.mark.parametrize("guarded", [True, False])
def test_the_guard_against_orphans_is_what_ends_them(folder: Path, mark: str, guarded: bool) -> None:
    sandbox = sandbox_in(folder, "write:out/")
    options = [
        word for word in map(os.fsdecode, sandbox.options(str(folder))) if guarded or word != "--die-with-parent"
    ]
    script = ("/bin/sh", "-c", f"echo > out/READY; sleep {mark}; true")
    parent = subprocess.Popen([sys.executable, "-ISc", STARTS, sandbox.program, *options, "--", *script])
    (folder / "out" / "READY").read_bytes()
    there = bearing(mark)
    parent.kill()
    parent.wait()
    assert all_dead(there, SOON if guarded else 0.2) == guarded


@needs_sandbox
@pytest.mark.slow
def test_a_sandboxed_step_dies_with_plait_itself(folder: Path, mark: str) -> None:
    """Killed outright, plait can tidy up nothing: the kernel does."""
    command = f"trap '' TERM; setsid sleep {mark} & echo > out/READY; sleep {mark}; sleep {mark}"
    (folder / "a.json").write_text(
        json.dumps({"pipeline": [{"id": "a", "type": "shell", "params": {"command": command}}]})
    )
    options = ("--sandbox", "--allow", "shell", "--allow", "write:out/")
    plait = subprocess.Popen([sys.executable, "-m", "plait", "run", "a.json", *options], cwd=folder)
    (folder / "out" / "READY").read_bytes()
    there = bearing(mark)
    plait.kill()
    plait.wait()
    assert there
    assert all_dead(there, SOON)
