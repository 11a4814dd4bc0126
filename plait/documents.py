"""Documents as the command line names them: a file, the name of a kept workflow, or `-` for standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from plait.library import found, is_name, names
from plait.state import limits
from runtime.checks import Examination
from runtime.issues import Issue, nearest
from runtime.node_types import Registry
from runtime.running import examine_document

STDIN = "-"


def examine_named(file: str, registry: Registry) -> Examination:
    """A document examined; one that cannot be read has that as its one issue."""
    path = _path_of(file)
    try:
        data = sys.stdin.buffer.read() if file == STDIN else path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        issue = Issue("json_syntax", "", f"the document cannot be read: {reason}", _mend(file))
        return Examination(None, None, (issue,))
    return examine_document(data, None if file == STDIN else path.name, registry, limits())


def _path_of(file: str) -> Path:
    """The file of that name, before a kept workflow of that name."""
    path = Path(file)
    return path if path.exists() else found(file) or path


def _mend(file: str) -> str:
    """What would be right; a word that is no path was perhaps meant for a kept workflow."""
    known = names() if is_name(file) else []
    kept = f", or the name of a kept workflow ({nearest(file, known)})" if known else ""
    return f"give the path of a readable file{kept}"


def shown_name(file: str) -> str:
    return "<stdin>" if file == STDIN else file
