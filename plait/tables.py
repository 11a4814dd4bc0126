"""Rows of text as columns."""

from __future__ import annotations

from collections.abc import Sequence

from plait.display import harmless


def table(rows: Sequence[Sequence[str]]) -> str:
    """Each row a line, each column as wide as its widest cell; a line break in a cell is written out."""
    cells = [[harmless(cell).replace("\n", r"\n").replace("\t", r"\t") for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )
