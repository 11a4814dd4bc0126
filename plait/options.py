"""The options that several commands share, and what they are together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Inputs = Annotated[
    list[str] | None,
    typer.Option("--input", metavar="NAME=VALUE", help="An input; @FILE takes a file's text, @@x is @x. Repeatable."),
]
InputFile = Annotated[
    Path | None, typer.Option("--input-file", metavar="FILE", help="Inputs as one JSON or YAML object; --input wins.")
]
MaxConcurrent = Annotated[
    int | None, typer.Option("--max-concurrent", min=1, metavar="N", help="Steps at once; 1 is one after another.")
]
Yes = Annotated[bool, typer.Option("--yes", help="Grant every capability that the workflow needs.")]
Allow = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="CAP", help="Grant a capability, as shell or write:out/. Repeatable."),
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="M", help="The model asked, else PLAIT_MODEL, else the embedded one (local)."),
]
Cassette = Annotated[
    Path | None,
    typer.Option("--cassette", metavar="DIR", help="Answer every model call from recordings only (PLAIT_CASSETTES)."),
]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a workflow is run. `inputs` are the texts by name, as they were given."""

    inputs: dict[str, str] = field(default_factory=dict)
    input_file: Path | None = None
    max_concurrent: int | None = None
    yes: bool = False
    allow: tuple[str, ...] = ()
    model: str | None = None
    cassette: Path | None = None
    json: bool = False
