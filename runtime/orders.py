"""Partial orders as rows of bits: the least edges that say one, and how it is put together. Pure; no node is known.

Elements are numbered so that each has a higher number than those before it. A set of them is a number whose bits say
who is in it, `before[x]` the set of all elements before `x`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    return _Apart(before, within).tree(elements)


@dataclass(frozen=True, slots=True)
class _Apart:
    before: Sequence[int]
    within: Sequence[int] | None

    def tree(self, elements: int, level: int = 0) -> Tree:
        if elements.bit_count() == 1:
            return elements.bit_length() - 1
        if level > DEEPEST:
            raise NotSeriesParallel(None)
        if len(parts := components(elements, self.before)) > 1:
            return Parallel(tuple(self.tree(part, level + 1) for part in parts))
        if len(parts := series_of(elements, self.before)) > 1:
            return Series(tuple(self.tree(part, level + 1) for part in parts))
        first = self.cheapest_cut(elements)
        return _joined(self.tree(first, level + 1), self.tree(elements & ~first, level + 1))

    def cheapest_cut(self, elements: int) -> int:
        """The first side of the cut."""
        cuts = _cuts(elements, self.within) if self.within is not None else ()
        first = min(cuts, key=lambda first: self.added(first, elements & ~first), default=0)
        if not first:
            raise NotSeriesParallel(next(self.n_shapes(elements)))
        return first

    def added(self, first: int, second: int) -> int:
        """How many pairs a cut puts in order that were not."""
        return sum((first & ~self.before[each]).bit_count() for each in members(second))

    def n_shapes(self, elements: int) -> Iterator[tuple[int, int, int, int]]:
        before = self.before
        for d in members(elements):
            for c in (each for each in members(elements & ~before[d]) if each != d and not before[each] >> d & 1):
                for b in members(elements & before[d] & ~before[c]):
                    if shared := elements & before[c] & before[d] & ~before[b]:
                        yield shared.bit_length() - 1, b, c, d


def components(elements: int, before: Sequence[int]) -> list[int]:
    """The parts of a set without order between them, by their first elements. Union and find (Tarjan 1975)."""
    above: dict[int, int] = {}  # towards the element that stands for its part
    parts: dict[int, int] = {}

    def find(element: int) -> int:
        while above[element] != element:
            above[element] = above[above[element]]
            element = above[element]
        return element

    for each in reversed(list(members(elements))):
        part, left = 1 << each, before[each] & elements
        root = above[each] = each
        while left:
            other = find(left.bit_length() - 1)
            left &= ~parts[other]
            part |= parts.pop(other)
            root, below = min(root, other), max(root, other)
            above[below] = root
        parts[root] = part
    return [parts[root] for root in sorted(parts)]


def series_of(elements: int, before: Sequence[int]) -> list[int]:
    """The parts of a set of which each comes wholly before the next."""
    parts, done = list[int](), 0
    for first in (*_cuts(elements, before), elements):
        parts.append(first & ~done)
        done = first
    return parts


def _cuts(elements: int, before: Sequence[int]) -> Iterator[int]:
    """The sets that come wholly before all others of `elements`, the smallest first."""
    order = list(members(elements))[::-1]
    needed = [elements] * (len(order) + 1)  # what all from here on have before them
    for at in range(len(order) - 1, -1, -1):
        needed[at] = needed[at + 1] & before[order[at]]
    first = 0
    for at, each in enumerate(order[:-1]):
        first |= 1 << each
        if first & ~needed[at + 1] == 0:
            yield first


def _joined(first: Tree, second: Tree) -> Series:
    return Series(tuple(part for tree in (first, second) for part in _in_series(tree)))


def _in_series(tree: Tree) -> tuple[Tree, ...]:
    return tree.parts if isinstance(tree, Series) else (tree,)
