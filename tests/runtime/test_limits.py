from __future__ import annotations

from collections.abc import Callable
from functools import partial

from hypothesis import given
from hypothesis import strategies as st

from runtime.limits import Places


class Crowd:
    """People who ask for places, and the order in which they got them."""

    def __init__(self, **sizes: int) -> None:
        self.places = Places(sizes)
        self.inside: list[str] = []
        self.grants: dict[str, Callable[[], None]] = {}

    def ask(self, name: str, *limits: str) -> None:
        self.grants[name] = partial(self.inside.append, name)
        self.places.request(limits, self.grants[name])

    def leave(self, *limits: str) -> None:
        self.places.release(limits)


def test_a_free_place_is_given_at_once() -> None:
    crowd = Crowd(a=2)
    for name in ("one", "two", "three"):
        crowd.ask(name, "a")
    assert crowd.inside == ["one", "two"]


def test_without_a_limit_nobody_waits() -> None:
    crowd = Crowd()
    crowd.ask("one")
    assert crowd.inside == ["one"]


def test_equals_are_served_in_the_order_in_which_they_came() -> None:
    crowd = Crowd(a=1)
    for name in ("one", "two", "three"):
        crowd.ask(name, "a")
    crowd.leave("a")
    assert crowd.inside == ["one", "two"]
    crowd.leave("a")
    assert crowd.inside == ["one", "two", "three"]


def test_all_places_are_given_together_or_none() -> None:
    crowd = Crowd(a=1, b=1)
    crowd.ask("holds b", "b")
    crowd.ask("wants both", "a", "b")
    crowd.ask("wants a", "a")
    assert crowd.inside == ["holds b", "wants a"]
    crowd.leave("b")
    assert crowd.inside == ["holds b", "wants a"]
    crowd.leave("a")
    assert crowd.inside == ["holds b", "wants a", "wants both"]


def test_who_leaves_the_line_is_not_called() -> None:
    crowd = Crowd(a=1)
    for name in ("one", "two", "three"):
        crowd.ask(name, "a")
    assert crowd.places.withdraw(("a",), crowd.grants["two"])
    crowd.leave("a")
    assert crowd.inside == ["one", "three"]


def test_who_has_a_place_already_cannot_withdraw() -> None:
    crowd = Crowd(a=1)
    crowd.ask("one", "a")
    assert not crowd.places.withdraw(("a",), crowd.grants["one"])
    crowd.ask("two", "a")
    crowd.leave("a")
    assert not crowd.places.withdraw(("a",), crowd.grants["two"])


def test_a_line_that_all_have_left_holds_nobody_up() -> None:
    crowd = Crowd(a=1)
    crowd.ask("one", "a")
    crowd.ask("two", "a")
    crowd.places.withdraw(("a",), crowd.grants["two"])
    crowd.leave("a")
    crowd.ask("three", "a")
    assert crowd.inside == ["one", "three"]


def test_one_release_can_admit_several() -> None:
    crowd = Crowd(a=1, b=1)
    crowd.ask("both", "a", "b")
    crowd.ask("only a", "a")
    crowd.ask("only b", "b")
    crowd.leave("a", "b")
    assert crowd.inside == ["both", "only a", "only b"]


wants = st.sampled_from([(), ("a",), ("b",), ("a", "b"), ("b", "c"), ("a", "b", "c")])
events = st.lists(
    st.tuples(st.sampled_from(["ask", "ask", "leave", "withdraw"]), wants, st.integers(0, 9)), max_size=40
)


@given(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)), events)
def test_there_are_never_more_inside_than_there_are_places_and_nobody_waits_for_free_ones(
    sizes: tuple[int, int, int], events: list[tuple[str, tuple[str, ...], int]]
) -> None:
    size = dict(zip("abc", sizes, strict=True))
    crowd = Crowd(**size)
    asked: dict[str, tuple[str, ...]] = {}
    gone: set[str] = set()
    for number, (event, limits, pick) in enumerate(events):
        inside = [name for name in crowd.inside if name not in gone]
        waiting = [name for name in asked if name not in crowd.inside and name not in gone]
        if event == "ask":
            asked[str(number)] = limits
            crowd.ask(str(number), *limits)
        elif event == "leave" and inside:
            gone.add(name := inside[pick % len(inside)])
            crowd.leave(*asked[name])
        elif event == "withdraw" and waiting:
            gone.add(name := waiting[pick % len(waiting)])
            assert crowd.places.withdraw(asked[name], crowd.grants[name])
        inside = [name for name in crowd.inside if name not in gone]
        used = {limit: sum(limit in asked[name] for name in inside) for limit in size}
        assert all(used[limit] <= size[limit] for limit in size)
        for name in asked.keys() - set(crowd.inside) - gone:
            assert any(used[limit] == size[limit] for limit in asked[name])
    assert len(crowd.inside) == len(set(crowd.inside))
    for limits in set(asked.values()):
        admitted = [int(name) for name in crowd.inside if asked[name] == limits]
        assert admitted == sorted(admitted)
