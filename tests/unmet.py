"""What the replay of the shipped suites does not meet, case by case: `python -m tests.unmet > tests/evals/unmet.json`.

Write the list after a recording, and read the difference before you commit it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

from evals.lookup import find_suite
from evals.results import Report
from evals.running import run_suites
from runtime import JsonValue

SUITES = ("generation", "repair")
LIST = Path(__file__).parent / "evals" / "unmet.json"


def replayed(name: str) -> Report:
    return asyncio.run(run_suites([find_suite(name)]))


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
