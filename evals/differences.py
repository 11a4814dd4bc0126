"""How a request differs from those that were recorded. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from difflib import unified_diff

from evals.recordings import Asked

MOST_LINES = 20  # of a difference
WIDTH = 100  # characters of a line in it


def nearest(asked: Asked, known: Iterable[Asked]) -> int | None:
    """The place of the known request with most lines in common, one for the same path before others; None of none."""
    wanted = set(_lines(asked))
    likeness = [
        ((other.method, other.path) == (asked.method, asked.path), len(wanted & set(_lines(other)))) for other in known
    ]
    return max(range(len(likeness)), key=likeness.__getitem__, default=None)


def difference(recorded: Asked, asked: Asked) -> str:
    """A unified diff of two requests, of at most MOST_LINES lines."""
    diff = list(unified_diff(_lines(recorded), _lines(asked), "recorded", "asked", lineterm="", n=1))
    more = [f"… and {len(diff) - MOST_LINES} more lines"] if len(diff) > MOST_LINES else []
    return "\n".join([*diff[:MOST_LINES], *more])


def _lines(asked: Asked) -> Sequence[str]:
    text = json.dumps(asked.body, indent=1, sort_keys=True, ensure_ascii=False).replace("\\n", "\n")
    lines = [f"{asked.method} {asked.path}", *text.split("\n")]
    return [piece for line in lines for piece in _pieces(line)]


def _pieces(line: str) -> Iterator[str]:
    for start in range(0, max(len(line), 1), WIDTH):
        yield line[start : start + WIDTH]
