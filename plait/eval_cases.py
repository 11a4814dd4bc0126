"""`--case`: which cases of the suites a command is about, by id or by a file of ids."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

Cases = Annotated[
    list[str] | None,
    typer.Option("--case", metavar="ID", help="Only this case; @FILE names one on each line. Repeatable."),
]


def named_cases(said: Sequence[str] | None) -> list[str]:
    """The ids as they were given, those of files in their place. Raises OSError for a file that cannot be read."""
    return [name for each in said or () for name in _lines(each)]


def _lines(said: str) -> list[str]:
    if not said.startswith("@"):
        return [said]
    lines = Path(said[1:]).read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]
