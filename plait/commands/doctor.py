"""`plait doctor`: what is set up and what is missing, each with its mend. It imports no extra and tells no key."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from ctypes.util import find_library
from dataclasses import dataclass
from importlib.util import find_spec

from plait.application import new_app
from plait.display import is_interactive, is_lively, put, put_json
from plait.options import Json
from plait.problems import EXTRAS
from plait.wiring import EMBEDDED, models
from planner.local_model import is_local
from planner.model_download import embedded_path, is_pulled
from runtime.bubblewrap import unavailable
from runtime.issues import JsonValue

MISSING = 6
OLDEST_PYTHON = (3, 11)
_KEY = re.compile(r"[A-Z0-9_]+_API_KEY")

app = new_app()


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at. Without what is `needed` no workflow runs; the rest is for a part of what plait can do."""

    name: str
    ok: bool
    found: str
    mend: str = ""
    needed: bool = False

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "name": self.name,
            "ok": self.ok,
            "found": self.found,
            "mend": "" if self.ok else self.mend,
            "needed": self.needed,
        }


@app.command()
def doctor(json: Json = False) -> int:
    """Print what is set up and what is missing; exit 6 if something is missing without which no workflow runs."""
    found = list(examine())
    if json:
        put_json([finding.to_json() for finding in found])
    else:
        put("\n".join(map(_line, found)))
    return MISSING if any(finding.needed and not finding.ok for finding in found) else 0


def examine() -> Iterator[Finding]:
    """Every finding, the needed ones first."""
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", sys.version_info >= OLDEST_PYTHON, version, "install Python 3.11 or newer", needed=True)
    yield _program("/bin/sh", "the shell that `shell` steps run by", "install a POSIX shell as /bin/sh", needed=True)
    yield _program("bash", "on the path", "install bash, for commands that need it")
    yield _sandbox()
    for module, extra in EXTRAS.items():
        yield _module(module, extra)
    yield from _of_the_embedded_model()
    yield from _of_the_chosen_model()
    yield Finding("terminal", is_interactive(), _terminal(), "without one, give --yes or --allow instead of an answer")


def _program(name: str, found: str, mend: str, *, needed: bool = False) -> Finding:
    there = shutil.which(name) is not None
    return Finding(name, there, found if there else "not found", mend, needed)


def _sandbox() -> Finding:
    missing = unavailable()
    found = f"by bubblewrap, {shutil.which('bwrap')}"
    return Finding("sandbox", True, found) if missing is None else Finding("sandbox", False, *missing)


def _module(name: str, extra: str) -> Finding:
    there = find_spec(name) is not None
    return Finding(name, there, "installed" if there else "not installed", f"pip install 'plait[{extra}]'")


def _of_the_embedded_model() -> Iterator[Finding]:
    library = find_library("gomp")
    yield Finding("libgomp", library is not None, library or "not found", "apt-get install libgomp1")
    there = is_pulled()
    yield Finding(EMBEDDED, there, str(embedded_path()) if there else "not downloaded", "plait model pull")


def _of_the_chosen_model() -> Iterator[Finding]:
    name = models().model
    keys = sorted(key for key, value in os.environ.items() if _KEY.fullmatch(key) and value)
    local = is_local(name)
    source = "PLAIT_MODEL" if os.environ.get("PLAIT_MODEL") else "by default"
    yield Finding("model", True, f"{name} ({source})")
    mend = "set the key of the model's provider, for example OPENAI_API_KEY"
    yield Finding("keys", local or bool(keys), ", ".join(keys) or "none set", mend)


def _terminal() -> str:
    size = shutil.get_terminal_size()
    asks = "questions can be asked" if is_interactive() else "nobody can be asked"
    draws = "progress is drawn" if is_lively() else "progress comes in lines"
    return f"{size.columns}x{size.lines}, {asks}, {draws}"


def _line(finding: Finding) -> str:
    state = "ok     " if finding.ok else "missing"
    return f"{state}  {finding.name}: {finding.found}" + ("" if finding.ok else f"; {finding.mend}")
