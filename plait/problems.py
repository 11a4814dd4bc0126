"""What an exception is to a person: a message and an exit code."""

from __future__ import annotations

import errno
from collections.abc import Iterable

import typer

from plait.display import issue_line
from runtime.issues import InvalidWorkflow, Issue, PlaitError, Refused

FAILED, BAD_USAGE, UNAVAILABLE = 1, 2, 6
EXTRAS = {
    **dict.fromkeys(("jinja2", "json_repair", "litellm"), "planner"),
    **dict.fromkeys(("huggingface_hub", "xllamacpp"), "local"),
    "vcr": "evals",
}
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


def message_of(error: Exception) -> tuple[str, int]:
    """The message, one line or one for each issue, and the exit code."""
    match error:
        case typer.TyperException():
            return f"plait: {error.format_message().replace('Value error, ', '')}\nTry `plait --help`.", BAD_USAGE
        case PlaitError():
            return told(error), error.exit_code
        case OSError():
            return f"plait: {_of_the_system(error)}", UNAVAILABLE if error.errno in FULL else BAD_USAGE
        case ModuleNotFoundError(name=str(name)) if name.partition(".")[0] in EXTRAS:
            extra = EXTRAS[name.partition(".")[0]]
            return f"plait: this needs {name}, which is not installed; run pip install 'plait[{extra}]'", UNAVAILABLE
        case _:
            what = f"{type(error).__name__}: {error}"
            return f"plait: a defect of plait's own, {what}\nAdd --debug to see where, and report it.", FAILED


def told(error: PlaitError, file: str | None = None) -> str:
    """An error of plait's own; its issues one to a line, each with its place in `file`."""
    match error:
        case InvalidWorkflow():
            return _listed(error.issues, file)
        case Refused():
            return "\n".join(filter(None, (f"plait: refused: {error}", _listed(error.issues, file))))
        case _:
            return f"plait: {error}"


def _listed(issues: Iterable[Issue], file: str | None) -> str:
    return "\n".join(issue_line(issue, file) for issue in issues)


def _of_the_system(error: OSError) -> str:
    reason = (error.strerror or str(error) or type(error).__name__).lower()
    return f"{error.filename}: {reason}" if error.filename else reason
