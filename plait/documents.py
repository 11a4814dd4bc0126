"""Documents as the command line names them: a file, or `-` for standard input."""

from __future__ import annotations

import sys
from pathlib import Path

from runtime.checks import Examination
from runtime.issues import Issue
from runtime.node_types import Registry
from runtime.running import examine_document

STDIN = "-"


def examine_named(file: str, registry: Registry) -> Examination:
    """A document examined; one that cannot be read has that as its one issue."""
    try:
        data = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        issue = Issue("json_syntax", "", f"the document cannot be read: {reason}", "give the path of a readable file")
        return Examination(None, None, (issue,))
    return examine_document(data, None if file == STDIN else Path(file).name, registry)


def shown_name(file: str) -> str:
    return "<stdin>" if file == STDIN else file
