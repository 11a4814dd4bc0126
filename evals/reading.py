"""Reports as files: what `plait eval run --json` prints, and the results file that an eval leaves."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from pydantic import ValidationError

from evals.results import Report
from evals.results_file import read_results
from runtime import PlaitError, Unavailable

FIRST = b'{"stamp"'  # how a line of a results file begins


class NoReport(PlaitError):
    """A file that cannot be read, or holds no report."""

    exit_code: ClassVar[int] = 2


def read_report(path: Path) -> Report:
    """The report in a file of either kind. Raises NoReport, which says what is wrong with the file."""
    try:
        data = path.read_bytes()
        if data.startswith(FIRST):
            return read_results(path)
    except OSError as error:
        raise NoReport(f"{path}: cannot be read ({(error.strerror or str(error)).lower()})") from error
    except Unavailable as error:
        raise NoReport(str(error)) from None
    try:
        return Report.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "".join(f"/{each}" for each in first["loc"])
        what = f"{path}: no report of an eval ({place + ': ' if place else ''}{first['msg'].lower()})"
        raise NoReport(f"{what}; give what `plait eval run --json` printed, or its results file") from None
