"""Where `http` connects to: only to what was granted, whatever names, redirects and resolvers say."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from runtime.addresses import place_of, read_address
from runtime.grants import Grants
from runtime.node_types import NodeFailed
from runtime.nodes import http as module
from runtime.nodes import http_following as following
from runtime.nodes.http import http
from runtime.nodes.http_following import Answer, Following, unfit
from runtime.nodes.resolving import ScriptedResolver, SystemResolver
from runtime.running import run
from tests.language import Document
from tests.node_bench import Bench

PUBLIC = "93.184.215.14"
OTHER = "8.8.8.8"


@dataclass
class Wire(httpx.AsyncBaseTransport):
    """The double of what lies behind the guard: keeps each request that would have been sent; `replies`, then 200."""

    replies: list[httpx.Response] = field(default_factory=list)
    down: frozenset[str] = frozenset()
    sent: list[httpx.Request] = field(default_factory=list)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        if request.url.host in self.down:
            raise httpx.ConnectError("down")
        return self.replies.pop(0) if self.replies else httpx.Response(200, stream=httpx.ByteStream(b"there"))

    @property
    def hosts(self) -> list[str]:
        return [each.url.host for each in self.sent]


def redirect(location: str, status: int = 302, cookie: str = "") -> httpx.Response:
    headers = {"location": location} | ({"set-cookie": cookie} if cookie else {})
    return httpx.Response(status, headers=headers, stream=httpx.ByteStream(b""))


def grants(*allowed: str) -> Grants:
    return Grants(frozenset(allowed))


def names(**answers: Sequence[Sequence[str]]) -> ScriptedResolver:
    return ScriptedResolver({name.replace("_", "."): each for name, each in answers.items()})


def fetch(
    url: str,
    resolver: ScriptedResolver,
    wire: Wire,
    *allowed: str,
    headers: dict[str, str] | None = None,
) -> Answer:
    guarded = Following(grants(*allowed), resolver, lambda secure: wire)
    return asyncio.run(guarded.answer(httpx.Request("GET", url, headers=headers)))


def refused(url: str, resolver: ScriptedResolver, wire: Wire, *allowed: str) -> str:
    with pytest.raises(NodeFailed) as caught:
        fetch(url, resolver, wire, *allowed)
    assert caught.value.code == "capability_denied"
    return str(caught.value)


# --- one name, one look-up, one address -----------------------------------------------------------------------------


def test_the_connection_goes_to_the_address_and_all_else_is_of_the_name() -> None:
    wire, resolver = Wire(), ScriptedResolver({"example.com.": [[PUBLIC]]})
    fetch("https://Example.com./x?y", resolver, wire, "network")
    (sent,) = wire.sent
    assert str(sent.url) == f"https://{PUBLIC}/x?y"
    assert sent.headers["host"] == "example.com."
    assert sent.extensions["sni_hostname"] == "example.com"


def test_a_name_that_rebinds_is_asked_once_and_its_first_answer_counts() -> None:
    wire, resolver = Wire(), names(evil_example=[[PUBLIC], ["127.0.0.1"]])
    fetch("http://evil.example/", resolver, wire, "network")
    assert (resolver.asked, wire.hosts) == (["evil.example"], [PUBLIC])


def test_a_name_that_rebinds_between_redirects_is_checked_anew() -> None:
    wire = Wire([redirect("/again")])
    message = refused("http://evil.example/", names(evil_example=[[PUBLIC], ["127.0.0.1"]]), wire, "network")
    assert message == (
        "'evil.example' leads to 127.0.0.1, an address of this machine, which is reached only if it is granted by "
        "name; grant it with --allow network:127.0.0.1"
    )
    assert wire.hosts == [PUBLIC]


INNER = ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "fd00:ec2::254", "::ffff:10.0.0.5"]


@pytest.mark.parametrize("inner", INNER)
@pytest.mark.parametrize("first", [True, False])
def test_one_bad_address_among_good_ones_is_enough(inner: str, first: bool) -> None:
    wire, both = Wire(), [inner, PUBLIC] if first else [PUBLIC, inner]
    refused("http://evil.example/", names(evil_example=[both]), wire, "network")
    assert wire.sent == []


def test_a_granted_name_may_lead_into_its_own_network_and_says_what_else_is_missing() -> None:
    wire = Wire()
    at_home = names(intranet_example=[["10.0.0.5"]])
    fetch("http://intranet.example/", at_home, wire, "network:intranet.example")
    assert wire.hosts == ["10.0.0.5"]
    assert refused("http://intranet.example/", at_home, wire, "network").endswith("--allow network:intranet.example")
    moved = names(intranet_example=[["169.254.169.254"]])
    message = refused("http://intranet.example/", moved, wire, "network:intranet.example")
    assert message.endswith("--allow network:169.254.169.254")
    assert wire.hosts == ["10.0.0.5"]


def test_an_address_needs_no_look_up_however_it_is_spelled() -> None:
    wire, resolver = Wire(), names()
    for url in ("http://8.8.8.8/", "http://0x8.8.8.8/", "http://134744072/", "http://[::ffff:8.8.8.8]/"):
        fetch(url, resolver, wire, "network")
    assert wire.hosts == ["8.8.8.8"] * 4
    assert resolver.asked == []


def test_the_next_address_is_tried_when_one_is_down() -> None:
    wire, resolver = Wire(down=frozenset({PUBLIC})), names(example_com=[[PUBLIC, "2606:4700::1111", OTHER]])
    fetch("http://example.com/", resolver, wire, "network")
    assert wire.hosts == [PUBLIC, "2606:4700::1111"]
    with pytest.raises(httpx.ConnectError):
        fetch("http://example.com/", names(example_com=[[PUBLIC]]), wire, "network")


def test_a_name_without_an_address_is_an_error_of_connecting() -> None:
    with pytest.raises(httpx.ConnectError):
        fetch("http://nowhere.example/", names(), Wire(), "network")


def test_this_machine_resolves_its_own_name() -> None:
    found = asyncio.run(SystemResolver().addresses("localhost", 80))
    assert {place_of(each).reach for each in found} == {"own"}


# --- redirects ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "location",
    [
        *("http://127.0.0.1/", "//127.0.0.1/", "http://2130706433/", "http://127.1/", "http://[::1]/", "http://0/"),
        *("http://[::ffff:127.0.0.1]/", "http://169.254.169.254/latest/", "http://localhost/", "http://x.localhost/"),
        *("http://inner.example/", "https://inner.example/", "http://me@127.0.0.1/", "http://127.0.0.1:22/"),
    ],
)
def test_no_redirect_leads_inside(location: str) -> None:
    wire = Wire([redirect(location)])
    resolver = names(example_com=[[PUBLIC]], inner_example=[["10.0.0.5"]], localhost=[["127.0.0.1"]])
    refused("http://example.com/", resolver, wire, "network")
    assert wire.hosts == [PUBLIC]


def test_a_redirect_to_a_host_that_was_not_granted_says_which() -> None:
    wire = Wire([redirect("https://Other.example/x")] * 2)
    resolver = names(example_com=[[PUBLIC]], other_example=[[OTHER]])
    message = refused("http://example.com/", resolver, wire, "network:example.com")
    assert "redirected to 'other.example'" in message
    assert message.endswith("--allow network:other.example")
    fetch("http://example.com/", resolver, wire, "network:example.com", "network:other.example")
    assert wire.hosts == [PUBLIC, PUBLIC, OTHER]


@pytest.mark.parametrize("host", ["7147006462", "127.0.0.1.5", "0o177.0.0.1", "a%00b", "127.0.0.1!"])
def test_a_redirect_to_no_host_asks_nobody_about_it(host: str) -> None:
    wire, resolver = Wire([redirect(f"http://{host}/")]), names(example_com=[[PUBLIC]])
    with pytest.raises(NodeFailed, match="it was redirected; found the host") as caught:
        fetch("http://example.com/", resolver, wire, "network")
    assert (caught.value.code, resolver.asked) == ("http_request", ["example.com"])


def test_a_refused_redirect_comes_after_the_effects_of_the_first_request() -> None:
    resolver = names(example_com=[[PUBLIC], ["10.0.0.5"]])
    with pytest.raises(NodeFailed) as caught:
        fetch("http://example.com/", resolver, Wire([redirect("/on")]), "network")
    assert (caught.value.code, caught.value.touched) == ("capability_denied", True)
    with pytest.raises(NodeFailed) as caught:
        fetch("http://example.com/", resolver, Wire(), "network")
    assert (caught.value.code, caught.value.touched) == ("capability_denied", False)


SECRETS = {"authorization": "Bearer s", "x-api-key": "s", "cookie": "s=s", "proxy-authorization": "s", "accept": "*/*"}
KEYS = set(SECRETS) - {"accept", "cookie"}


@pytest.mark.parametrize(
    ("start", "location", "kept"),
    [
        ("http://example.com/", "/other", True),
        ("http://example.com/", "http://EXAMPLE.com:80/other", True),
        ("http://example.com/", "https://example.com/other", True),
        ("https://example.com/", "http://example.com/other", False),
        ("http://example.com/", "http://example.com:8080/other", False),
        ("http://example.com/", "http://other.example/", False),
        ("https://example.com/", "https://sub.example.com/", False),
    ],
)
@pytest.mark.parametrize("status", [302, 307])
def test_credentials_stay_with_their_server(start: str, location: str, kept: bool, status: int) -> None:
    wire = Wire([redirect(location, status)])
    resolver = names(example_com=[[PUBLIC]], other_example=[[OTHER]], sub_example_com=[[OTHER]])
    fetch(start, resolver, wire, "network", headers=SECRETS)
    second = wire.sent[1].headers
    assert set(second) & KEYS == (KEYS if kept else set())
    assert "cookie" not in second
    assert second["accept"] == "*/*"


def test_cookies_go_back_to_the_host_that_set_them_and_to_no_other() -> None:
    on = [
        redirect("/b", cookie="k=v; Domain=example.com"),
        redirect("http://sub.example.com/"),
        redirect("http://example.com:8080/d"),
    ]
    wire, resolver = Wire(on), names(example_com=[[PUBLIC]], sub_example_com=[[OTHER]])
    fetch("http://example.com/", resolver, wire, "network")
    assert [each.headers.get("cookie") for each in wire.sent] == [None, "k=v", None, "k=v"]


@pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "all_proxy"])
def test_no_proxy_of_the_environment_stands_between(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Listener() as listener, watched() as connected:
        asyncio.run(Following(grants("network:127.0.0.1")).answer(httpx.Request("GET", listener.url)))
    assert connected == [("127.0.0.1", listener.port)]


# --- every connection watched ---------------------------------------------------------------------------------------

_watchers: list[list[tuple[str, int]]] = []


def _note(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and _watchers and isinstance(address := arguments[1], tuple):
        _watchers[-1].append((str(address[0]), int(address[1])))


sys.addaudithook(_note)  # it stays for ever, and listens only inside `watched`


@contextmanager
def watched() -> Iterator[list[tuple[str, int]]]:
    """Every address that a socket of this process is about to connect to, as the interpreter itself reports it."""
    found = list[tuple[str, int]]()
    _watchers.append(found)
    try:
        yield found
    finally:
        _watchers.pop()


class Listener:
    """A server on this machine that answers everything alike and counts who came."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n") -> None:
        self._answer, self.came, self.heard = answer, 0, b""
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/"
        self._thread = threading.Thread(target=self._serve)

    def _serve(self) -> None:
        while True:
            with self._socket.accept()[0] as connection:
                if not (asked := connection.recv(65536)):
                    return
                self.came, self.heard = self.came + 1, asked
                connection.sendall(self._answer)

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._thread.join()
        self._socket.close()


def hostile_urls(shared_data: Path) -> list[str]:
    return list(json.loads((shared_data / "ssrf_urls_dev.json").read_text(encoding="utf-8")))


# What the names of the hostile addresses would lead to, were this machine where their writers hoped it is.
HOPED_FOR = {
    "instance-data": "169.254.169.254",
    "metadata.google.internal": "169.254.169.254",
    "rancher-metadata": "169.254.169.250",
    "foo": "127.0.0.1",
}


@pytest.mark.parametrize("granted", ["network", "all names"])
def test_no_hostile_address_is_connected_to(shared_data: Path, granted: str) -> None:
    """Even if each name of the document were granted, and led to where its writer hoped."""
    reached, wire = list[str](), Wire()
    with watched() as connected:
        for url in hostile_urls(shared_data):
            host = "" if unfit(url) else httpx.URL(url).raw_host.decode()
            is_name = bool(host) and read_address(host) is None
            resolver = ScriptedResolver({host: [[HOPED_FOR.get(host, PUBLIC)]]})
            allowed = [f"network:{host}"] if granted == "all names" and is_name else ["network"]
            with suppress(NodeFailed):
                fetch(url, resolver, wire, *allowed) if host else None
                reached.append(host)
    assert set(wire.hosts) == {PUBLIC}
    assert not {"foo", *HOPED_FOR} & set(reached)
    assert connected == []


def test_no_hostile_address_that_a_step_brings_is_connected_to(shared_data: Path, tmp_path: Path) -> None:
    """The whole way: the address comes from another step, and the network is granted, public as it is."""
    inside = [url for url in hostile_urls(shared_data) if not _is_public_name(url)]
    value = [url.replace("${", "$${") for url in inside]
    items: Document = {"id": "give", "type": "transform", "params": {"value": value}}
    get: Document = {
        "id": "get",
        "type": "http",
        "params": {"url": "${item}"},
        "batch": {"items": "${give.result}", "on_error": "continue"},
    }
    with watched() as connected:
        record = asyncio.run(run({"pipeline": [items, get]}, allow=["network"], directory=tmp_path))
    outputs = record.nodes["get"].outputs
    assert outputs is not None
    assert (outputs["count"], outputs["success_count"]) == (len(inside), 0)
    assert connected == []


def _is_public_name(url: str) -> bool:
    """Names that this test could only try by asking the network for them."""
    host = "" if unfit(url) else httpx.URL(url).raw_host.decode()
    return bool(host) and read_address(host) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "2130706433", "0x7f.1", "localhost", "[::ffff:127.0.0.1]", "0"])
def test_a_server_of_this_machine_hears_nothing_unless_it_is_granted_by_name(host: str, tmp_path: Path) -> None:
    with Listener() as listener, watched() as connected:
        url: Document = {"id": "u", "type": "transform", "params": {"value": f"http://{host}:{listener.port}/"}}
        get: Document = {"id": "get", "type": "http", "params": {"url": "${u.result}"}}
        record = asyncio.run(run({"pipeline": [url, get]}, allow=["network"], directory=tmp_path))
        assert record.errors[0].code == "capability_denied"
        assert (connected, listener.came) == ([], 0)


NAMES = [("localhost", "localhost"), ("127.0.0.1", "127.1"), ("0x7f.1", "127.0.0.1")]


@pytest.mark.parametrize(("granted", "host"), NAMES)
@pytest.mark.parametrize("allow", ["by name", "all"])
def test_a_server_of_this_machine_is_reached_once_it_is_granted_by_name(
    granted: str, host: str, allow: str, tmp_path: Path
) -> None:
    with Listener() as listener:
        get: Document = {"id": "get", "type": "http", "params": {"url": f"http://{host}:{listener.port}/"}}
        allowed = ["all"] if allow == "all" else [f"network:{granted}"]
        record = asyncio.run(run({"pipeline": [get]}, allow=allowed, directory=tmp_path))
        assert (record.status, listener.came) == ("succeeded", 1)


def test_a_server_is_greeted_by_the_name_that_was_asked_for(bench: Bench) -> None:
    """TLS names the server in the open, at the very start; the same name is what its certificate is checked against."""
    granted = replace(bench.context, grants=grants("network:localhost"))
    with Listener() as listener:
        attempt = Bench(granted, bench.logged).attempt(http, {"url": f"https://localhost:{listener.port}/"})
        with pytest.raises(NodeFailed) as caught:
            asyncio.run(attempt)
    assert caught.value.code == "http_connect"
    assert b"localhost" in listener.heard


# --- sizes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 70_000 + b"\r\n\r\n", "output_limit"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 300_000, "output_limit"),
        (b"HTTP/1.1 200 OK\r\ncontent-encoding: br\r\ncontent-length: 1\r\n\r\nx", "http_response"),
    ],
)
def test_an_answer_beyond_its_bounds_is_refused(bench: Bench, answer: bytes, code: str) -> None:
    with Listener(answer) as listener:
        failure = bench.failure(http, {"url": listener.url})
    assert failure.code == code
    assert failure.message.startswith(f"GET {listener.url}: ")


def test_a_bomb_is_refused_before_it_is_large(bench: Bench) -> None:
    bomb = gzip.compress(b"\0" * (following.MAX_BYTES + 1))
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n".encode()
    with Listener(head + bomb) as listener:
        failure = bench.failure(http, {"url": listener.url})
    assert (failure.code, failure.message) == (
        "output_limit",
        f"GET {listener.url}: its answer is longer than {following.MAX_BYTES} bytes",
    )


def test_what_trails_behind_a_packed_answer_is_bounded_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "MAX_BYTES", 1000)
    trailed = gzip.compress(b"x") + b"\0" * 1000
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(trailed)}\r\n\r\n".encode()
    with Listener(head + trailed) as listener:
        assert bench.failure(http, {"url": listener.url}).code == "output_limit"


def test_a_request_without_a_timeout_of_its_own_ends_all_the_same(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        attempt = bench.attempt(http, {"url": f"http://127.0.0.1:{silent.getsockname()[1]}/"})
        with pytest.raises(NodeFailed, match=r"took longer than 0\.05 seconds; 'timeout' says more") as caught:
            asyncio.run(asyncio.wait_for(attempt, 10))
    assert caught.value.code == "timeout"
