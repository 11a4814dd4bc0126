"""The progress bar of a download."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from planner.model_download import Progress as Step

STAGES = {
    "waiting": "waiting for another pull",
    "download": "downloading",
    "verify": "verifying the checksum",
    "done": "ready",
}


@contextmanager
def download_bar(console: Console | None = None) -> Iterator[Callable[[Step], None]]:
    """Inside, the report that moves the bar."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console or Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)

        def report(step: Step) -> None:
            bar.update(task, description=STAGES[step.stage], completed=step.done_bytes, total=step.total_bytes)

        yield report
