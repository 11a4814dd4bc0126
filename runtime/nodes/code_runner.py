"""Runs in a process of its own: reads a task from stdin, takes its limits, calls `run(**inputs)`, leaves a JSON object.

Started by its path and never imported. The object goes to the descriptor that the only argument names, so that nothing
the source prints can be mistaken for it.
"""

from __future__ import annotations

import errno
import json
import resource
import sys
from types import ModuleType, TracebackType

SOURCE = "<source>"


class NoRun(Exception):
    """The source defines no function `run`."""


def main() -> None:
    task = json.load(sys.stdin)
    limits: dict[str, int] = task["limits"]
    limit(resource.RLIMIT_CPU, limits["cpu_seconds"], slack=1)  # past it a signal says so, a second later KILL
    limit(resource.RLIMIT_AS, limits["memory_bytes"])
    try:
        result = call(task["source"], task["inputs"])
    except (MemoryError, OSError) as error:
        answer = failure(*out_of_memory(error, limits["memory_bytes"]))
    except BaseException as error:  # noqa: BLE001 whatever the source raises, SystemExit too, is what this reports
        answer = failure("code_error", account(error))
    else:
        answer = show(result)
    with open(int(sys.argv[1]), "wb") as file:
        file.write(answer)


def limit(kind: int, most: int, slack: int = 0) -> None:
    """A limit that the source cannot lift. One that holds already and is narrower stays."""
    _, hard = resource.getrlimit(kind)
    most, end = (each if hard == resource.RLIM_INFINITY else min(each, hard) for each in (most, most + slack))
    resource.setrlimit(kind, (most, end))


def out_of_memory(error: MemoryError | OSError, most: int) -> tuple[str, str]:
    """The code and message of an exception that may have come of too little memory."""
    if isinstance(error, MemoryError) or error.errno == errno.ENOMEM:
        return "memory_limit", f"the code asked for more than {most} bytes of memory"
    return "code_error", account(error)


def call(source: str, inputs: dict[str, object]) -> object:
    module = ModuleType("source")
    sys.modules["source"] = module  # dataclasses and pickle look their module up
    exec(compile(source, SOURCE, "exec"), module.__dict__)
    run = getattr(module, "run", None)
    if not callable(run):
        raise NoRun("the source defines no function run(**inputs)")
    result = run(**inputs)
    if hasattr(result, "__await__"):
        import asyncio  # noqa: PLC0415 slow to import, and few sources are async

        result = asyncio.run(result)
    return result


def show(result: object) -> bytes:
    try:
        text = json.dumps(result, ensure_ascii=False, allow_nan=False)
        refuse_odd_keys(result)
        return b'{"result": ' + text.encode() + b"}"
    except (TypeError, ValueError, RecursionError) as error:
        return failure("code_result", f"what run returned is no JSON value: {error}")


def refuse_odd_keys(value: object) -> None:
    """TypeError for keys that JSON would silently turn into strings."""
    if isinstance(value, dict):
        if odd := [key for key in value if not isinstance(key, str)]:
            raise TypeError(f"the key {odd[0]!r} is no string")
        value = list(value.values())
    for each in value if isinstance(value, list | tuple) else ():
        refuse_odd_keys(each)


def failure(code: str, message: str) -> bytes:
    return json.dumps({"code": code, "message": message}).encode()


def account(error: BaseException) -> str:
    """The exception's type, message and line in the source; no traceback."""
    if isinstance(error, NoRun):
        return str(error)
    if isinstance(error, SyntaxError) and error.filename == SOURCE:
        message, line = error.msg, error.lineno
    else:
        message, line = str(error), last_line(error.__traceback__)
    said = type(error).__name__ + (f": {message}" if message else "")
    return said + (f" (line {line} of source)" if line else "")


def last_line(traceback: TracebackType | None) -> int | None:
    """The innermost line that belongs to the source."""
    line = None
    while traceback is not None:
        if traceback.tb_frame.f_code.co_filename == SOURCE:
            line = traceback.tb_lineno
        traceback = traceback.tb_next
    return line


if __name__ == "__main__":
    main()
