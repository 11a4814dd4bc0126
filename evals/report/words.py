"""Figures and texts as they are written in every report. Pure; what a reader's program would obey is written out."""

from __future__ import annotations

import re

UNKNOWN = "unknown"

# Controls, bidi marks, half characters, and what XML 1.0 cannot hold.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def readable(text: str) -> str:
    """Text that any terminal, browser and XML reader shows as it stands; line breaks and tabs are kept."""
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def number(value: float) -> str:
    """A figure with what a reader can use of its digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def percent(share: float) -> str:
    return f"{share * 100:.0f} %"


def dollars(value: float | None) -> str:
    """US dollars; None is said to be unknown."""
    return UNKNOWN if value is None else "$0" if value == 0 else f"${value:.4f}" if value < 1 else f"${value:,.2f}"


def counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
