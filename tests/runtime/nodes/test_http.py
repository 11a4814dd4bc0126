from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runtime.issues import JsonValue
from runtime.node_types import Effect
from runtime.nodes import http_following as module
from runtime.nodes.http import http
from runtime.nodes.http_answers import retry_after, value_of
from runtime.nodes.http_following import unfit
from tests.node_bench import Bench


@dataclass(frozen=True)
class Said:
    """What the server was sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Reply:
    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


class Server(ThreadingHTTPServer):
    """A server on this machine that answers each path with what `replies` holds, and keeps what it was sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.replies: dict[str, Reply] = {}
        self.said: list[Said] = []
        self.asked = threading.Event()
        self.hung_up = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.said.append(Said(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        if self.path == "/silent":
            self.server.asked.set()
            assert self.rfile.read(1) == b""
            self.server.hung_up.set()
            return
        reply = self.server.replies.get(self.path.partition("?")[0], Reply(b"nothing here", 404))
        self.send_response(reply.status)
        for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    do_GET = do_POST = do_HEAD = do_DELETE = answer  # noqa: N815 the names that the base class looks for

    def log_message(self, format: str, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


Get = Callable[..., dict[str, JsonValue]]


@pytest.fixture
def get(bench: Bench, server: Server) -> Get:
    """Answers a request for /x with a reply."""

    def ask(reply: Reply, **params: JsonValue) -> dict[str, JsonValue]:
        server.replies["/x"] = reply
        return bench.run(http, {"url": f"{server.url}/x", **params})

    return ask


def test_it_gives_back_the_answer(get: Get) -> None:
    outputs = get(Reply(b'{"a": [1, null]}', headers={"Content-Type": "application/json", "X-Y": "z"}))
    assert outputs["response"] == {"a": [1, None]}
    assert outputs["status_code"] == 200
    assert isinstance(headers := outputs["headers"], dict)
    assert headers["x-y"] == "z"
    assert isinstance(outputs["seconds"], float)
    assert 0 < outputs["seconds"] < 10


@pytest.mark.parametrize(
    ("body", "kind", "value"),
    [
        (b'"text"', "application/json; charset=utf-8", "text"),
        (b"5", "application/problem+json", 5),
        (b" [1]", "text/plain", [1]),
        (b"5", "text/plain", "5"),
        ("é".encode(), "", "é"),
        (b"\xe9", "text/plain; charset=latin-1", "é"),
        (b"\xe9", "text/plain; charset=nonsense", "\ufffd"),
        (b"\xef\xbb\xbf{}", "application/json", {}),
        (b"", "application/json", ""),
        (b"{broken", "application/json", "{broken"),
        (b"[NaN]", "application/json", "[NaN]"),
        (b"[1e999]", "application/json", "[1e999]"),
        (b'["\\ud800"]', "application/json", '["\\ud800"]'),
        (b"[" * 200 + b"]" * 200, "application/json", "[" * 200 + "]" * 200),
        (b"[" * 100_000, "application/json", "[" * 100_000),
        (b"9" * 5000, "application/json", "9" * 5000),
    ],
)
def test_what_is_json_is_parsed_and_what_cannot_be_held_is_text(body: bytes, kind: str, value: JsonValue) -> None:
    charset = kind.partition("charset=")[2] or None
    assert value_of(body, kind, charset) == value


def test_method_headers_query_and_json_are_sent(get: Get, server: Server) -> None:
    query: JsonValue = {"q": "a b&c", "n": [1, True], "o": {"k": "é"}}
    get(Reply(), method="post", headers={"X-Y": "é", "N": 5}, query=query, json={"é": 1})
    (said,) = server.said
    assert said.method == "POST"
    assert said.path == "/x?q=a+b%26c&n=1&n=true&o=%7B%22k%22%3A%22%C3%A9%22%7D"
    assert said.headers["x-y"].encode("latin-1").decode() == "é"
    assert (said.headers["n"], said.headers["content-type"]) == ("5", "application/json")
    assert said.body == '{"é":1}'.encode()


def test_the_query_is_added_to_the_one_of_the_address(bench: Bench, server: Server) -> None:
    server.replies["/x"] = Reply()
    bench.run(http, {"url": f"{server.url}/x?a=1", "query": {"b": 2}})
    assert server.said[0].path == "/x?a=1&b=2"


def test_a_body_goes_out_as_it_is_and_json_null_is_a_body_too(get: Get, server: Server) -> None:
    get(Reply(), method="POST", body="é")
    get(Reply(), method="POST", json=None, headers={"Content-Type": "application/x"})
    assert [said.body for said in server.said] == ["é".encode(), b"null"]
    assert server.said[1].headers["content-type"] == "application/x"


@pytest.mark.parametrize(("status", "transient"), [(404, False), (408, True), (429, True), (500, True), (503, True)])
def test_a_status_of_400_or_more_is_a_failure(bench: Bench, server: Server, status: int, transient: bool) -> None:
    server.replies["/x"] = Reply(b'{"why": 1}', status, {"Retry-After": "7"})
    failure = bench.failure(http, {"url": f"{server.url.replace('//', '//me:pw@')}/x?token=1"})
    assert (failure.code, failure.transient, failure.retry_after) == ("http_status", transient, 7)
    assert failure.message.startswith(f"{status} ")
    assert failure.message.endswith(f" from GET {server.url}/x")
    assert failure.outputs["response"] == {"why": 1}
    assert failure.outputs["status_code"] == status


def test_retry_after_may_be_seconds_or_a_date() -> None:
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=60), usegmt=True)
    assert retry_after({"retry-after": " 5 "}) == 5
    assert 50 < (retry_after({"retry-after": soon}) or 0) <= 60
    assert retry_after({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0
    assert [retry_after({"retry-after": said}) for said in ("", "soon", "-5", "²")] == [None] * 4


def test_redirects_are_followed_with_their_cookies_and_not_for_ever(bench: Bench, server: Server) -> None:
    server.replies["/a"] = Reply(b"", 302, {"Location": "/b", "Set-Cookie": "k=v"})
    server.replies["/b"] = Reply(b"", 307, {"Location": f"{server.url}/c"})
    server.replies["/c"] = Reply(b"there")
    assert bench.run(http, {"url": f"{server.url}/a"})["response"] == "there"
    assert server.said[-1].headers["cookie"] == "k=v"
    server.replies["/a"] = Reply(b"", 302, {"Location": "/a"})
    assert bench.failure(http, {"url": f"{server.url}/a"}).code == "http_redirects"


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://127.0.0.1/x"])
def test_a_redirect_leads_to_no_other_scheme(bench: Bench, server: Server, location: str) -> None:
    server.replies["/a"] = Reply(b"", 302, {"Location": location})
    assert bench.failure(http, {"url": f"{server.url}/a"}).code == "http_request"


def test_a_redirect_to_https_is_verified(bench: Bench, server: Server) -> None:
    server.replies["/a"] = Reply(b"", 302, {"Location": server.url.replace("http:", "https:")})
    assert bench.failure(http, {"url": f"{server.url}/a"}).code == "http_connect"


def test_an_answer_too_long_to_hold_is_refused_also_when_it_was_packed(
    bench: Bench, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 1000)
    server.replies["/x"] = Reply(gzip.compress(b"x" * 100_000), headers={"Content-Encoding": "gzip"})
    assert bench.failure(http, {"url": f"{server.url}/x"}).code == "output_limit"


def test_an_answer_that_cannot_be_unpacked_says_so(bench: Bench, server: Server) -> None:
    server.replies["/x"] = Reply(b"no gzip", headers={"Content-Encoding": "gzip"})
    assert bench.failure(http, {"url": f"{server.url}/x"}).code == "http_response"


def test_a_server_that_is_not_there_is_a_passing_failure_that_says_why(bench: Bench) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        url = f"http://127.0.0.1:{gone.getsockname()[1]}/x"
    failure = bench.failure(http, {"url": f"{url}?token=1"})
    assert failure.code in http.transient
    assert failure.message == f"GET {url}: Connection refused"


@pytest.mark.parametrize(
    "params",
    [
        {"url": "${a.x}"},
        {"url": "${a.here}", "headers": {"X": "${a.line}"}},
        {"url": "${a.here}", "headers": {"é": "x"}},
        {"url": "${a.here}/${a.nul}"},
    ],
)
def test_a_request_that_cannot_be_sent_says_so(bench: Bench, server: Server, params: dict[str, JsonValue]) -> None:
    values: JsonValue = {"here": server.url, "x": "file:///etc/passwd", "line": "x\r\nY: z", "nul": "\0"}
    failure = bench.failure(http, params, a=values)
    assert failure.code == "http_request"


def test_a_cancelled_request_closes_its_connection(bench: Bench, server: Server) -> None:
    async def run() -> None:
        async with asyncio.TaskGroup() as group:
            running = group.create_task(bench.attempt(http, {"url": f"{server.url}/silent"}))
            assert await asyncio.to_thread(server.asked.wait, 10)
            running.cancel()
        assert await asyncio.to_thread(server.hung_up.wait, 10)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://example.com/data.json", "example.com"),
        ("HTTP://Example.COM:8080", "example.com"),
        ("https://example.com/${a.x}", "example.com"),
        ("https://example.com?q=${a.x}", "example.com"),
        ("https://me@example.com/", "example.com"),
        ("http://[::1]:80/", "::1"),
        ("https://example.com${a.x}", None),
        ("https://example.com:${a.x}/", None),
        ("https://${a.x}/", None),
        ("https://me:${a.x}@example.com/", None),
        ("${a.x}/path", None),
        ("no address", None),
        (5, None),
    ],
)
def test_the_host_is_told_where_no_reference_can_change_it(url: JsonValue, host: str | None) -> None:
    assert list(http.capabilities({"url": url})) == [f"network:{host}" if host else "network"]
    assert list(http.effects({"url": url})) == [Effect("host", host, writes=False)]


@pytest.mark.parametrize(
    ("header", "needed"),
    [("other.example", "network:other.example"), ("Other.example:80", "network:other.example"), ("${a.x}", "network")],
)
def test_a_host_header_needs_its_host_too(header: str, needed: str) -> None:
    params: dict[str, JsonValue] = {"url": "http://example.com/", "headers": {"X": "y", "Host": header}}
    assert list(http.capabilities(params)) == ["network:example.com", needed]


def test_all_but_reading_methods_write() -> None:
    writes = [next(iter(http.effects({"method": method}))).writes for method in ("get", "HEAD", "POST", "${a.x}")]
    assert writes == [False, False, True, True]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"url": "ftp://example.com"}, [("/url", "param_type")]),
        ({"url": "example.com/x"}, [("/url", "param_type")]),
        ({"url": "http://"}, [("/url", "param_type")]),
        ({"url": "http://a:port/"}, [("/url", "param_type")]),
        ({"url": "${a.x}"}, []),
        ({}, [("/url", "missing_param")]),
        ({"url": "http://a", "json": 1, "body": "x"}, [("/body", "param_type")]),
        ({"url": "http://a", "jsn": 1}, [("/jsn", "unknown_param")]),
        ({"url": "http://a", "json_": 1}, [("/json_", "unknown_param")]),
        ({"url": "http://a", "method": "GET IT"}, [("/method", "param_type")]),
        ({"url": "http://a", "method": "${a.x}", "json": "${a.y}", "headers": {"N": 5}}, []),
    ],
)
def test_the_checks_see_what_is_wrong_as_written(
    bench: Bench, params: dict[str, JsonValue], found: list[tuple[str, str]]
) -> None:
    assert bench.problems(http, params) == found


SCRAPS = ("http://", "https://", "[", "]", "::1", "127.1", "@", ":", "%", "%25", "/", "?", "\0", "\ud800", "xn--", "ß")
urls = st.lists(st.sampled_from(SCRAPS) | st.text(max_size=3), max_size=8).map("".join)


@given(urls)
@example("http://xn--/")
@example("http://\ud800/")
def test_any_text_for_an_address_is_fit_or_told_why_not(url: str) -> None:
    needed = list(http.capabilities({"url": url, "headers": {"host": url}}))
    assert all(each.startswith("network") for each in needed)
    if not unfit(url):
        assert httpx.Request("GET", url).url.raw_host


def test_the_params_are_shown_by_their_names() -> None:
    assert "json" in json.dumps(http.params.model_json_schema(by_alias=True)["properties"])
