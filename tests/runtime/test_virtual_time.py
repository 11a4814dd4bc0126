from __future__ import annotations

import asyncio

import pytest

from runtime.virtual_time import run_in_virtual_time


async def sleeping(*seconds: float) -> float:
    for each in seconds:
        await asyncio.sleep(each)
    return asyncio.get_running_loop().time()


def test_a_sleep_takes_no_time_and_moves_the_clock() -> None:
    assert run_in_virtual_time(sleeping(3600, 0.5)) == 3600.5


@pytest.mark.parametrize("seconds", [1e-6, 86_400.0, 15_552_000.0, 1e9])
def test_a_sleep_of_any_length_ends(seconds: float) -> None:
    """Far from zero a nanosecond is lost in rounding, and asyncio waits at most a day at a time."""
    assert run_in_virtual_time(sleeping(seconds, seconds)) == pytest.approx(2 * seconds)


def test_a_timeout_strikes_at_its_second() -> None:
    async def late() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await asyncio.sleep(6)
        return asyncio.get_running_loop().time()

    assert run_in_virtual_time(late()) == 5


def test_waiting_for_a_thread_takes_real_time_and_ends() -> None:
    async def threaded() -> int:
        return await asyncio.to_thread(lambda: 7)

    assert run_in_virtual_time(threaded()) == 7
