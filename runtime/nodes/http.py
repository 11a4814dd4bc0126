"""The node type `http`: what its params say, the request made of them, and its answer as outputs or as a failure."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import httpx
from pydantic import Field, StringConstraints

from runtime.addresses import canonical
from runtime.issues import JsonValue
from runtime.node_types import Effect, NodeContext, NodeFailed, ParamProblem, node_type
from runtime.nodes.http_answers import retry_after, value_of
from runtime.nodes.http_following import Following, unfit
from runtime.nodes.http_pinning import CONNECT_TIMEOUT
from runtime.nodes.params import Params, Text, Timeout, literal
from runtime.references import as_text, parse_template
from runtime.workflow import Json, JsonObject

MAX_SECONDS = 900.0  # for a step that names no timeout of its own

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_PASSING = frozenset({408, 429})
_HEADERS = {"accept": "*/*", "accept-encoding": "gzip, deflate", "user-agent": "plait"}


class HttpParams(Params):
    url: str = Field(min_length=1, description="http or https address")
    method: Annotated[str, StringConstraints(to_upper=True, pattern="^[A-Za-z]+$")] = Field(
        "GET", description="GET, POST, …"
    )
    headers: dict[str, Text] = Field(default_factory=dict, description="request headers")
    query: dict[str, Json] = Field(default_factory=dict, description="added to the address; a list repeats its key")
    json_: Json = Field(None, alias="json", description="body to send as JSON")
    body: Text | None = Field(None, description="body to send as text, instead of json")
    timeout: Timeout | None = None


# --- what the params as written say ---------------------------------------------------------------------------------


def _host(params: JsonObject) -> str | None:
    """The host, where no reference can change it: what comes before it in the address, and its end, are literal."""
    url = params.get("url")
    first = parse_template(url)[:1] if isinstance(url, str) else ()
    start = first[0] if first and isinstance(first[0], str) else ""
    rest = start.partition("://")[2]
    is_whole = literal(url) is not None or any(each in rest for each in "/?#")
    try:
        return canonical(httpx.URL(start).raw_host.decode()) or None if rest and is_whole else None
    except (httpx.InvalidURL, UnicodeError):
        return None


def _capabilities(params: JsonObject) -> Iterator[str]:
    """The host of the address; and that of a `host` header, which a server of many sites goes by."""
    for host in (_host(params), *_told_hosts(params)):
        yield f"network:{host}" if host else "network"


def _told_hosts(params: JsonObject) -> Iterator[str | None]:
    headers = params.get("headers")
    for name, value in headers.items() if isinstance(headers, dict) else ():
        if name.lower() == "host":
            yield _host({"url": f"http://{text}/"}) if (text := literal(value)) else None


def _effects(params: JsonObject) -> Iterator[Effect]:
    method = literal(params.get("method", "GET"))
    yield Effect("host", _host(params), writes=method is None or method.upper() not in _READING)


def _check(params: JsonObject) -> Iterator[ParamProblem]:
    if params.get("body") is not None and "json" in params:
        yield ParamProblem(("body",), "param_type", "stands beside 'json'", "give one of the two")
    url = literal(params.get("url"))
    if url is not None and (problem := unfit(url)):
        yield ParamProblem(("url",), "param_type", problem, 'for example "https://example.com/data.json"')


# --- one request ----------------------------------------------------------------------------------------------------


@node_type(
    "http",
    outputs={"response": "any", "status_code": "integer", "headers": "object", "seconds": "number"},
    capabilities=_capabilities,
    effects=_effects,
    check=_check,
    transient=frozenset({"http_connect"}),
    rare={"query": r"\b(query|param)", "timeout": r"\btime-?\s?out\b"},
)
async def http(params: HttpParams, context: NodeContext) -> dict[str, JsonValue]:
    """Sends an HTTP request."""
    clock = asyncio.get_running_loop().time
    began = clock()
    if problem := unfit(params.url):
        raise NodeFailed("http_request", f"'url': {problem}")
    bound = MAX_SECONDS if params.timeout is None else None
    with _explained(_label(params.method, httpx.URL(params.url))):
        async with asyncio.timeout(bound):
            answer = await Following(context.grants).answer(_request(params))
    response, body = answer.response, answer.body
    outputs: dict[str, JsonValue] = {
        "response": value_of(body, response.headers.get("content-type", ""), response.charset_encoding),
        "status_code": response.status_code,
        "headers": {name.lower(): value for name, value in response.headers.items()},
        "seconds": round(clock() - began, 6),
    }
    if response.status_code >= 400:
        raise _refusal(response, outputs)
    return outputs


def _refusal(response: httpx.Response, outputs: Mapping[str, JsonValue]) -> NodeFailed:
    status = f"{response.status_code} {response.reason_phrase}".strip()
    return NodeFailed(
        "http_status",
        f"{status} from {_label(response.request.method, response.request.url)}",
        outputs,
        retry_after=retry_after(response.headers),
        transient=response.status_code in _PASSING or response.status_code >= 500,
    )


def _label(method: str, url: httpx.URL) -> str:
    """Method and address, without the parts that may hold a secret."""
    return f"{method} {url.copy_with(userinfo=b'', query=None, fragment=None)}"


def _request(params: HttpParams) -> httpx.Request:
    url = httpx.URL(params.url)
    if params.query:
        url = url.copy_merge_params(
            httpx.QueryParams([pair for each in params.query.items() for pair in _pairs(*each)])
        )
    headers = httpx.Headers(_HEADERS)
    headers.update([(name.encode(), value.encode()) for name, value in params.headers.items()])
    content = None if params.body is None else params.body.encode()
    if "json_" in params.model_fields_set:
        content = json.dumps(params.json_, ensure_ascii=False, separators=(",", ":")).encode()
        headers.setdefault("content-type", "application/json")
    return httpx.Request(params.method, url, headers=headers, content=content)


def _pairs(name: str, value: JsonValue) -> list[tuple[str, str | int | float | bool | None]]:
    return [(name, as_text(each)) for each in (value if isinstance(value, list) else [value])]


@contextmanager
def _explained(label: str) -> Iterator[None]:
    """Turns what httpx raises into NodeFailed that names the request."""
    try:
        yield
    except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError) as error:
        raise NodeFailed("http_request", f"{label} cannot be sent: {error}") from error
    except TimeoutError:
        raise NodeFailed("timeout", f"{label} took longer than {MAX_SECONDS:g} seconds; 'timeout' says more") from None
    except NodeFailed as failure:
        raise NodeFailed(failure.code, f"{label}: {failure}", touched=failure.touched) from failure
    except httpx.TransportError as error:
        if _has_long_head(error):
            raise NodeFailed("output_limit", f"{label}: the headers of its answer are too long") from error
        raise NodeFailed("http_connect", f"{label}: {_cause(error)}") from error


def _cause(error: BaseException) -> str:
    """What the system said at the bottom of a chain of exceptions."""
    if isinstance(error, httpx.ConnectTimeout):
        return f"no connection within {CONNECT_TIMEOUT:g} seconds"
    while (below := _beneath(error)) is not None:
        error = below
    if isinstance(error, OSError) and error.errno and not isinstance(error, ssl.SSLError | socket.gaierror):
        return os.strerror(error.errno)
    said = error.strerror if isinstance(error, OSError) else str(error)
    return said or type(error).__name__


def _has_long_head(error: BaseException | None) -> bool:
    """Whether h11, at the bottom, gave up on headers that would not end."""
    while error is not None and getattr(error, "error_status_hint", None) != 431:
        error = _beneath(error)
    return error is not None


def _beneath(error: BaseException) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        return error.exceptions[0]
    return error.__cause__ or next((each for each in error.args if isinstance(each, BaseException)), None)
