"""What a benchmark hands back: a table that says what was measured and how often, with the aim beside the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from runtime import JsonValue


@dataclass(frozen=True, slots=True)
class Judged:
    """A result and its aims, all lower bounds (`≥`) or all upper ones (`≤`)."""

    value: float
    sign: Literal["≥", "≤"]
    aims: tuple[float, ...]

    def met(self, aim: float) -> bool:
        return self.value >= aim if self.sign == "≥" else self.value <= aim

    def __str__(self) -> str:
        verdicts = (f"{self.sign} {aim:g} {'met' if self.met(aim) else 'not met'}" for aim in self.aims)
        return f"{number(self.value)} ({', '.join(verdicts)})"

    def to_json(self) -> JsonValue:
        aims: list[JsonValue] = [{"aim": f"{self.sign} {aim:g}", "met": self.met(aim)} for aim in self.aims]
        return {"value": round(self.value, 6), "aims": aims}


Cell = Judged | str | float | None
Row = Mapping[str, Cell]


@dataclass(frozen=True, slots=True)
class Table:
    """`measured` says of what the rows are, and how; every row has the same columns."""

    title: str
    measured: str
    repetitions: int
    rows: tuple[Row, ...]

    def lines(self) -> Iterator[str]:
        """The table as text, columns aligned."""
        yield self.title
        yield f"{self.measured} Repetitions: {self.repetitions}."
        columns = list(self.rows[0])
        texts = [columns, *([_text(row[name]) for name in columns] for row in self.rows)]
        widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
        for text in texts:
            yield "  ".join(cell.ljust(width) for cell, width in zip(text, widths, strict=True)).rstrip()

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "title": self.title,
            "measured": self.measured,
            "repetitions": self.repetitions,
            "rows": [{name: _json(cell) for name, cell in row.items()} for row in self.rows],
        }


def at_least(value: float, *aims: float) -> Judged:
    return Judged(value, "≥", aims)


def at_most(value: float, *aims: float) -> Judged:
    return Judged(value, "≤", aims)


def number(value: float) -> str:
    """Four significant digits, and none after the point from a thousand on."""
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _text(cell: Cell) -> str:
    return number(cell) if isinstance(cell, int | float) else "–" if cell is None else str(cell)


def _json(cell: Cell) -> JsonValue:
    match cell:
        case Judged():
            return cell.to_json()
        case float():
            return round(cell, 6)
        case _:
            return cell
