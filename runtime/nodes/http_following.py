"""One request to its last answer: each redirect is a new request, to be granted anew, and every size is bounded.

What belongs to one server stays with it: cookies, credentials and the headers a user wrote go to no other. Proxies that
the environment names are not used: the guard in front of a connection would see the proxy and not the place.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache

import httpx

from runtime.addresses import canonical, unfit_host
from runtime.grants import Grants
from runtime.node_types import NodeFailed
from runtime.nodes.http_pinning import PinnedTransport
from runtime.nodes.http_unpacking import Unpackable, Unpacker
from runtime.nodes.resolving import Resolver, SystemResolver
from runtime.shape import show

MAX_BYTES = 50 * 1024 * 1024  # of an answer, as it comes and as it is unpacked
MAX_HEADER_BYTES = 64 * 1024
MAX_REDIRECTS = 5

# What says nothing of who asks; all else that a redirect to another server would carry may be a key.
_TRAVELLING = frozenset(
    {"accept", "accept-encoding", "accept-language", "content-length", "content-type", "host", "user-agent"}
)

Transport = Callable[[bool], httpx.AsyncBaseTransport]


def plain_transport(secure: bool) -> httpx.AsyncBaseTransport:
    """The way to an address. To read the certificates takes time, and http uses none."""
    return httpx.AsyncHTTPTransport(verify=_trusted() if secure else False, trust_env=False)


@cache
def _trusted() -> ssl.SSLContext:
    return httpx.create_ssl_context()


def unfit(url: str) -> str:
    """Why a text is no address for a request; empty if it is one."""
    try:
        parsed = httpx.URL(url)
        name = parsed.host  # raises for an `xn--` name that stands for no letters
    except (httpx.InvalidURL, UnicodeError) as error:
        return f"found {show(url)}, which is no address: {error}"
    if parsed.scheme not in ("http", "https"):
        return f"found {show(url)}; an address begins with http:// or https://"
    if not name:
        return f"found {show(url)}, which names no host"
    host = parsed.raw_host.decode()
    if problem := unfit_host(host):
        return f"found the host {show(host)}, {problem}"
    return "found an address of one link only, with a zone" if "%" in host else ""


@dataclass(frozen=True, slots=True)
class Answer:
    """The last answer, its body unpacked."""

    response: httpx.Response
    body: bytes


@dataclass(slots=True)
class Following:
    """Follows a request through its redirects, within the grants."""

    grants: Grants
    resolver: Resolver = field(default_factory=SystemResolver)
    transport: Transport = plain_transport
    _cookies: dict[str, httpx.Cookies] = field(default_factory=dict)

    async def answer(self, request: httpx.Request) -> Answer:
        found, count = await self._sent(request), 0
        with _after_a_request():
            while isinstance(found, httpx.Request):
                if count == MAX_REDIRECTS:
                    raise NodeFailed("http_redirects", f"it was redirected more than {MAX_REDIRECTS} times")
                request, count = self._onward(request, found), count + 1
                found = await self._sent(request)
        return found

    async def _sent(self, request: httpx.Request) -> Answer | httpx.Request:
        """The answer, or the request that a redirect asks for."""
        way = PinnedTransport(self.grants, self.resolver, self.transport(request.url.scheme == "https"))
        client = httpx.AsyncClient(
            transport=way,
            cookies=self._cookies_of(request.url),
            timeout=None,
            trust_env=False,
        )
        async with client:
            response = await client.send(request, stream=True)
            try:
                _check_headers(response)
                if response.next_request is None:
                    return Answer(response, await _body(response))
            finally:
                await response.aclose()
        self._cookies[_host(request.url)] = client.cookies
        return response.next_request

    def _onward(self, before: httpx.Request, request: httpx.Request) -> httpx.Request:
        """The redirected request, if it may be made, without what belongs to the server before."""
        if problem := unfit(str(request.url)):
            raise NodeFailed("http_request", f"it was redirected; {problem}")
        host = _host(request.url)
        if not self.grants.cover(f"network:{host}"):
            message = f"it was redirected to '{host}', and the capability 'network:{host}' was not granted"
            raise NodeFailed("capability_denied", f"{message}; grant it with --allow network:{host}")
        if not _same_server(before.url, request.url):
            for name in set(request.headers) - _TRAVELLING:
                del request.headers[name]
            self._cookies_of(request.url).set_cookie_header(request)
        return request

    def _cookies_of(self, url: httpx.URL) -> httpx.Cookies:
        return self._cookies.setdefault(_host(url), httpx.Cookies())


@contextmanager
def _after_a_request() -> Iterator[None]:
    """A server was asked by now, so whatever fails from here on fails after its effects have begun."""
    try:
        yield
    except NodeFailed as failure:
        failure.touched = True
        raise


def _host(url: httpx.URL) -> str:
    return canonical(url.raw_host.decode())


def _same_server(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether both mean one server; going from http to https at the usual ports stays there."""
    if _host(one) != _host(other):
        return False
    if one.scheme == other.scheme:
        return one.port == other.port
    return (one.scheme, one.port, other.port) == ("http", None, None)


def _check_headers(response: httpx.Response) -> None:
    size = sum(len(name) + len(value) for name, value in response.headers.raw)
    if size > MAX_HEADER_BYTES:
        raise NodeFailed("output_limit", f"the headers of its answer are longer than {MAX_HEADER_BYTES} bytes")


def _check_size(count: int) -> None:
    if count > MAX_BYTES:
        raise NodeFailed("output_limit", f"its answer is longer than {MAX_BYTES} bytes")


async def _body(response: httpx.Response) -> bytes:
    body, came = bytearray(), 0
    try:
        unpacker = Unpacker(response.headers.get("content-encoding", ""))
        async for chunk in response.aiter_raw():
            came += len(chunk)
            _check_size(came)
            for piece in unpacker.feed(chunk):
                body += piece
                _check_size(len(body))
        unpacker.finish()
    except Unpackable as error:
        raise NodeFailed("http_response", f"its answer cannot be read: {error}") from error
    return bytes(body)
