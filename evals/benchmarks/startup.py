"""What a command of the command line costs before it does any work: processor time, and the modules it imports."""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from evals.benchmarks.table import Row, Table, at_most
from runtime import JsonValue

PLAIT = (sys.executable, "-m", "plait")
HELP, SHELL_RUN = "plait --help", "plait run FILE --yes --json"
AIMS = {HELP: 0.25, SHELL_RUN: 0.5}  # seconds of processor time
HEAVY = ("litellm", "jinja2", "vcr", "httpx")
MOST = 12  # rows of the import table
IMPORTED = re.compile(r"^import time:\s+(\d+) \|\s+(\d+) \|\s+(\S+)$", re.MULTILINE)

WORKFLOW: dict[str, JsonValue] = {
    "pipeline": [
        {
            "parallel": [
                {"id": "one", "type": "shell", "params": {"command": "echo one"}},
                {"id": "two", "type": "shell", "params": {"command": "echo two"}},
            ]
        },
        {"id": "both", "type": "shell", "params": {"command": "echo ${one.stdout} ${two.stdout}"}},
    ]
}


@dataclass(frozen=True, slots=True)
class Module:
    """One import, in microseconds: alone, and with all that it imported."""

    name: str
    alone: int
    whole: int


def tables(repetitions: int = 10) -> Iterator[Table]:
    """The processor time of two commands, what they import, and where the time of their imports goes."""
    with TemporaryDirectory() as folder:
        place = Path(folder)
        file = place / "workflow.json"
        file.write_text(json.dumps(WORKFLOW), encoding="utf-8")
        commands = {HELP: ("--help",), SHELL_RUN: ("run", str(file), "--yes", "--json")}
        yield _processor_time(commands, place, repetitions)
        imports = {name: imported(arguments, place) for name, arguments in commands.items()}
    yield _heavy(imports)
    for name, modules in imports.items():
        yield _import_table(name, modules)


def cpu_seconds(arguments: Sequence[str], folder: Path) -> float:
    """User and system seconds of one call and of what it started. RuntimeError if it failed."""
    words, silent, env = [*PLAIT, *arguments], subprocess.DEVNULL, with_bytecode(folder)
    process = subprocess.Popen(words, stdout=silent, stderr=silent, cwd=folder, env=env)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"plait {' '.join(arguments)} ended with exit code {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def with_bytecode(folder: Path) -> dict[str, str]:
    """The environment in which the first call keeps what it has compiled, as it does wherever Python may."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": str(folder / "bytecode")}


def imported(arguments: Sequence[str], folder: Path) -> list[Module]:
    """Every module that a call imports, as `-X importtime` tells it; of equal names the last."""
    argv = [sys.executable, "-X", "importtime", "-m", "plait", *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=folder, check=True, env=with_bytecode(folder))
    found = (Module(each[3], int(each[1]), int(each[2])) for each in IMPORTED.finditer(done.stderr))
    return list({module.name: module for module in found}.values())


def _processor_time(commands: Mapping[str, Sequence[str]], folder: Path, repetitions: int) -> Table:
    rows: list[Row] = []
    for name, arguments in commands.items():
        cpu_seconds(arguments, folder)
        taken = [cpu_seconds(arguments, folder) for _ in range(repetitions)]
        median = at_most(statistics.median(taken), AIMS[name])
        rows.append({"command": name, "median s": median, "best s": min(taken)})
    measured = "User and system seconds of a fresh process and of the shells it starts, after a call that compiles."
    return Table("Processor time of a command", measured, repetitions, tuple(rows))


def _heavy(imports: Mapping[str, Sequence[Module]]) -> Table:
    rows: list[Row] = []
    for name, modules in imports.items():
        loaded = {module.name for module in modules}
        rows.append({"command": name, "modules": len(loaded), **{each: _said(each in loaded) for each in HEAVY}})
    return Table("What a command imports", "Counted by -X importtime.", 1, tuple(rows))


def _said(loaded: bool) -> str:
    return "imported" if loaded else "not imported"


def _import_table(command: str, modules: Sequence[Module]) -> Table:
    longest = sorted(modules, key=lambda module: -module.whole)[:MOST]
    measured = f"The {MOST} longest by -X importtime, which itself slows them; 'whole' counts what a module imports."
    return Table(f"Imports of {command}", measured, 1, tuple(_import_row(module) for module in longest))


def _import_row(module: Module) -> Row:
    return {"module": module.name, "whole ms": module.whole / 1000, "alone ms": module.alone / 1000}
