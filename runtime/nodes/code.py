"""The node type `code`: a Python function in a process of its own, JSON in and JSON out."""

from __future__ import annotations

import ast
import asyncio
import json
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from pydantic import Field

from runtime.graph import DEFAULT
from runtime.issues import JsonValue, nearest
from runtime.node_types import ANYTHING, NodeContext, NodeFailed, ParamProblem, Routed, node_type
from runtime.nodes.foreign_json import read_json
from runtime.nodes.params import Params
from runtime.processes import Finished
from runtime.step_processes import run_step
from runtime.workflow import Json, JsonObject

_RUNNER = Path(__file__).with_name("code_runner.py")


class CodeParams(Params):
    source: str = Field(description="Python that defines run(**inputs) and returns a JSON value; prints go to the log")
    inputs: dict[str, Json] = Field(default_factory=dict, description="keyword arguments of run; references stand here")


def _check(params: JsonObject) -> Iterator[ParamProblem]:
    source = params.get("source")
    if not isinstance(source, str):
        return
    try:
        tree = _parsed(source)
    except SyntaxError as error:
        yield ParamProblem(("source",), "param_type", f"line {error.lineno}: {error.msg}", "must be Python")
    except (ValueError, RecursionError, MemoryError) as error:
        yield ParamProblem(("source",), "param_type", str(error) or "too deeply nested", "must be Python")
    else:
        if "run" not in _names_set(tree):
            hint = "def run(**inputs): ... return a JSON value"
            yield ParamProblem(("source",), "param_type", "it defines no function 'run'", hint)
        elif isinstance(inputs := params.get("inputs", {}), dict):
            yield from _not_given(tree, inputs)


def _parsed(source: str) -> ast.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an odd escape in a string, say: it still runs
        tree = ast.parse(source, "<source>")
        compile(tree, "<source>", "exec")  # sees what the grammar alone lets pass, as `return` outside a function
    return tree


def _not_given(tree: ast.Module, inputs: JsonObject) -> Iterator[ParamProblem]:
    """What a plain `run` cannot be called without, and what it cannot be called with."""
    runs = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "run"]
    if len(runs) != 1 or runs[0] not in tree.body or runs[0].decorator_list:
        return
    taken = runs[0].args
    named = [each.arg for each in (*taken.args, *taken.kwonlyargs)]
    optional = {each.arg for each in taken.args[::-1][: len(taken.defaults)]}
    optional |= {each.arg for each, default in zip(taken.kwonlyargs, taken.kw_defaults, strict=True) if default}
    for name in named:
        if name not in inputs and name not in optional:
            hint = f'write "inputs": {{"{name}": "${{STEP.OUTPUT}}"}}'
            yield ParamProblem(("inputs",), "param_type", f"run takes '{name}', and no input gives it", hint)
    for name in inputs.keys() - set(named) if taken.kwarg is None else ():
        hint = nearest(name, named)
        yield ParamProblem(("inputs", name), "param_type", f"run takes no '{name}'", hint)


def _names_set(tree: ast.Module) -> set[str]:
    """Every name that the source gives to something, at whatever depth."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.alias(name=name, asname=other):
                names.add("run" if name == "*" else other or name)
            case _:
                pass
    return names


@node_type(
    "code",
    outputs={"result": "any"},
    capabilities=lambda params: ("code",),
    effects=lambda params: ANYTHING,
    check=_check,
    verbatim=frozenset({"source"}),
    transient=frozenset({"code_error"}),
    limit="subprocesses",
    routes=True,
)
async def code(params: CodeParams, context: NodeContext) -> Routed:
    """Runs a Python function."""
    limits = context.limits
    bounds = {"cpu_seconds": limits.cpu_seconds, "memory_bytes": limits.memory_bytes}
    task = json.dumps({"source": params.source, "inputs": params.inputs, "limits": bounds}).encode()
    with TemporaryFile() as answer:
        finished = await _run(task, context, answer)
        _log(finished, context)
        if finished.cut:
            raise NodeFailed("output_limit", f"the code printed more than {limits.output_bytes} bytes and was ended")
        if finished.ended_by(signal.SIGXCPU):
            raise NodeFailed("cpu_limit", f"the code used more than {limits.cpu_seconds} seconds of the processor")
        return _routed(_result(_read(answer, limits.output_bytes), finished))


def _routed(result: JsonValue) -> Routed:
    """An object with `action`, and at most `result` beside it, chooses what comes next."""
    if (
        isinstance(result, dict)
        and isinstance(action := result.get("action"), str)
        and result.keys() <= {"action", "result"}
    ):
        return Routed({"result": result.get("result")}, action)
    return Routed({"result": result}, DEFAULT)


async def _run(task: bytes, context: NodeContext, answer: BinaryIO) -> Finished:
    descriptor, folder, seconds = answer.fileno(), context.directory, context.limits.wall_seconds
    argv = [sys.executable, "-I", "-X", "utf8", str(_RUNNER), str(descriptor)]
    try:
        async with asyncio.timeout(seconds):
            return await run_step(
                context, argv, folder, stdin=task, keep_open=(descriptor,), reads=(str(_RUNNER),), grace=0
            )
    except TimeoutError:
        raise NodeFailed("timeout", f"the code took longer than {seconds:g} seconds") from None
    except OSError as error:
        raise NodeFailed("not_executable", f"Python could not be started in {folder}: {error.strerror}") from None


def _log(finished: Finished, context: NodeContext) -> None:
    for stream in (finished.stdout, finished.stderr):
        for line in stream.decode("utf-8", "replace").splitlines():
            context.log(line)


def _read(answer: BinaryIO, most: int) -> bytes:
    if os.fstat(answer.fileno()).st_size > most:
        raise NodeFailed("output_limit", f"run returned more than {most} bytes; write it to a file instead")
    answer.seek(0)
    return answer.read()


def _result(answer: bytes, finished: Finished) -> JsonValue:
    if not answer:
        raise NodeFailed("code_error", f"the process ended with {finished.manner} before run returned")
    try:
        said = read_json(answer.decode())
    except ValueError as error:
        raise NodeFailed("code_result", f"what run returned is no JSON value: {error}") from None
    match said:
        case {"result": result}:
            return result
        case {"code": str(code), "message": str(message)}:
            raise NodeFailed(code, message)
        case _:
            raise NodeFailed("code_result", "the process left something else than a result")
