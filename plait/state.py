"""Where runs are kept between calls, how a person names one (its id, the beginning, or `last`), and the limits."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import typer

from plait.display import issue_line, say
from runtime.bounds import Limits, read_limits
from runtime.issues import Issue, JsonValue, nearest
from runtime.journal import KeptRun, RunsInDirectory, RunStore

LAST = "last"


def state_directory(chosen: Path | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """The directory asked for, else that of PLAIT_STATE, else the user's own."""
    if named := chosen or environ.get("PLAIT_STATE"):
        return Path(named).expanduser()
    import platformdirs  # noqa: PLC0415  # who names a directory does without

    return platformdirs.user_state_path("plait")


def limits(environ: Mapping[str, str] = os.environ) -> Limits:
    """Those that PLAIT_LIMITS sets, else the defaults. Raises InvalidWorkflow for what is no limit."""
    return read_limits(environ.get("PLAIT_LIMITS", ""))


def store_in(chosen: Path | None) -> RunStore:
    return RunsInDirectory(state_directory(chosen), limits())


def keep(run: KeptRun, document: JsonValue, chosen: Path | None) -> tuple[Issue, ...]:
    """Keeps a run. What is not kept of it spoils no run: it is told, and what was beyond a limit returned."""
    issues: tuple[Issue, ...] = ()
    try:
        issues = store_in(chosen).save(run, document)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        where = error.filename or state_directory(chosen)
        say(f"warning: this run was not kept: {where}: {reason}; --state or PLAIT_STATE names another directory")
    for issue in issues:
        say(issue_line(issue))
    return issues


def find_run(name: str, runs: Sequence[KeptRun], option: str) -> KeptRun:
    """The one of the runs that somebody named; `last` is the first of them. A usage error if it is none or several."""
    if name == LAST and runs:
        return runs[0]
    found = [run for run in runs if run.run_id == name] or [run for run in runs if _begins(run.run_id, name)]
    if len(found) == 1:
        return found[0]
    if found:
        several = ", ".join(run.run_id for run in found[:6])
        raise typer.BadParameter(f"several runs begin with '{name}': {several}; give more of it", param_hint=option)
    hint = nearest(name, (run.run_id for run in runs)) if runs else "none has been kept yet"
    raise typer.BadParameter(f"there is no run '{name}'; {hint}", param_hint=option)


def _begins(run_id: str, name: str) -> bool:
    return bool(name) and run_id.startswith((name, f"run-{name}"))


def moment(run: KeptRun) -> str:
    """When a run began, by the clock on this machine's wall."""
    return f"{run.began.astimezone():%Y-%m-%d %H:%M:%S}"
