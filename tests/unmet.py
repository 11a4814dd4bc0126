"""What the replay of the shipped suites does not meet, case by case: `python -m tests.unmet > tests/evals/unmet.json`.

Write the list after a recording, and read the difference before you commit it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path

from evals.lookup import find_suite
from evals.results import Report
from evals.running import Matrix, run_suites
from runtime import JsonValue

SUITES = ("generation", "repair")
LIST = Path(__file__).parent / "evals" / "unmet.json"


def replayed(name: str) -> Report:
    """The report of the cases that are recorded; the others wait for their recording."""
    found = find_suite(name)
    there = [trial.case for trial in Matrix().trials([found]) if not trial.asks or trial.cassette.is_file()]
    kept = replace(found, suite=found.suite.model_copy(update={"cases": tuple(there)}))
    return asyncio.run(run_suites([kept]))


def unmet(report: Report) -> dict[str, JsonValue]:
    """Of each case that did not pass the assertions that are broken, with what is missing."""
    return {
        each.case: {name: each.why.get(name, "") for name in each.broken}
        for each in report.outcomes
        if each.passed is False
    }


if __name__ == "__main__":
    whole = {name: unmet(replayed(name)) for name in SUITES}
    sys.stdout.write(f"{json.dumps(whole, indent=1, ensure_ascii=False)}\n")
