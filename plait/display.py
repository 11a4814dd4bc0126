"""Data goes to standard output, all else that is said to standard error. What a terminal would obey is escaped."""

from __future__ import annotations

import json
import os
import re
import sys
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:  # only names: `plait --help` comes through here
    from runtime.issues import Issue, JsonValue

_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def put(text: str) -> None:
    """One piece of data, ended by a line break. On a terminal its control characters are shown and not obeyed."""
    whole = text if text.endswith("\n") else f"{text}\n"
    _write(sys.stdout, harmless(whole) if sys.stdout.isatty() else whole)


def put_json(value: JsonValue) -> None:
    """One JSON value, indented."""
    _write(sys.stdout, f"{pretty(value)}\n")


def say(text: str) -> None:
    """A message for the person at the terminal."""
    _write(sys.stderr, f"{harmless(text)}\n")


def pretty(value: JsonValue) -> str:
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return text if _is_writable(text) else json.dumps(value, indent=2)


def harmless(text: str) -> str:
    """Text in which what a terminal would obey (escapes, bidi marks) is written out."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def issue_line(issue: Issue, file: str | None = None) -> str:
    """`file:line path: message; hint`."""
    place = "".join(filter(None, (file or "", f":{issue.line}" if issue.line and file else "")))
    warning = "warning: " if issue.severity == "warning" else ""
    hint = f"; {issue.hint}" if issue.hint else ""
    return f"{place} {issue.path or '/'}: {warning}{issue.message}{hint}".lstrip()


def is_interactive() -> bool:
    """Whether somebody can be asked: standard input and standard error are a terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def is_lively() -> bool:
    """Whether standard error is a terminal that can draw over what it showed."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
    except UnicodeEncodeError:  # a terminal of another encoding, or a lone surrogate that came from outside
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding))
    stream.flush()


def _is_writable(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True
