"""The door for programs without an event loop: one wrapper around what is written once, as a coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def synchronous(function: Callable[P, Coroutine[object, object, T]]) -> Callable[P, T]:
    """The same for a program without an event loop; inside a running one, as in a notebook, a thread has its own."""

    @wraps(function)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return asyncio.run(function(*args, **kwargs))
        context = copy_context()
        with ThreadPoolExecutor(max_workers=1) as own:
            return own.submit(lambda: context.run(asyncio.run, function(*args, **kwargs))).result()

    wrapped.__name__ = wrapped.__qualname__ = f"{function.__name__}_sync"
    return wrapped
