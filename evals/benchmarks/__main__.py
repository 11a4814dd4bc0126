"""`python -m evals.benchmarks [NAME ...] [--json]`: the figures of this machine, on standard output."""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable, Iterable, Sequence

from evals.benchmarks import makespan, overhead, replay, sandbox, speed, startup, suites
from evals.benchmarks.table import Table

BENCHMARKS: dict[str, Callable[[], Iterable[Table]]] = {
    "speed": speed.tables,
    "makespan": makespan.tables,
    "overhead": overhead.tables,
    "startup": startup.tables,
    "replay": replay.tables,
    "sandbox": sandbox.tables,
    "suites": suites.tables,
}


def main(argv: Sequence[str] | None = None) -> None:
    """Runs the named benchmarks, without a name all of them; an aim that is not met is printed, and no failure."""
    parser = argparse.ArgumentParser(prog="python -m evals.benchmarks", description="Tables of measured figures.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(BENCHMARKS)}; none: all")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    options = parser.parse_args(argv)
    if unknown := [name for name in options.names if name not in BENCHMARKS]:
        parser.error(f"no benchmark is called '{unknown[0]}'; there are {', '.join(BENCHMARKS)}")
    tables = (table for name in options.names or BENCHMARKS for table in BENCHMARKS[name]())
    if options.json:
        print(json.dumps({**machine(), "tables": [table.to_json() for table in tables]}, ensure_ascii=False, indent=2))
        return
    print(", ".join(f"{name} {value}" for name, value in machine().items()))
    for table in tables:
        print("", *table.lines(), sep="\n", flush=True)


def machine() -> dict[str, str | float | None]:
    """What the figures depend on most; `load` is what the machine did besides, in the minute before."""
    return {
        "python": platform.python_version(),
        "system": platform.system(),
        "processors": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
    }


if __name__ == "__main__":
    main()
