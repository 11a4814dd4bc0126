"""What the tests of the command line share: a call and what it gave, and small workflows to call it with."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.issues import JsonValue

Document = dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Called:
    """What a call of the command line gave."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> JsonValue:
        value: JsonValue = json.loads(self.out)
        return value

    @property
    def object(self) -> Document:
        assert isinstance(self.json, dict)
        return self.json

    @property
    def codes(self) -> list[JsonValue]:
        """The codes of the printed object's issues."""
        issues = self.object["issues"]
        assert isinstance(issues, list)
        return [issue["code"] for issue in issues if isinstance(issue, dict)]


Call = Callable[..., Called]
Write = Callable[..., str]


def pipeline(*entries: JsonValue, **keys: JsonValue) -> Document:
    return {"pipeline": list(entries), **keys}


def shell(name: str, command: str) -> Document:
    return {"id": name, "type": "shell", "params": {"command": command}}


def value(name: str, what: JsonValue) -> Document:
    return {"id": name, "type": "transform", "params": {"value": what}}


def llm(name: str, prompt: str) -> Document:
    return {"id": name, "type": "llm", "params": {"prompt": prompt}}


SHELL_ONLY = pipeline(
    {"parallel": [shell("one", "echo 1"), shell("two", "echo 2")]},
    shell("both", 'printf "%s" "${one.stdout}${two.stdout}"'),
)
WITH_INPUTS = pipeline(
    value("all", "${workflow.text}"),
    inputs={"text": {}, "count": {"type": "integer", "default": 0}, "data": {"type": "object", "default": {}}},
    outputs={"text": "${workflow.text}", "count": "${workflow.count}", "data": "${workflow.data}"},
)


def at_a_terminal(folder: Path, answers: Sequence[str], *arguments: str, **environment: str) -> tuple[int, str]:
    """The exit code and all that a terminal showed; an answer is typed for each question, in order."""
    screen, terminal = pty.openpty()
    running = subprocess.Popen(
        [sys.executable, "-m", "plait", *arguments],
        cwd=folder,
        env=os.environ | {"TERM": "xterm"} | environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown, left = "", list(answers)
    until = time.monotonic() + 20
    while time.monotonic() < until and select.select([screen], [], [], 20)[0]:
        try:
            shown += os.read(screen, 65536).decode(errors="replace")
        except OSError:  # the other end has been closed
            break
        if left and shown.endswith(": "):
            os.write(screen, f"{left.pop(0)}\n".encode())
    os.close(screen)
    return running.wait(timeout=20), shown
