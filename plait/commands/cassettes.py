"""`plait cassettes`: the recordings of evals, checked; what is useless is taken away, what is missing recorded."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from evals.keeping import BROKEN, Finding
from evals.lookup import Found, find_suite, select_cases, shipped
from evals.results import Outcome
from evals.running import Matrix, run_suites
from evals.upkeep import Shelf, examined, prune, refresh
from plait.application import new_app
from plait.display import is_interactive, put, put_json, say
from plait.eval_cases import Cases, named_cases
from plait.eval_progress import progress_of
from plait.eval_variants import ManyPrompts, ManyVariants, variants, variants_of
from plait.options import Allow, Json
from plait.wiring import LOCAL
from runtime.issues import Refused

app = new_app(about="The recordings of evals: check them, prune them, record what is missing.")

FOUND, UNAVAILABLE = 1, 6

Suites = Annotated[
    list[str] | None, typer.Argument(metavar="[SUITE...]", help="Shipped suites' names, or files; else all shipped.")
]
Cassettes = Annotated[
    Path | None, typer.Option("--cassettes", metavar="DIR", help="Where the recordings are; else beside the suite.")
]


@app.callback()
def group() -> None:
    """The recordings of evals."""


@app.command()
def check(suite: Suites = None, cassettes: Cassettes = None, prompts: ManyPrompts = None, json: Json = False) -> int:
    """Say what is stale, missing, unused, unreadable, edited by hand, or holds a secret. Offline."""
    shelf = asyncio.run(examined(_found(suite, cassettes), variants_of(prompts)))
    if json:
        put_json([finding.to_json() for finding in shelf.findings])
    else:
        for finding in shelf.findings:
            put(str(finding))
        say(_summary(shelf))
    if any(finding.kind in BROKEN for finding in shelf.findings):
        return UNAVAILABLE
    return FOUND if shelf.findings else 0


@app.command(name="prune")
def take_away(
    suite: Suites = None,
    cassettes: Cassettes = None,
    prompts: ManyPrompts = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and let it be.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Take away what no case asks for. What goes is shown first."""
    shelf = asyncio.run(examined(_found(suite, cassettes), variants_of(prompts)))
    unused = shelf.prunable()
    for finding in unused:
        put(f"{finding.path}: {finding.what}")
    if dry_run or not unused:
        say(f"{_counted(unused)} unused" if unused else "nothing is unused")
        return 0
    if not yes:
        _ask(unused)
    prune(shelf)
    say(f"{_counted(unused)} pruned")
    return 0


@app.command()
def record(
    suite: Suites = None,
    cassettes: Cassettes = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="M", help="Who answers; else PLAIT_MODEL, else the embedded one.")
    ] = None,
    variant: ManyVariants = None,
    prompts: ManyPrompts = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, metavar="N", help="Try every case so often.")] = 1,
    case: Cases = None,
    allow: Allow = None,
) -> int:
    """Ask a model for what is missing or stale, and for nothing else; each answer is kept as it comes."""
    found = select_cases(_found(suite, cassettes), named_cases(case))
    matrix = Matrix((model or os.environ.get("PLAIT_MODEL") or LOCAL,), variants(variant, prompts), epochs)
    outcomes = asyncio.run(_recorded(found, matrix, tuple(allow or ())))
    marked = refresh((trial for trial in matrix.trials(found) if trial.asks), outcomes)
    failed = [each for each in outcomes if each.status == "error"]
    say(f"{len(outcomes) - len(failed)} of {len(outcomes)} recorded, {len(marked)} of them marked as current")
    return UNAVAILABLE if failed else 0


async def _recorded(found: Sequence[Found], matrix: Matrix, allow: tuple[str, ...]) -> tuple[Outcome, ...]:
    total = sum(1 for _ in matrix.trials(found))
    with progress_of(total, quiet=False) as progress:
        report = await run_suites(found, matrix, mode="record", on_outcome=progress.take, allow=allow)
    return report.outcomes


def _found(names: Sequence[str] | None, cassettes: Path | None) -> list[Found]:
    """The suites; what is below the working directory is called so, as it will be shown."""
    found = [find_suite(name, cassettes) for name in names or shipped()]
    return [replace(each, cassettes=_from_here(each.cassettes)) for each in found]


def _from_here(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _ask(unused: Sequence[Finding]) -> None:
    if not is_interactive():
        raise Refused(f"{_counted(unused)} would be pruned, and nobody can be asked; add --yes, or --dry-run")
    if not typer.confirm(f"Prune {_counted(unused)}?", default=False, err=True):
        raise Refused("it was not approved, and nothing was pruned")


def _counted(findings: Sequence[Finding]) -> str:
    files = sum(1 for each in findings if not each.places)
    places = sum(len(each.places) for each in findings)
    told = [f"{count} {what}{'s' if count > 1 else ''}" for count, what in ((files, "file"), (places, "interaction"))]
    return " and ".join(text for text, count in zip(told, (files, places), strict=True) if count)


def _summary(shelf: Shelf) -> str:
    files = f"{len(shelf.held)} cassettes"
    counts = Counter(finding.kind for finding in shelf.findings)
    told = ", ".join(f"{count} {kind}" for kind, count in sorted(counts.items()))
    return f"{files}: {told or 'whole, current, used, and without a known secret'}"
