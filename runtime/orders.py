"""Partial orders as rows of bits: the least edges that say one, and how it is put together. Pure; no node is known.

Elements are numbered so that each has a higher number than those before it. A set of them is a number whose bits say
who is in it, `before[x]` the set of all elements before `x`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

DEEPEST = 150  # levels of parts in parts that are looked at


def members(elements: int) -> Iterator[int]:
    """The elements of a set, the last first."""
    while elements:
        last = elements.bit_length() - 1
        yield last
        elements ^= 1 << last


def last_of(elements: int, before: Sequence[int]) -> list[int]:
    """The elements of a set that none of it comes after: what must be waited for to have waited for all."""
    found: list[int] = []
    while elements:
        last = elements.bit_length() - 1
        found.append(last)
        elements &= ~(before[last] | 1 << last)
    return found[::-1]


def with_all_before(elements: int, before: Sequence[int]) -> int:
    """The set and all that comes before one of it."""
    whole = elements
    for last in last_of(elements, before):
        whole |= before[last]
    return whole


# --- series and parallel ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Series:
    """Parts of which each comes wholly before the next."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Parallel:
    """Parts without order between them."""

    parts: tuple[Tree, ...]


Tree: TypeAlias = int | Series | Parallel
"""How a series-parallel order is put together; a number is an element."""


class NotSeriesParallel(ValueError):
    """An order holds an N: of `shape` (a, b, c, d), c waits for a alone, d for both a and b; no other two are ordered.

    None: its parts are nested too deep to look.
    """

    def __init__(self, shape: tuple[int, int, int, int] | None) -> None:
        self.shape = shape
        super().__init__("the order is no series of parallel parts")


def series_parallel(elements: int, before: Sequence[int], within: Sequence[int] | None = None) -> Tree:
    """The order of a set, taken apart (Valdes, Tarjan, Lawler 1982, by components of the order and of its complement).

    A part that cannot be is cut in two where `within`, a stricter order, has one side wholly before the other: at the
    place where that adds least. Raises NotSeriesParallel if there is no such place.
    """
    return _Apart(before, _both_ways(elements, before), within).tree(elements)


def _both_ways(elements: int, before: Sequence[int]) -> dict[int, int]:
    """For each element, those that come before or after it."""
    related = {each: before[each] & elements for each in members(elements)}
    for each in members(elements):
        for other in members(before[each] & elements):
            related[other] |= 1 << each
    return related


@dataclass(frozen=True, slots=True)
class _Apart:
    before: Sequence[int]
    related: dict[int, int]
    within: Sequence[int] | None

    def tree(self, elements: int, level: int = 0) -> Tree:
        if elements.bit_count() == 1:
            return elements.bit_length() - 1
        if level > DEEPEST:
            raise NotSeriesParallel(None)
        if len(parts := self.components(elements, self.related.__getitem__)) > 1:
            return Parallel(tuple(self.tree(part, level + 1) for part in parts))
        if len(parts := self.components(elements, lambda each: ~self.related[each])) > 1:
            return Series(tuple(self.tree(part, level + 1) for part in parts))
        first = self.cheapest_cut(elements)
        return _joined(self.tree(first, level + 1), self.tree(elements & ~first, level + 1))

    def components(self, elements: int, neighbours: Callable[[int], int]) -> list[int]:
        """The parts of a set that are connected in themselves and not with one another, by their first elements."""
        parts: list[int] = []
        while elements:
            part = new = elements & -elements
            elements ^= part
            while new:
                found = neighbours(new.bit_length() - 1) & elements
                new = (new ^ 1 << new.bit_length() - 1) | found
                part |= found
                elements ^= found
            parts.append(part)
        return parts

    def cheapest_cut(self, elements: int) -> int:
        """The first side of the cut."""
        cuts = list(_cuts(elements, self.within)) if self.within is not None else []
        if not cuts:
            raise NotSeriesParallel(next(self.n_shapes(elements)))
        return min(cuts, key=lambda first: self.added(first, elements & ~first))

    def added(self, first: int, second: int) -> int:
        """How many pairs a cut puts in order that were not."""
        return sum((first & ~self.before[each]).bit_count() for each in members(second))

    def n_shapes(self, elements: int) -> Iterator[tuple[int, int, int, int]]:
        for d in members(elements):
            for c in members(elements & ~self.related[d] & ~(1 << d)):
                for b in members(elements & self.before[d] & ~self.before[c]):
                    if shared := elements & self.before[c] & self.before[d] & ~self.related[b]:
                        yield shared.bit_length() - 1, b, c, d


def _cuts(elements: int, within: Sequence[int]) -> Iterator[int]:
    """The sets before all others of `elements`, in a stricter order whose numbering is the same."""
    order = list(members(elements))[::-1]
    needed = [elements] * (len(order) + 1)  # what all from here on have before them
    for at in range(len(order) - 1, -1, -1):
        needed[at] = needed[at + 1] & within[order[at]]
    first = 0
    for at, each in enumerate(order[:-1]):
        first |= 1 << each
        if first & ~needed[at + 1] == 0:
            yield first


def _joined(first: Tree, second: Tree) -> Series:
    return Series(tuple(part for tree in (first, second) for part in _in_series(tree)))


def _in_series(tree: Tree) -> tuple[Tree, ...]:
    return tree.parts if isinstance(tree, Series) else (tree,)
