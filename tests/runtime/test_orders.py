"""Partial orders as rows of bits, with numbers as elements."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.orders import NotSeriesParallel, Parallel, Series, Tree, components, last_of, members, series_parallel

N_SHAPE = [0, 0, 0b1, 0b11]  # 2 after 0; 3 after 0 and 1
DIAMOND = [0, 0b1, 0b1, 0b111]


def test_members_are_the_elements_of_a_set_the_last_first() -> None:
    assert list(members(0b10110)) == [4, 2, 1]
    assert list(members(0)) == []


def test_whoever_waits_for_the_last_of_a_set_has_waited_for_all() -> None:
    assert last_of(0b1111, DIAMOND) == [3]
    assert last_of(0b0111, DIAMOND) == [1, 2]


def test_an_order_is_taken_apart_into_series_and_parallel_parts() -> None:
    assert series_parallel(0b1111, DIAMOND) == Series((0, Parallel((1, 2)), 3))
    assert series_parallel(0b0110, DIAMOND) == Parallel((1, 2))
    assert series_parallel(0b0001, DIAMOND) == 0


def test_an_n_is_no_series_of_parallel_parts_and_is_named() -> None:
    with pytest.raises(NotSeriesParallel) as caught:
        series_parallel(0b1111, N_SHAPE)
    assert caught.value.shape == (0, 1, 2, 3)


def test_a_stricter_order_says_where_an_n_may_be_cut() -> None:
    chain = [0, 0b1, 0b11, 0b111]
    assert series_parallel(0b1111, N_SHAPE, within=chain) == Series((0, Parallel((Series((1, 3)), 2)))) or (
        series_parallel(0b1111, N_SHAPE, within=chain) == Series((Parallel((0, 1)), Parallel((2, 3))))
    )


def test_parts_without_order_between_them_are_found() -> None:
    assert components(0b1111, N_SHAPE) == [0b1111]
    assert components(0b1110, N_SHAPE) == [0b1010, 0b0100]


def random_order(seed: int) -> list[int]:
    random, before = Random(seed), list[int]()
    for each in range(random.randint(1, 9)):
        row = sum(1 << other for other in range(each) if random.random() < 0.3)
        before.append(row)
        for other in members(row):
            before[each] |= before[other]
    return before


def order_of(tree: Tree) -> tuple[int, dict[int, int]]:
    """The elements of a tree, and what it says comes before each."""
    if isinstance(tree, int):
        return 1 << tree, {tree: 0}
    whole, rows = 0, dict[int, int]()
    for part in tree.parts:
        elements, inside = order_of(part)
        rows |= {each: row | (whole if isinstance(tree, Series) else 0) for each, row in inside.items()}
        whole |= elements
    return whole, rows


@given(st.integers())
def test_a_tree_says_exactly_the_order_it_was_made_of(seed: int) -> None:
    before = random_order(seed)
    try:
        tree = series_parallel((1 << len(before)) - 1, before)
    except NotSeriesParallel as error:
        assert error.shape is not None  # noqa: PT017  # either is right; this says what of this one
        a, b, c, d = error.shape
        ordered = {(x, y) for x in error.shape for y in error.shape if before[y] >> x & 1}
        assert ordered == {(a, c), (a, d), (b, d)}
    else:
        assert order_of(tree)[1] == dict(enumerate(before))


@given(st.integers())
def test_within_a_chain_there_is_always_a_tree_that_only_adds(seed: int) -> None:
    before = random_order(seed)
    chain = [(1 << each) - 1 for each in range(len(before))]
    _, rows = order_of(series_parallel((1 << len(before)) - 1, before, within=chain))
    assert all(before[each] & ~rows[each] == 0 for each in rows)
