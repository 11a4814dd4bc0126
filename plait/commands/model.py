"""`plait model`: the embedded model's file, obtained and served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from plait.application import new_app
from plait.display import is_lively, put, put_json, say
from plait.options import Json
from planner.local_model import LocalModel, ServerSettings, local_path
from planner.local_model import serve as serve_model
from planner.model_download import MODEL, Progress, embedded_path, is_pulled
from planner.model_download import pull as pull_model
from runtime.issues import JsonValue

app = new_app(about="The embedded model.")


@app.command("list")
def list_models(json: Json = False) -> int:
    """Print the model that plait can serve itself: its size, its place, its licence, and whether it is there."""
    present = is_pulled()
    about: dict[str, JsonValue] = {
        "name": MODEL.name,
        "title": MODEL.title,
        "size": MODEL.size,
        "path": str(embedded_path()),
        "present": present,
        "verified": present,  # a file gets its name only after its checksum was right
        "licence": MODEL.licence,
        "sha256": MODEL.sha256,
    }
    if json:
        put_json([about])
    else:
        state = "present, its checksum verified" if present else "not there; run `plait model pull`"
        put(f"{MODEL.name}: {MODEL.title}\n    size     {MODEL.size:,} bytes\n    path     {embedded_path()}")
        put(f"    state    {state}\n    licence  {MODEL.licence}, by {MODEL.author}")
    return 0


@app.command()
def pull() -> int:
    """Download the embedded model (1.1 GB); an interrupted download goes on where it stopped."""
    path = _pulled_with_a_bar() if is_lively() else pull_model(report=_told_in_tenths())
    put(str(path))
    return 0


def _told_in_tenths() -> Callable[[Progress], None]:
    """A report that says each tenth once."""
    told: set[tuple[str, int]] = set()

    def report(progress: Progress) -> None:
        tenth = progress.done_bytes * 10 // max(progress.total_bytes, 1)
        if (progress.stage, tenth) not in told:
            told.add((progress.stage, tenth))
            say(f"{progress.stage}: {tenth * 10} %")

    return report


def _pulled_with_a_bar() -> Path:
    from plait.download_bar import download_bar  # noqa: PLC0415  # it brings rich, of use on a terminal only

    with download_bar() as report:
        return pull_model(report=report)


@app.command()
def serve(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help="local, or local:PATH.gguf.")] = "local",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 0,
) -> int:
    """Serve a model on this machine, OpenAI-compatible, until Ctrl-C."""

    def ready(served: LocalModel) -> None:
        put(served.base_url)
        say(f"serving {served.model}; Ctrl-C ends it")

    serve_model(local_path(model), ServerSettings(port=port), ready)
    return 0
