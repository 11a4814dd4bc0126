"""The statistics against scipy 1.17.1 and statsmodels 0.15.0, computed once as the docstrings say."""

from __future__ import annotations

from random import Random

import pytest

from evals.statistics import bootstrap, clustered_error, interval_of, mcnemar, wilson


@pytest.mark.parametrize(
    ("successes", "count", "low", "high"),
    [
        (81, 263, 0.2552885198782742, 0.36620957698280004),
        (0, 20, 0.0, 0.1611251580528194),
        (29, 29, 0.8830302015002592, 1.0),
        (7, 10, 0.39677814746114537, 0.8922087325936989),
    ],
)
def test_wilsons_interval(successes: int, count: int, low: float, high: float) -> None:
    """statsmodels.stats.proportion.proportion_confint(successes, count, method="wilson")"""
    assert wilson(successes, count) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize(
    ("better", "worse", "p"),
    [(10, 2, 0.03857421875), (5, 0, 0.0625), (6, 1, 0.125), (3, 3, 1.0), (25, 10, 0.016673847800120715)],
)
def test_mcnemars_exact_test(better: int, worse: int, p: float) -> None:
    """statsmodels.stats.contingency_tables.mcnemar([[0, better], [worse, 0]], exact=True).pvalue"""
    assert mcnemar(better, worse) == pytest.approx(p, abs=1e-12)


def test_the_clustered_error_of_a_mean() -> None:
    """statsmodels.api.OLS(values, ones).fit(cov_type="cluster", cov_kwds={"groups": cases}).bse"""
    values = [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 0.0]]
    assert clustered_error(values) == pytest.approx(0.22703469, abs=1e-8)


def test_the_normal_interval_of_a_mean_is_its_clustered_error_to_both_sides() -> None:
    """scipy.stats.norm.interval(0.95, loc=6 / 11, scale=0.22703469)"""
    values = [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [1.0, 0.0]]
    assert interval_of(values, rate=False) == pytest.approx((0.10047472, 0.99043437), abs=1e-7)


def test_the_bootstrap_of_a_mean_difference() -> None:
    """scipy.stats.bootstrap((differences,), mean, n_resamples=99_999, method="percentile", random_state=0)

    gave 0.06875 and 0.26875; another generator and 20,000 draws come within a hundredth.
    """
    differences = [[0.1], [0.3], [-0.05], [0.2], [0.15], [0.4], [0.0], [0.25]]
    random = Random(0)
    found = bootstrap(differences, lambda cases: random.choices(cases, k=len(cases)), 20_000)
    assert found == pytest.approx((0.06875, 0.26875), abs=0.01)
