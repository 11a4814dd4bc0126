"""Intervals and tests against published examples, and what must hold of any values."""

from __future__ import annotations

from itertools import combinations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.statistics import (
    Interval,
    bootstrap,
    changes,
    clustered_error,
    interval_of,
    mcnemar,
    mean,
    pass_at,
    pass_every,
    verdict_by_interval,
    verdict_by_split,
    wilson,
)

SHARES = st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=4), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilsons_interval_is_that_of_the_table_of_newcombe_1998(
    successes: int, count: int, low: float, high: float
) -> None:
    assert wilson(successes, count) == pytest.approx((low, high), abs=5e-5)


def test_the_chance_of_one_and_of_all_of_k_tries_are_those_of_all_ways_to_draw_them() -> None:
    for tries, passed, k in [(5, 2, 1), (5, 2, 2), (5, 2, 4), (3, 3, 2), (3, 0, 2)]:
        drawn = list(combinations([True] * passed + [False] * (tries - passed), k))
        assert pass_at(k, tries, passed) == pytest.approx(sum(map(any, drawn)) / len(drawn))
        assert pass_every(k, tries, passed) == pytest.approx(sum(map(all, drawn)) / len(drawn))


def test_mcnemars_test_counts_the_tail_on_both_sides() -> None:
    assert mcnemar(0, 0) == 1
    assert mcnemar(6, 1) == mcnemar(1, 6) == pytest.approx(16 / 128)
    assert mcnemar(10, 0) == pytest.approx(2 / 1024)


def test_an_even_split_and_a_few_cases_are_not_distinguishable() -> None:
    assert verdict_by_split(5, 5) == "not distinguishable"
    assert verdict_by_split(5, 0) == "not distinguishable"
    assert verdict_by_split(6, 0) == "better"
    assert verdict_by_split(0, 6) == "worse"


def test_with_one_try_a_case_the_clustered_error_is_the_plain_one() -> None:
    values = [[0.2], [0.4], [0.9], [0.5]]
    variance = sum((value[0] - 0.5) ** 2 for value in values) / 3
    assert clustered_error(values) == pytest.approx((variance / 4) ** 0.5)


def test_trying_each_case_again_with_the_same_result_makes_nothing_surer() -> None:
    once, often = [[1.0], [0.0], [1.0], [1.0]], [[1.0] * 9, [0.0] * 9, [1.0] * 9, [1.0] * 9]
    assert clustered_error(often) == pytest.approx(clustered_error(once))
    assert interval_of(often, rate=True) == pytest.approx(interval_of(once, rate=True))


def test_of_the_mean_of_a_single_case_no_interval_is_known() -> None:
    assert interval_of([[0.5, 0.7]], rate=False) is None


@given(SHARES)
def test_the_interval_of_a_rate_holds_the_rate_and_stays_between_0_and_1(values: list[list[float]]) -> None:
    found = interval_of(values, rate=True)
    assert found is not None
    assert 0 <= found.low <= mean(values) + 1e-9
    assert mean(values) - 1e-9 <= found.high <= 1


@given(SHARES)
def test_the_bootstrap_of_equal_differences_is_that_difference(values: list[list[float]]) -> None:
    same = [[0.25] * len(case) for case in values]
    assert bootstrap(same, lambda cases: Random(1).choices(cases, k=len(cases)), 50) == pytest.approx((0.25, 0.25))


def test_the_bootstrap_with_the_same_seed_gives_the_same_interval() -> None:
    values = [[0.1], [-0.2], [0.4], [0.0], [0.3], [0.2]]
    one, other, another = Random(1), Random(1), Random(2)
    first = bootstrap(values, lambda cases: one.choices(cases, k=len(cases)))
    assert first == bootstrap(values, lambda cases: other.choices(cases, k=len(cases)))
    assert first != bootstrap(values, lambda cases: another.choices(cases, k=len(cases)))
    assert first.low < mean(values) < first.high


def test_a_difference_is_one_when_its_interval_lies_on_one_side() -> None:
    assert verdict_by_interval(Interval(0.1, 0.2), 6) == "better"
    assert verdict_by_interval(Interval(-0.2, -0.1), 6) == "worse"
    assert verdict_by_interval(Interval(-0.1, 0.2), 60) == "not distinguishable"
    assert verdict_by_interval(Interval(0.0, 0.0), 60) == "not distinguishable"


def test_five_cases_that_changed_alike_are_no_difference_yet() -> None:
    assert verdict_by_interval(Interval(0.1, 0.2), 5) == "not distinguishable"


def test_a_case_is_better_or_worse_by_all_of_its_tries() -> None:
    assert changes([[1.0, -1.0], [1.0, 0.0], [-1.0], [0.0]]) == (1, 1)
