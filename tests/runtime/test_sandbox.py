"""The sandbox as a value: what it holds and in which words. That the words hold is tried in test_bubblewrap.py."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.sandbox import HOME, OWN_PLACES, Access, Place, Sandbox, hidden, kept, outermost, readable, writable

PARTS = st.lists(st.sampled_from("abc"), max_size=3).map(lambda parts: "/" + "/".join(parts))
TMP, PRIVATE = OWN_PLACES[0], [("/tmp", Access.PRIVATE)]
PLACES = st.lists(
    st.one_of(
        st.builds(readable, PARTS),
        st.builds(lambda path: readable(path, granted=True), PARTS),
        st.builds(writable, PARTS),
        st.builds(hidden, PARTS),
    ),
    max_size=6,
)


def options(sandbox: Sandbox, folder: str = "/w", **variables: str) -> list[str]:
    named = {name.encode(): value.encode() for name, value in variables.items()}
    return [word.decode() for word in sandbox.options(folder, named)]


def at(places: list[Place]) -> list[tuple[str, Access]]:
    return [(str(place.path), place.access) for place in places]


@pytest.mark.parametrize(
    ("places", "left"),
    [
        ([readable("/h/p"), hidden("/h")], [("/h", Access.HIDDEN), ("/h/p", Access.READ)]),
        ([readable("/h"), hidden("/h")], [("/h", Access.READ), ("/h", Access.HIDDEN)]),
        ([readable("/"), hidden("/h")], [("/", Access.READ), ("/h", Access.HIDDEN)]),
        ([readable("/", granted=True), hidden("/h")], [("/", Access.READ)]),
        ([readable("/h", granted=True), readable("/h/p"), hidden("/h")], [("/h", Access.READ)]),
        ([writable("/p/out"), readable("/p")], [("/p", Access.READ), ("/p/out", Access.WRITE)]),
        ([writable("/p"), readable("/p"), readable("/p/lib")], [("/p", Access.WRITE)]),
        ([readable("/p", granted=True), writable("/p/out")], [("/p", Access.READ), ("/p/out", Access.WRITE)]),
        ([readable("/bin"), writable("/")], [("/", Access.WRITE)]),
        ([readable("/bin"), readable("/")], [("/", Access.READ)]),
        ([readable("/"), readable("/h", granted=True), hidden("/h")], [("/", Access.READ), ("/h", Access.READ)]),
        (
            [readable("/", granted=True), TMP, readable("/tmp/p")],
            [("/", Access.READ), *PRIVATE, ("/tmp/p", Access.READ)],
        ),
        ([writable("/"), TMP, readable("/tmp/p")], [("/", Access.WRITE)]),
    ],
)
def test_the_outer_place_comes_first_and_a_grant_swallows_what_is_less_inside(
    places: list[Place], left: list[tuple[str, Access]]
) -> None:
    assert at(outermost(places)) == left


@given(PLACES)
def test_no_place_is_mounted_inside_one_that_may_be_written(places: list[Place]) -> None:
    kept = outermost(places)
    for outer in (place for place in kept if place.access is Access.WRITE):
        assert [place for place in kept if place.path.is_relative_to(outer.path)] == [outer]


@given(PLACES)
def test_nothing_may_be_written_that_is_not_granted_and_what_is_granted_may(places: list[Place]) -> None:
    granted = [place.path for place in places if place.access is Access.WRITE]
    kept = [place.path for place in outermost(places) if place.access is Access.WRITE]
    assert set(kept) <= set(granted)
    assert all(any(path.is_relative_to(outer) for outer in kept) for path in granted)


@given(PLACES)
def test_the_order_in_which_places_are_named_does_not_matter(places: list[Place]) -> None:
    assert outermost(places) == outermost(list(reversed(places)))


def test_the_sandbox_s_own_places_stand_whatever_is_granted() -> None:
    words = options(Sandbox("bwrap", (writable("/"),)))
    assert [words[words.index(each) + 1] for each in ("--bind", "--proc", "--dev", "--dir")] == [
        *("/", "/proc", "/dev", HOME)
    ]
    assert ("/run", Access.OWN) in at(outermost(OWN_PLACES))


def test_the_network_is_its_own_unless_it_is_granted() -> None:
    assert "--unshare-net" in options(Sandbox("bwrap", ()))
    assert "--unshare-net" not in options(Sandbox("bwrap", (), network=True))


def test_variables_and_the_folder_come_last_and_as_they_are() -> None:
    assert options(Sandbox("bwrap", ()), "/w", A="--bind", B="")[-8:] == [
        *("--chdir", "/w", "--setenv", "A", "--bind", "--setenv", "B", "")
    ]


def test_of_an_environment_little_is_kept_and_the_home_is_another() -> None:
    environment = {b"PATH": b"/bin", b"A_KEY": b"secret", b"HOME": b"/root"}
    assert kept(environment) == {b"PATH": b"/bin", b"HOME": HOME.encode()}


def test_a_place_that_a_process_reads_besides_is_mounted_too() -> None:
    words = [word.decode() for word in Sandbox("bwrap", ()).options("/w", {}, ["/tmp/plait-1"])]
    assert words.index("/tmp") < words.index("/tmp/plait-1")
    assert PurePosixPath("/tmp/plait-1") in [place.path for place in outermost((*OWN_PLACES, readable("/tmp/plait-1")))]
