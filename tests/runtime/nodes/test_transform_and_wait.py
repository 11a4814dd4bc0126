from __future__ import annotations

import pytest

from runtime.issues import JsonValue
from runtime.nodes.transform import transform
from runtime.nodes.wait import wait
from tests.node_bench import Bench


def test_transform_gives_back_the_shape_with_the_values_in_it(bench: Bench) -> None:
    value: JsonValue = {"all": ["${a.x}", 1, None], "text": "is ${a.x}"}
    assert bench.run(transform, {"value": value}, a={"x": [True]}) == {
        "result": {"all": [[True], 1, None], "text": "is [true]"}
    }


def test_transform_of_null_is_null_and_of_nothing_is_an_issue(bench: Bench) -> None:
    assert bench.run(transform, {"value": None}) == {"result": None}
    assert bench.problems(transform, {}) == [("/value", "missing_param")]


def test_wait_gives_back_its_seconds(bench: Bench) -> None:
    assert bench.run(wait, {"seconds": "${a.x}"}, a={"x": 0}) == {"seconds": 0}


@pytest.mark.parametrize("seconds", [-1, "1", None, True])
def test_wait_wants_a_number_that_is_not_negative(bench: Bench, seconds: JsonValue) -> None:
    assert bench.problems(wait, {"seconds": seconds}) == [("/seconds", "param_type")]


def test_neither_touches_anything() -> None:
    assert [list(kind.effects({})) + list(kind.capabilities({})) for kind in (transform, wait)] == [[], []]
