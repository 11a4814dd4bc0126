from __future__ import annotations

import asyncio
import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.checks import check_params
from runtime.issues import JsonValue
from runtime.nodes.code import code
from runtime.sandbox import ProcessLimits
from tests.node_bench import Bench


def body(*lines: str) -> str:
    return "\n".join(["def run(**inputs):", *(f"    {line}" for line in lines)])


def test_it_calls_run_with_the_inputs_and_gives_back_what_it_returns(bench: Bench) -> None:
    source = "def run(numbers, by=2):\n    return {'sum': sum(numbers) * by, 'pair': (1, None)}"
    outputs = bench.run(code, {"source": source, "inputs": {"numbers": "${a.x}"}}, a={"x": [1, 2]})
    assert outputs == {"result": {"sum": 6, "pair": [1, None]}}


def test_text_travels_unchanged(bench: Bench) -> None:
    text = "é\ud83d\ude00\0\n${a.x}".encode("utf-16", "surrogatepass").decode("utf-16")
    assert bench.run(code, {"source": body("return inputs['t']"), "inputs": {"t": "${a.x}"}}, a={"x": text}) == {
        "result": text
    }


def test_what_it_prints_goes_to_the_log_and_not_into_the_result(bench: Bench) -> None:
    source = body("import os, sys", "print('ä')", "print('no', file=sys.stderr)", "os.write(1, b'{}')", "return 1")
    assert bench.run(code, {"source": source}) == {"result": 1}
    assert sorted(bench.logged) == sorted(["{}ä", "no"])


def test_it_runs_in_the_folder_of_the_run_and_reads_no_input(bench: Bench, folder: Path) -> None:
    source = body("import os, sys", "return [os.getcwd(), sys.stdin.read()]")
    assert bench.run(code, {"source": source}) == {"result": [str(folder), ""]}


def test_an_async_run_and_dataclasses_work_as_in_any_module(bench: Bench) -> None:
    source = (
        "from __future__ import annotations\nfrom dataclasses import dataclass, asdict\n"
        "@dataclass\nclass P:\n    x: int\n"
        "async def run():\n    return asdict(P(1))"
    )
    assert bench.run(code, {"source": source}) == {"result": {"x": 1}}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (body("x = 1", "raise ValueError('no such\\nluck')"), "ValueError: no such\nluck (line 3 of source)"),
        (body("raise KeyError"), "KeyError (line 2 of source)"),
        (body("import json", "json.loads('[')"), None),
        (body("import sys", "sys.exit(3)"), "SystemExit: 3 (line 3 of source)"),
        (body("exec('1 +')"), None),
        ("x = 1", "the source defines no function run(**inputs)"),
        ("def run(:", "SyntaxError: invalid syntax (line 1 of source)"),
        ("def run(x): pass", "TypeError: run() missing 1 required positional argument: 'x'"),
        (body("import os", "os._exit(7)"), "the process ended with exit code 7 before run returned"),
        (body("import os", "os.kill(os.getpid(), 11)"), "the process ended with SIGSEGV before run returned"),
        (body("return inputs['x']"), "KeyError: 'x' (line 2 of source)"),
    ],
)
def test_an_exception_becomes_type_message_and_line(bench: Bench, source: str, message: str | None) -> None:
    failure = bench.failure(code, {"source": source})
    assert failure.code == "code_error"
    assert "Traceback" not in failure.message
    assert message is None or failure.message == message


@pytest.mark.parametrize(
    "result",
    [
        "object()",
        "{1: 2}",
        "[{'a': {None: 1}}]",
        "float('nan')",
        "'\\ud800'",
        "{1, 2}",
        "b'x'",
        "(x := []).append(x) or x",
        "__import__('functools').reduce(lambda x, _: [x], range(500), 1)",
        "__import__('functools').reduce(lambda x, _: [x], range(100000), 1)",
    ],
)
def test_a_result_that_is_no_json_is_told_apart(bench: Bench, result: str) -> None:
    failure = bench.failure(code, {"source": body(f"return {result}")})
    assert failure.code == "code_result"
    assert failure.message.startswith("what run returned is no JSON value: ")


@pytest.mark.parametrize("doing", ["while True: print('x' * 10_000)", "return 'x' * 11_000_000"])
def test_output_without_end_is_cut(bench: Bench, doing: str) -> None:
    assert bench.failure(code, {"source": body(doing)}).code == "output_limit"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def run():\n    return 1 +", "line 2: invalid syntax"),
        ("x = 1\nreturn x", "line 2: 'return' outside function"),
        ("x = 1", "it defines no function 'run'"),
        ("(" * 5000, None),
        ("-" * 100_000 + "1", None),
        ("def run(): pass\0", None),
    ],
)
def test_a_source_that_is_no_python_is_seen_as_written(source: str, message: str | None) -> None:
    (issue,) = check_params(code, {"source": source}, "")
    assert (issue.path, issue.code) == ("/source", "param_type")
    assert message is None or issue.message == message


@pytest.mark.parametrize(
    ("signature", "inputs", "found"),
    [
        ("text", {}, {"/inputs": "run takes 'text', and no input gives it"}),
        ("text", {"words": 1}, {"/inputs": "run takes 'text', and no input gives it", "/inputs/words": "run takes no"}),
        ("text, loud=False", {"text": "${a.result}"}, {}),
        ("*, text, loud=None", {"text": 1}, {}),
        ("*, text", {}, {"/inputs": "run takes 'text', and no input gives it"}),
        ("text, **more", {"text": 1, "words": 2}, {}),
        ("", {"text": 1}, {"/inputs/text": "run takes no 'text'"}),
        ("", {}, {}),
        ("text", "${a.result}", {}),
    ],
)
def test_inputs_that_run_cannot_be_called_with_are_seen_as_written(
    signature: str, inputs: JsonValue, found: dict[str, str]
) -> None:
    issues = list(check_params(code, {"source": f"def run({signature}): return 1", "inputs": inputs}, ""))
    assert {issue.path for issue in issues} == found.keys()
    assert all(issue.message.startswith(found[issue.path]) for issue in issues)


@pytest.mark.parametrize(
    "source",
    [
        "run = len",
        "import math\n@math.cache\ndef run(x): pass",
        "def run(x): pass\ndef run(): pass",
        "if 1:\n def run(x): pass",
    ],
)
def test_a_run_that_is_no_plain_function_may_take_anything(source: str) -> None:
    assert not list(check_params(code, {"source": source}, ""))


@pytest.mark.parametrize("source", ["run = lambda: 1", "from m import run", "from m import *", r"def run(): '\d'"])
def test_a_run_made_in_another_way_is_good(bench: Bench, source: str) -> None:
    assert bench.problems(code, {"source": source}) == []


def test_other_params_are_checked(bench: Bench) -> None:
    assert bench.problems(code, {"source": 5, "inputs": []}) == [("/source", "param_type"), ("/inputs", "param_type")]
    assert code.verbatim == {"source"}


def test_a_cancelled_step_ends_its_process(bench: Bench, folder: Path) -> None:
    os.mkfifo(folder / "READY")
    source = body("import os, time", "open('READY', 'w').write(str(os.getpid()))", "time.sleep(60)")

    async def run() -> int:
        async with asyncio.timeout(20), asyncio.TaskGroup() as group:
            params: dict[str, JsonValue] = {"source": source}
            running = group.create_task(bench.attempt(code, params))
            pid = int(await asyncio.to_thread((folder / "READY").read_text))
            running.cancel()
        return pid

    with pytest.raises(ProcessLookupError):
        os.kill(asyncio.run(run()), 0)


@pytest.mark.parametrize(
    ("returned", "action", "result"),
    [
        ('{"action": "again"}', "again", None),
        ('{"action": "again", "result": 3}', "again", 3),
        ('{"action": "again", "more": 3}', "default", {"action": "again", "more": 3}),
        ('{"action": 5}', "default", {"action": 5}),
    ],
)
def test_an_object_with_an_action_and_at_most_a_result_chooses_what_comes_next(
    bench: Bench, returned: str, action: str, result: JsonValue
) -> None:
    source = f"def run(): return {returned}"
    chosen = asyncio.run(code.call(code.params(source=source), bench.context))
    assert (chosen.action, chosen.outputs) == (action, {"result": result})


# --- limits


def limited(bench: Bench, limits: ProcessLimits) -> Bench:
    return replace(bench, context=replace(bench.context, limits=limits))


BUSY = "while __import__('time').process_time() < 9: pass"  # it ends also where no limit ends it
LIMITS = {
    "memory_limit": (ProcessLimits(memory_bytes=200_000_000), "return len(bytearray(300_000_000))"),
    "cpu_limit": (ProcessLimits(cpu_seconds=1), BUSY),
    "output_limit": (ProcessLimits(output_bytes=1000), "print('x' * 2000)"),
    "timeout": (ProcessLimits(wall_seconds=0.3), "__import__('time').sleep(60)"),
}


@pytest.mark.parametrize(("code_of", "limits", "doing"), [(name, *how) for name, how in LIMITS.items()], ids=LIMITS)
def test_each_limit_ends_the_code_with_its_own_error(
    bench: Bench, code_of: str, limits: ProcessLimits, doing: str
) -> None:
    failure = limited(bench, limits).failure(code, {"source": body(doing)})
    assert failure.code == code_of
    assert re.search(r"\d", failure.message), "it says which limit"


def test_a_result_has_the_same_limit_as_what_is_printed(bench: Bench) -> None:
    failure = limited(bench, ProcessLimits(output_bytes=1000)).failure(code, {"source": body("return 'x' * 2000")})
    assert (failure.code, failure.message) == (
        "output_limit",
        "run returned more than 1000 bytes; write it to a file instead",
    )


def test_memory_that_the_system_refuses_is_told_as_the_limit_too(bench: Bench) -> None:
    source = body("import mmap", "mmap.mmap(-1, 300_000_000)")
    assert limited(bench, ProcessLimits(memory_bytes=200_000_000)).failure(code, {"source": source}).code == (
        "memory_limit"
    )


def test_another_error_of_the_system_stays_what_it_is(bench: Bench) -> None:
    failure = bench.failure(code, {"source": body("open('nowhere')")})
    assert failure.code == "code_error"
    assert failure.message.startswith("FileNotFoundError")


def test_what_the_code_starts_has_the_same_limits(bench: Bench) -> None:
    source = body("import resource as r", "return [r.getrlimit(r.RLIMIT_CPU)[0], r.getrlimit(r.RLIMIT_AS)]")
    limits = ProcessLimits(cpu_seconds=7, memory_bytes=500_000_000)
    assert limited(bench, limits).run(code, {"source": source}) == {"result": [7, [500_000_000] * 2]}


def test_a_signal_to_end_that_is_ignored_is_followed_by_one_that_cannot_be(bench: Bench) -> None:
    source = body("import signal", "signal.signal(signal.SIGXCPU, signal.SIG_IGN)", BUSY)
    failure = limited(bench, ProcessLimits(cpu_seconds=1)).failure(code, {"source": source})
    assert (failure.code, failure.message) == ("code_error", "the process ended with SIGKILL before run returned")
