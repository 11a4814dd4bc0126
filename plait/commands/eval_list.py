"""`plait eval list`: the suites that come with plait."""

from __future__ import annotations

from evals.lookup import find_suite, shipped
from evals.running import Matrix
from plait.display import put, put_json
from plait.options import Json
from plait.tables import table


def list_suites(json: Json = False) -> int:
    """Print the suites that come with plait, and how many of their cases can be replayed."""
    found = [(name, *_counted(name)) for name in shipped()]
    if json:
        put_json([{"suite": name, "cases": cases, "replayable": known} for name, cases, known in found])
    else:
        put(table([("suite", "cases", "replayable"), *((name, str(all_), str(known)) for name, all_, known in found)]))
    return 0


def _counted(name: str) -> tuple[int, int]:
    """All cases, and those that ask no model or are recorded from the embedded one."""
    trials = list(Matrix().trials([find_suite(name)]))
    return len(trials), sum(not trial.asks or trial.cassette.is_file() for trial in trials)
