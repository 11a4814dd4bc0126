"""The options that several commands share, and what they are together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Explain = Annotated[bool, typer.Option("--explain", help="Say why each step waits, and how much faster that can be.")]
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
InSandbox = Annotated[
    bool | None,
    typer.Option("--sandbox/--no-sandbox", help="Run shell and code in a sandbox; refuse where there is none."),
]
Model = Annotated[
    str | None,
    typer.Option("--model", metavar="M", help="The model asked, else PLAIT_MODEL, else the embedded one (local)."),
]
Fallback = Annotated[
    list[str] | None,
    typer.Option("--fallback", metavar="M", help="Asked where the model cannot answer (PLAIT_FALLBACK). Repeatable."),
]
Cassette = Annotated[
    Path | None,
    typer.Option("--cassette", metavar="DIR", help="Answer every model call from recordings only (PLAIT_CASSETTES)."),
]

State = Annotated[
    Path | None,
    typer.Option("--state", metavar="DIR", help="Where runs are kept (PLAIT_STATE)."),
]
Only = Annotated[
    str | None,
    typer.Option("--only", metavar="STEP", help="Run one step, on outputs from --use and --mock."),
]
From = Annotated[
    list[str] | None,
    typer.Option("--from", metavar="STEP", help="Run a step and all after it; the rest is given. Repeatable."),
]
Use = Annotated[
    str | None,
    typer.Option("--use", metavar="RUN", help="The kept run whose outputs and inputs are given; last is the newest."),
]
Mock = Annotated[
    list[str] | None,
    typer.Option("--mock", metavar="STEP=JSON", help="Outputs in place of running a step; @FILE reads. Repeatable."),
]
MaxCost = Annotated[
    float | None,
    typer.Option("--max-cost", metavar="USD", min=0, help="No further model call once they cost that much together."),
]

MaxAttempts = Annotated[
    int | None, typer.Option("--max-attempts", metavar="N", min=1, help="At most so many answers of the model.")
]
MaxTokens = Annotated[
    int | None, typer.Option("--max-tokens", metavar="N", min=1, help="No further answer once so many are used.")
]
MaxSeconds = Annotated[
    float | None, typer.Option("--max-seconds", metavar="S", min=0, help="No further answer once so many have passed.")
]
MaxPlanCost = Annotated[
    float | None,
    typer.Option("--max-cost", metavar="USD", min=0, help="No further answer, or call of --run, once they cost that."),
]


@dataclass(frozen=True, slots=True)
class Selection:
    """The steps that are run, and where the outputs of others come from. `mocks` are the texts by name."""

    only: str | None = None
    starts: tuple[str, ...] = ()
    use: str | None = None
    mocks: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a workflow is run. `inputs` are the texts by name, as they were given; `max_cost` is in USD.

    `sandbox` is what was said, None if nothing was.
    """

    inputs: dict[str, str] = field(default_factory=dict)
    input_file: Path | None = None
    max_concurrent: int | None = None
    yes: bool = False
    allow: tuple[str, ...] = ()
    model: str | None = None
    cassette: Path | None = None
    json: bool = False
    state: Path | None = None
    max_cost: float | None = None
    selection: Selection = field(default_factory=Selection)
    fallbacks: tuple[str, ...] = ()
    explain: bool = False
    sandbox: bool | None = None
