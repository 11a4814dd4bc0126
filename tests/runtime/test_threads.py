from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar

import pytest

from runtime.threads import Interrupted, in_thread


def cancelled_once_started(work: Callable[[threading.Event], object]) -> None:
    """Cancels the work in its thread when it has said that it runs."""
    started = threading.Event()

    async def main() -> None:
        with ThreadPoolExecutor(1) as threads:
            running = asyncio.create_task(in_thread(threads, lambda: work(started)))
            await asyncio.to_thread(started.wait, 20)
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert await in_thread(threads, lambda: "the thread is fit for more") == "the thread is fit for more"

    asyncio.run(main())


def test_a_thread_that_computes_without_end_is_reached() -> None:
    def busy(started: threading.Event) -> None:
        started.set()
        while True:
            pass

    cancelled_once_started(busy)


def test_what_the_work_must_tidy_up_is_tidied_up() -> None:
    tidied = list[str]()

    def careful(started: threading.Event) -> None:
        try:
            started.set()
            while True:
                pass
        except Interrupted:
            tidied.append("yes")
            raise

    cancelled_once_started(careful)
    assert tidied == ["yes"]


def test_work_that_ends_by_itself_when_cancelled_is_awaited() -> None:
    ended = list[str]()

    def stubborn(started: threading.Event) -> None:
        try:
            started.set()
            while True:
                pass
        except Interrupted:
            ended.append("after all")

    cancelled_once_started(stubborn)
    assert ended == ["after all"]


def test_work_that_waits_for_its_thread_never_begins_when_cancelled() -> None:
    async def main() -> list[str]:
        begun = list[str]()
        release = threading.Event()
        with ThreadPoolExecutor(1) as threads:
            first = asyncio.create_task(in_thread(threads, lambda: release.wait(20)))
            second = asyncio.create_task(in_thread(threads, lambda: begun.append("second")))
            await asyncio.sleep(0)
            second.cancel()
            await asyncio.sleep(0)
            release.set()
            with pytest.raises(asyncio.CancelledError):
                await second
            assert await first
        return begun

    assert asyncio.run(main()) == []


def test_the_work_sees_the_callers_variables() -> None:
    name: ContextVar[str] = ContextVar("name")
    name.set("caller")

    async def main() -> object:
        with ThreadPoolExecutor(1) as threads:
            return await in_thread(threads, name.get)

    assert asyncio.run(main()) == "caller"
