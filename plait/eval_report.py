"""A report on a terminal: its tables as wide as there is room, and below them what did not pass, with reasons."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from textwrap import wrap

from evals.report import Failing, Summary, Table, by_case, table
from evals.results import Report
from plait.tables import table as aligned

ANY_WIDTH = 10_000  # what is no terminal takes lines of every length
LEAST = 20


def report_text(report: Report, room: int | None = None, *, cases: bool = False) -> str:
    """The tables of the suites and the failing cases, as wide as there is room; with `cases` every case as well."""
    room = room or room_for_text()
    tables = [by_case(report)] if cases and report.outcomes else []
    return "\n\n".join(filter(None, (summary_text(table(report), room), *(table_text(each, room) for each in tables))))


def room_for_text() -> int:
    """The columns of the terminal; without one, no limit."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return ANY_WIDTH
    return max(shutil.get_terminal_size().columns, LEAST)


def summary_text(summary: Summary, room: int) -> str:
    if not summary.tables:
        return "there are no outcomes"
    failing = ["not passed:", *(line for each in summary.failing for line in _failing(each, room))]
    tables = [table_text(each, room) for each in summary.tables]
    return "\n\n".join([*tables, *(["\n".join(failing)] if summary.failing else [])])


def table_text(shown: Table, room: int) -> str:
    """Side by side if there is room; else the columns below each other, and else a block for every row."""
    for rows in ((shown.head, *shown.rows), tuple(zip(shown.head, *shown.rows, strict=True))):
        text = aligned(rows)
        if _fits(text, room):
            return f"{shown.title}\n{text}"
    return "\n\n".join([shown.title, *(_block(shown.head, row) for row in shown.rows)])


def _fits(text: str, room: int) -> bool:
    return all(len(line) <= room for line in text.splitlines())


def _block(head: Sequence[str], row: Sequence[str]) -> str:
    return aligned(list(zip(head, row, strict=True)))


def _failing(each: Failing, room: int) -> Iterator[str]:
    where = f" ({each.where})" if each.where else ""
    yield f"  {each.verdict:6}  {each.case}{where}"
    for reason in each.why:
        first, *rest = reason.splitlines() or [""]
        for line in (first, *([f"… and {len(rest)} more lines"] if rest else [])):
            yield from wrap(line, max(room, LEAST), initial_indent=" " * 10, subsequent_indent=" " * 12)
