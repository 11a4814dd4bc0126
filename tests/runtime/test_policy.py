from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from runtime.grants import Grants
from runtime.issues import JsonValue
from runtime.policy import denied, needs_of, unknown_grants
from tests.language import Document, graph_of, pipeline, registry, step


def needs(*entries: Document, **inputs: JsonValue) -> set[tuple[str, str]]:
    """Capability and path of every need."""
    declared: Document = {"inputs": {name: {} for name in inputs}} if inputs else {}
    graph = graph_of(pipeline(*entries, **declared))
    return {(need.capability, need.path) for need in needs_of(graph, registry(), inputs)}


def write(name: str, path: str) -> Document:
    return {"id": name, "type": "write_file", "params": {"path": path, "content": "x"}}


@pytest.mark.parametrize(
    ("granted", "needed", "covered"),
    [
        ("shell", "shell", True),
        ("shell", "code", False),
        ("write", "write", True),
        ("write", "write:out/x", True),
        ("write:out/", "write", False),
        ("write:out/", "write:out/x", True),
        ("write:out", "write:out/deep/x", True),
        ("write:out/", "write:./out/../out/x", True),
        ("write:out/", "write:output/x", False),
        ("write:out/", "write:out/../x", False),
        ("write:out/", "write:/out/x", False),
        ("write:.", "write:x", True),
        ("write:.", "write:../x", False),
        ("write:/", "write:/etc/passwd", True),
        ("write:out/", "read:/etc/passwd", False),
        ("write:", "write:out/x", False),
        ("read:/etc/", "read:/etc/passwd", True),
        ("read:/etc/", "read:/etcetera", False),
        ("network", "network:example.com", True),
        ("network:example.com", "network:example.com", True),
        ("network:example.com", "network:api.example.com", False),
        ("network:example.com", "network:example.com.evil.org", False),
        ("network:example.com", "network", False),
        ("network:Example.com.", "network:example.com", True),
        ("network:bücher.example", "network:xn--bcher-kva.example", True),
        ("network", "network:127.0.0.1", False),
        ("network", "network:localhost", False),
        ("network", "network:app.localhost", False),
        ("network", "network:169.254.169.254", False),
        ("network", "network:8.8.8.8", True),
        ("network:127.0.0.1", "network:0x7f.1", True),
        ("network:[::1]", "network:::1", True),
        ("network:127.0.0.1", "network:::ffff:7f00:1", True),
        ("network:127.0.0.1", "network:localhost", False),
        ("network:127.0.0.1", "network:127.0.0.2", False),
        ("write:out/", "write:out/a\0b", True),
        ("write:out/", "write:a\0b", False),
        ("write:out/", "write:out/../a\0b", False),
        ("write:out/", "write:out/\ud800", True),
        ("", "model", True),
        ("", "model:other", False),
        ("model", "model:other", True),
        ("model:other", "model:other", True),
        ("", "read:x/y", True),
        ("", "read:x/../../y", False),
        ("", "read:/etc/passwd", False),
        ("", "write:x", False),
        ("", "shell", False),
    ],
)
def test_a_grant_covers(granted: str, needed: str, covered: bool, tmp_path: Path) -> None:
    grants = Grants(frozenset({granted} if granted else ()), tmp_path)
    assert grants.cover(needed) is covered


def test_links_are_followed_on_both_sides(tmp_path: Path) -> None:
    inside, outside = tmp_path / "work", tmp_path / "elsewhere"
    for folder in (inside / "out", outside):
        folder.mkdir(parents=True)
    (inside / "leads_out").symlink_to(outside)
    (inside / "out" / "secret").symlink_to(outside / "file")
    (inside / "alias").symlink_to(inside / "out")
    grants = Grants(frozenset({"write:out/"}), inside)
    assert not grants.cover("read:leads_out/file")
    assert not grants.cover("write:out/secret")
    assert grants.cover("write:alias/x")
    assert Grants(frozenset({"write:alias"}), inside).cover("write:out/x")


def test_a_path_that_leads_elsewhere_says_so_before_anyone_grants_it(tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to("/etc")
    graph = graph_of(pipeline(write("a", "out/passwd"), write("b", "plain/x")))
    linked, plain = denied(needs_of(graph, registry(), {}), Grants(directory=tmp_path))
    assert "'write:out/passwd' (it leads to /etc/passwd), which was not granted" in linked.message
    assert "'write:plain/x', which was not granted" in plain.message


def test_each_step_and_its_undo_say_what_they_need() -> None:
    undo = {"type": "shell", "params": {"command": "true"}}
    assert needs(step("a"), write("b", "out/x"), {**write("c", "y"), "undo": undo}) == {
        ("write:out/x", "/pipeline/1"),
        ("write:y", "/pipeline/2"),
        ("shell", "/pipeline/2/undo"),
    }


def test_what_an_input_decides_is_known_and_what_a_step_decides_is_open() -> None:
    place = {"id": "d", "type": "write_file", "params": {"path": "${a.result}", "content": "${folder}"}}
    assert needs(step("a"), write("b", "${workflow.folder}/x"), write("c", "${folder}"), place, folder="out") == {
        ("write:out/x", "/pipeline/1"),
        ("write:out", "/pipeline/2"),
        ("write", "/pipeline/3"),
    }


def test_a_step_hides_the_input_of_its_name_here_too() -> None:
    assert needs(step("folder"), write("b", "${folder.result}"), folder="out") == {("write", "/pipeline/1")}


def test_a_value_that_looks_like_a_reference_leaves_the_need_open() -> None:
    assert needs(write("b", "${workflow.folder}"), folder="${a.b}") == {("write", "/pipeline/0")}


def test_what_is_needed_and_not_granted_is_denied_with_the_grant_as_the_hint() -> None:
    graph = graph_of(
        pipeline(write("a", "out/x"), write("b", "y"), {"id": "c", "type": "read_file", "params": {"path": "z"}})
    )
    (issue,) = denied(needs_of(graph, registry(), {}), Grants(frozenset({"write:out"})))
    assert (issue.code, issue.path, issue.severity) == ("capability_denied", "/pipeline/1", "error")
    assert "--allow write:y" in issue.hint


def test_reading_a_file_that_another_step_names_is_decided_when_it_runs() -> None:
    reading = {"id": "b", "type": "read_file", "params": {"path": "${a.result}"}}
    graph = graph_of(pipeline(step("a"), reading))
    assert not list(denied(needs_of(graph, registry(), {}), Grants()))


def test_a_grant_of_no_known_kind_or_without_its_scope_is_an_issue() -> None:
    assert not list(unknown_grants(["shell", "write:out/", "network:example.com", "network:bücher.example"]))
    wrong, empty = unknown_grants(["wirte:out/", "write:"])
    assert wrong.hint == "did you mean 'write'?"
    assert "empty scope" in empty.message


@pytest.mark.parametrize("host", ["example.com:80", "http://a.example", "a.example/x", "*.example.com", "1.2.3.4.5"])
def test_a_network_grant_names_a_host_and_nothing_else(host: str) -> None:
    (issue,) = unknown_grants([f"network:{host}"])
    assert "without scheme, port and path" in issue.hint


@pytest.mark.parametrize(
    ("granted", "host", "address", "reached"),
    [
        ("network", "example.com", "93.184.215.14", True),
        ("network:example.com", "example.com", "93.184.215.14", True),
        ("network:other.com", "example.com", "93.184.215.14", False),
        ("network", "example.com", "10.0.0.5", False),
        ("network", "example.com", "127.0.0.1", False),
        ("network:intranet.example", "intranet.example", "10.0.0.5", True),
        ("network:intranet.example", "intranet.example", "fd12::5", True),
        ("network:intranet.example", "other.example", "10.0.0.5", False),
        ("network:intranet.example", "intranet.example", "127.0.0.1", False),
        ("network:intranet.example", "intranet.example", "::1", False),
        ("network:intranet.example", "intranet.example", "169.254.169.254", False),
        ("network:metadata.google.internal", "metadata.google.internal", "169.254.169.254", False),
        ("network:localhost", "localhost", "127.0.0.1", True),
        ("network:localhost", "localhost", "::1", True),
        ("network:localhost", "localhost", "169.254.169.254", False),
        ("network:app.localhost", "app.localhost", "127.0.0.1", True),
        ("network:127.0.0.1", "127.0.0.1", "127.0.0.1", True),
        ("network:127.0.0.1", "localhost", "127.0.0.1", False),
        ("network:169.254.169.254", "169.254.169.254", "169.254.169.254", True),
        ("network:127.0.0.1", "127.0.0.1", "127.0.0.2", False),
    ],
)
def test_a_connection_is_granted(granted: str, host: str, address: str, reached: bool) -> None:
    assert Grants(frozenset({granted})).reach(host, ip_address(address)) is reached


def test_a_name_and_an_address_may_be_granted_side_by_side() -> None:
    grants = Grants(frozenset({"network:my.example", "network:127.0.0.1"}))
    assert grants.reach("my.example", ip_address("127.0.0.1"))


def test_a_grant_does_not_move_with_a_link_that_is_made_later(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    grants = Grants(frozenset({"write:out/"}), tmp_path)
    (tmp_path / "out").symlink_to(elsewhere)
    assert not grants.cover("write:out/x")
    assert not grants.cover_path("write", str(elsewhere / "x"))
    assert grants.cover_path("write", str(tmp_path / "out" / "x"))
