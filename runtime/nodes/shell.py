"""The node type `shell`: a command or a program. No value is ever part of a command's text: all travel as variables."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from runtime.issues import JsonValue
from runtime.node_types import ANYTHING, NodeContext, NodeFailed, ParamProblem, node_type
from runtime.nodes.params import Params, Text, Timeout
from runtime.nodes.shell_passing import OWN_VARIABLE, Call, call_of, encoded
from runtime.processes import Finished
from runtime.references import BrokenReference, Reference, parse_template
from runtime.shell_words import Rewritten, rewrite_command
from runtime.step_processes import run_step
from runtime.workflow import JsonObject


class ShellParams(Params):
    command: str | None = Field(None, description="run by /bin/sh -c; a reference in it is always one word")
    argv: list[Text] | None = Field(None, min_length=1, description="instead of command: a program and its arguments")
    env: dict[str, Text] = Field(
        default_factory=dict,
        description="variables added to the present ones; one of over 100 KiB is for the command alone",
    )
    cwd: str = Field(".", min_length=1, description="folder to run in")
    stdin: Text = Field("", description="standard input")
    timeout: Timeout | None = None


def _check(params: JsonObject) -> Iterator[ParamProblem]:
    yield from _one_of_two(params)
    env = params.get("env")
    for name in env if isinstance(env, dict) else ():
        if OWN_VARIABLE.fullmatch(name):
            yield ParamProblem(("env", name), "param_type", f"{name} is a name that references in the command get")
    rewritten = _rewritten(params)
    if rewritten and rewritten.values and isinstance(env, str):
        message = "one reference for all of env, while the command holds references too"
        yield ParamProblem(("env",), "param_type", message, 'name each variable: {"NAME": "${…}"}')
    for problem in rewritten.problems if rewritten else ():
        text = problem.ref.text
        message = f"{text} stands in {problem.where}, where no value can be passed"
        yield ParamProblem(("command",), "shell_reference_context", message, problem.hint.replace("${…}", text))


def _one_of_two(params: JsonObject) -> Iterator[ParamProblem]:
    given = [params.get(name) is not None for name in ("command", "argv")]
    if not any(given):
        yield ParamProblem(("command",), "missing_param", "missing", "node type 'shell' needs 'command' or 'argv'")
    elif all(given):
        yield ParamProblem(("argv",), "param_type", "stands beside 'command'", "give one of the two")


def _rewritten(params: JsonObject) -> Rewritten[Reference] | None:
    """The command without its references; None if it is no text, or a `${` in it is broken."""
    command = params.get("command")
    if not isinstance(command, str) or "${" not in command:
        return None
    parts = parse_template(command)
    sound = [each for each in parts if not isinstance(each, BrokenReference)]
    return rewrite_command(sound) if len(sound) == len(parts) else None


def _rewrite(params: JsonObject) -> JsonObject:
    rewritten, env = _rewritten(params), params.get("env") or {}
    if rewritten is None or rewritten.problems or not isinstance(env, dict):
        return params
    values = {name: reference.text for name, reference in rewritten.values.items()}
    script = rewritten.script.replace("${", "$${")  # the text is read as a template once more
    return {**params, "command": script, "env": {**env, **values}}


@node_type(
    "shell",
    outputs={"stdout": "string", "stderr": "string", "exit_code": "integer"},
    capabilities=lambda params: ("shell",),
    effects=lambda params: ANYTHING,
    check=_check,
    rewrite=_rewrite,
    transient=frozenset({"exit_status"}),
    rare={
        "argv": r"\bargv\b|\bwithout a shell\b",
        "env": r"\b(environment|variable)",
        "cwd": r"\b(folder|director)",
        "timeout": r"\btime-?\s?out\b",
    },
    limit="subprocesses",
)
async def shell(params: ShellParams, context: NodeContext) -> dict[str, JsonValue]:
    """Runs a command or a program."""
    folder = context.directory / params.cwd
    with call_of(params.argv or params.command or "", params.env) as call:
        finished = await _run(call, folder, encoded(params.stdin, "stdin", nul=True), context)
    outputs: dict[str, JsonValue] = {
        "stdout": finished.stdout.decode("utf-8", "replace"),
        "stderr": finished.stderr.decode("utf-8", "replace"),
        "exit_code": finished.exit_code,
    }
    if finished.cut:
        limit = context.limits.output_bytes
        raise NodeFailed("output_limit", f"the command wrote more than {limit} bytes and was ended", outputs)
    if finished.exit_code:
        raise NodeFailed("exit_status", _account(finished), outputs)
    return outputs


async def _run(call: Call, folder: Path, stdin: bytes, context: NodeContext) -> Finished:
    program, reads = os.fsdecode(call.argv[0]), () if call.folder is None else (call.folder,)
    try:
        return await run_step(
            context, call.argv, folder, variables=call.variables, without=call.without, stdin=stdin, reads=reads
        )
    except OSError as error:
        if str(error.filename) == str(folder):
            raise NodeFailed("not_found", f"'cwd': there is no folder {folder} to run in") from None
        if isinstance(error, FileNotFoundError):
            raise NodeFailed("not_found", f"there is no program '{program}'") from None
        if error.errno == errno.E2BIG:
            message = "the command and its values are too long for the system; pass the longest by stdin or a file"
            raise NodeFailed("value_not_passable", message) from None
        raise NodeFailed("not_executable", f"'{program}' cannot be run: {error.strerror}") from None


def _account(finished: Finished) -> str:
    """How the command ended, with the last line it complained."""
    lines = finished.stderr[-4096:].decode("utf-8", "replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f"the command ended with {finished.manner}" + (f": {last[:300]}" if last else "")
