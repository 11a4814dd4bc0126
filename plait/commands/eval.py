"""`plait eval`: suites of requests, planned from recordings or by a model, and scored."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from evals.cassettes import Mode
from evals.gates import Threshold, judge, read_threshold
from evals.lookup import Found, find_suite, select_cases
from evals.report import html
from evals.report import junit as junit_xml
from evals.report.figures import PASSED
from evals.results import Report
from evals.results_file import ResultsFile
from evals.running import Matrix, run_suites
from evals.scorers import installed_scorers
from plait.application import new_app
from plait.commands.eval_diff import diff
from plait.commands.eval_list import list_suites
from plait.commands.eval_show import show
from plait.display import put, put_json, say
from plait.eval_cases import Cases, named_cases
from plait.eval_progress import progress_of
from plait.eval_report import report_text
from plait.eval_variants import ManyPrompts, ManyVariants, variants
from plait.options import Allow, Json, State
from plait.problems import told
from plait.state import state_directory
from plait.wiring import LOCAL
from runtime.issues import InvalidWorkflow, nearest

app = new_app(about="Suites of requests, planned and scored.")

FAILED, BAD_USAGE, UNAVAILABLE, INTERRUPTED = 1, 2, 6, 130

Suites = Annotated[list[str], typer.Argument(metavar="SUITE...", help="A shipped suite's name, or a file.")]
Replay = Annotated[bool, typer.Option("--replay", help="Answer from recordings only; the default.")]
Record = Annotated[bool, typer.Option("--record", help="Ask the model for what is not recorded, and keep it.")]
Live = Annotated[bool, typer.Option("--live", help="Ask the model, and keep nothing.")]
ManyModels = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="M", help="A model; else PLAIT_MODEL, else the embedded one. Repeatable."),
]
Epochs = Annotated[int, typer.Option("--epochs", min=1, metavar="N", help="Try every case so often.")]
ThresholdTexts = Annotated[
    list[str] | None,
    typer.Option("--threshold", metavar="NAME>=X", help="The least mean of a score; X is of passed. Repeatable."),
]
Concurrency = Annotated[
    int | None, typer.Option("--concurrency", min=1, metavar="N", help="Cases at once: 8 in a replay, else 1.")
]
Cassettes = Annotated[
    Path | None, typer.Option("--cassettes", metavar="DIR", help="Where the recordings are; else beside the suite.")
]
Results = Annotated[
    Path | None,
    typer.Option(
        "--results", metavar="FILE", help="Outcomes as they come, in JSON Lines; what is there is not redone."
    ),
]
HtmlFile = Annotated[Path | None, typer.Option("--report", metavar="F.html", help="Write the report there as a page.")]
JunitFile = Annotated[Path | None, typer.Option("--junit", metavar="F.xml", help="Write it there as JUnit XML.")]


@app.callback()
def group() -> None:
    """Suites of requests, planned and scored."""


app.command()(diff)
app.command()(show)
app.command("list")(list_suites)


@app.command()
def run(
    suite: Suites,
    replay: Replay = False,
    record: Record = False,
    live: Live = False,
    model: ManyModels = None,
    variant: ManyVariants = None,
    prompts: ManyPrompts = None,
    epochs: Epochs = 1,
    case: Cases = None,
    threshold: ThresholdTexts = None,
    concurrency: Concurrency = None,
    cassettes: Cassettes = None,
    results: Results = None,
    allow: Allow = None,
    report: HtmlFile = None,
    junit: JunitFile = None,
    state: State = None,
    json: Json = False,
) -> int:
    """Plan every case of the suites and score what came of it. Offline, unless --record or --live."""
    asked = Asked(
        suites=select_cases(_suites(suite, cassettes), named_cases(case)),
        matrix=Matrix(tuple(model or [os.environ.get("PLAIT_MODEL") or LOCAL]), variants(variant, prompts), epochs),
        mode=_mode(replay=replay, record=record, live=live),
        thresholds=_thresholds(threshold or ()),
        at_once=concurrency,
        results=results or _new_file(state),
        allow=tuple(allow or ()),
        written=((report, html), (junit, junit_xml)),
        json=json,
    )
    try:
        found = asyncio.run(_run(asked))
    except KeyboardInterrupt:
        say(f"interrupted; to go on from here: the same command with --results {asked.results}")
        return INTERRUPTED
    return _told(found, asked)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line asks for."""

    suites: Sequence[Found]
    matrix: Matrix
    mode: Mode
    thresholds: Sequence[Threshold]
    at_once: int | None
    results: Path
    allow: tuple[str, ...]
    written: Sequence[tuple[Path | None, Callable[[Report], str]]]
    json: bool


async def _run(asked: Asked) -> Report:
    total = sum(1 for _ in asked.matrix.trials(asked.suites))
    with ResultsFile(asked.results) as file, progress_of(total, quiet=asked.json) as progress:
        return await run_suites(
            asked.suites,
            asked.matrix,
            mode=asked.mode,
            at_once=asked.at_once,
            results=file,
            on_outcome=progress.take,
            allow=asked.allow,
        )


def _told(report: Report, asked: Asked) -> int:
    """The report on standard output and in files, and what it comes to as an exit code."""
    for path, written in asked.written:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(written(report), encoding="utf-8")
    if asked.json:
        put_json(report.model_dump(mode="json"))
    else:
        put(report_text(report))
        say(f"outcomes in {asked.results}")
    verdicts = judge(report, asked.thresholds)
    for verdict in verdicts:
        say(str(verdict))
    if any(outcome.status == "error" for outcome in report.outcomes):
        return UNAVAILABLE
    return 0 if all(verdict.met for verdict in verdicts) else FAILED


def _suites(names: Sequence[str], cassettes: Path | None) -> list[Found]:
    """All of them, or the issues of all of them."""
    found, invalid = list[Found](), 0
    for name in names:
        try:
            found.append(find_suite(name, cassettes))
        except InvalidWorkflow as error:
            say(told(error, name))
            invalid += 1
    if invalid:
        raise typer.Exit(BAD_USAGE)
    return found


def _mode(**asked: bool) -> Mode:
    chosen: list[Mode] = [mode for mode in ("replay", "record", "live") if asked[mode]]
    if len(chosen) > 1:
        raise typer.BadParameter("one of --replay, --record and --live", param_hint=f"--{chosen[1]}")
    return chosen[0] if chosen else "replay"


def _thresholds(texts: Sequence[str]) -> list[Threshold]:
    known = (PASSED, *installed_scorers())
    try:
        found = [read_threshold(text) for text in texts]
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--threshold") from None
    if unknown := [each.name for each in found if re.split("[@^]", each.name)[0] not in known]:
        told = "\n".join(f"there is no score '{name}'; {nearest(name, known)}" for name in unknown)
        raise typer.BadParameter(told, param_hint="--threshold")
    return found


def _new_file(state: Path | None) -> Path:
    moment = datetime.now().astimezone()
    return state_directory(state) / "evals" / f"{moment:%Y-%m-%dT%H-%M-%S}-{os.getpid()}.jsonl"
