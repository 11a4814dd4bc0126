"""What two sides were made with, aspect by aspect: what differs, and what is the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

Made = Mapping[str, str]

ASPECTS = ("model", "parameters", "prompts", "node types", "language", "code")
_OF: Mapping[str, str] = {
    "temperature": "parameters",
    "max_tokens": "parameters",
    "schema": "node types",
    "prompt": "node types",  # it also shows the templates; where those differ it says nothing more
}


class Different(NamedTuple):
    """One entry that is not the same; None: a side does not have it."""

    name: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Aspect:
    """`pairs` is how many differ in it, of the pairs of which both sides say what they were made with."""

    name: str
    different: tuple[Different, ...] = ()
    pairs: int = 0

    @property
    def same(self) -> bool:
        return not self.different


def aspects(pairs: Iterable[tuple[Made, Made]]) -> tuple[Aspect, ...]:
    """Every aspect that is said of both sides of a pair, in one order; nothing where none is."""
    said = [(before, after) for before, after in pairs if before and after]
    found = [_differences(before, after) for before, after in said]
    names = {_aspect(name) for both in said for made in both for name in made}
    return tuple(_of(name, found) for name in sorted(names, key=_place))


def _of(aspect: str, found: Iterable[Iterable[Different]]) -> Aspect:
    own = [[each for each in pair if _aspect(each.name) == aspect] for pair in found]
    different = dict.fromkeys(each for pair in own for each in pair)
    return Aspect(aspect, tuple(different), sum(map(bool, own)))


def _differences(before: Made, after: Made) -> list[Different]:
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    if any(_aspect(name) == "prompts" for name in names):
        names = [name for name in names if name != "prompt"]
    return [Different(name, before.get(name), after.get(name)) for name in names]


def _aspect(name: str) -> str:
    return "prompts" if "prompts/" in name else _OF.get(name, name)


def _place(aspect: str) -> tuple[int, str]:
    return (ASPECTS.index(aspect) if aspect in ASPECTS else len(ASPECTS)), aspect
