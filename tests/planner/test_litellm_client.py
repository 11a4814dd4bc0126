from __future__ import annotations

import asyncio
import subprocess
import sys

import httpx
import pytest

from planner.litellm_client import LitellmClient, asks_a_model
from runtime.completion import (
    Completion,
    CompletionError,
    CompletionRefused,
    CompletionRequest,
    ContextExceeded,
    Message,
    ModelUnreachable,
    NotAuthorised,
    RateLimited,
    Usage,
)
from tests.model_server import Asked, Json, ModelServer, Reply, refuses, says

CANARY = "sk-canary-4f1d9b27c3"
SCHEMA: Json = {"type": "object", "properties": {"answer": {"type": "string"}}}


def request(text: str = "hello", **settings: object) -> CompletionRequest:
    return CompletionRequest((Message("user", text),), **settings)  # type: ignore[arg-type]  # a test's own shorthand


class Pauses:
    """A sleep that takes no time and keeps how long it was asked for."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def client(server: ModelServer, pauses: Pauses | None = None, **settings: object) -> LitellmClient:
    arguments: dict[str, object] = {"api_base": server.url, "schemas": True, "sleep": pauses or Pauses(), **settings}
    return LitellmClient("openai/tiny", **arguments)  # type: ignore[arg-type]  # a test's own shorthand


def ask(asked: LitellmClient, *requests: CompletionRequest) -> list[Completion]:
    async def all_of_them() -> list[Completion]:
        async with asked:
            return [await asked.complete(one) for one in requests or [request()]]

    return asyncio.run(all_of_them())


def failure(asked: LitellmClient, one: CompletionRequest | None = None) -> CompletionError:
    with pytest.raises(CompletionError) as caught:
        ask(asked, one or request())
    return caught.value


def test_an_answer_comes_with_its_usage_and_an_unknown_cost() -> None:
    ticks = iter([10.0, 12.5])
    with ModelServer(says("hi there")) as server:
        [completion] = ask(client(server, clock=lambda: next(ticks)))
    assert completion == Completion("hi there", "openai/tiny", Usage(7, 2, 3), None, "stop", 2.5)


def test_a_request_is_the_same_bytes_every_time_and_holds_only_what_was_asked() -> None:
    one = request(schema=SCHEMA, max_tokens=50)
    with ModelServer(says("hi")) as server:
        ask(client(server), one, one)
        ask(client(server), one)
    first, *others = [asked.raw for asked in server.asked]
    assert others == [first, first]
    json_schema: Json = {"name": "answer", "schema": SCHEMA, "strict": True}
    assert server.asked[0].body == {
        "model": "tiny",
        "messages": [{"role": "user", "content": "hello"}],
        "temperature": 0.0,
        "max_tokens": 50,
        "response_format": {"type": "json_schema", "json_schema": json_schema},
    }


def test_a_model_served_for_free_costs_nothing() -> None:
    with ModelServer(says("hi")) as server:
        assert ask(client(server, free=True))[0].cost_usd == 0.0


def test_a_known_model_has_its_price() -> None:
    with ModelServer(says("hi", model="gpt-4o-mini")) as server:
        [completion] = ask(LitellmClient("gpt-4o-mini", api_base=server.url))
    assert completion.cost_usd is not None
    assert 0 < completion.cost_usd < 0.001


@pytest.mark.parametrize(
    ("said", "meant"), [("stop", "stop"), ("length", "length"), ("content_filter", "other"), ("tool_calls", "other")]
)
def test_how_an_answer_ended_is_told(said: str, meant: str) -> None:
    with ModelServer(says("hi", finish_reason=said)) as server:
        assert ask(client(server))[0].finish_reason == meant


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (refuses(401, "Incorrect API key", "invalid_api_key"), NotAuthorised, "its key is not accepted"),
        (refuses(403, "not for you"), NotAuthorised, "its key is not accepted"),
        (refuses(404, "no such model"), CompletionRefused, "check the name given as --model"),
        (refuses(400, "temperature is too hot"), CompletionRefused, "temperature is too hot"),
        (refuses(422, "unprocessable"), CompletionRefused, "refuses the request"),
        (
            refuses(400, "This model's maximum context length is 8192 tokens.", "context_length_exceeded"),
            ContextExceeded,
            "the prompt is too long",
        ),
        (
            refuses(400, "request (9001 tokens) exceeds the available context size (8192 tokens), try increasing it"),
            ContextExceeded,
            "9001 tokens",
        ),
    ],
)
def test_what_another_try_would_not_change_is_said_at_once(
    reply: Reply, kind: type[CompletionError], words: str
) -> None:
    with ModelServer(reply) as server:
        error = failure(client(server))
    assert type(error) is kind
    assert str(error).startswith("model 'openai/tiny': ")
    assert words in str(error)
    assert len(server.asked) == 1


def test_a_server_that_fails_once_is_asked_again() -> None:
    pauses = Pauses()
    with ModelServer(refuses(500, "boom"), says("hi")) as server:
        assert ask(client(server, pauses))[0].text == "hi"
    assert len(server.asked) == 2
    assert len(pauses.seconds) == 1


def test_a_server_that_goes_on_failing_is_given_up_after_growing_pauses() -> None:
    pauses = Pauses()
    with ModelServer(refuses(503, "overloaded")) as server:
        error = failure(client(server, pauses))
    assert isinstance(error, ModelUnreachable)
    assert "overloaded" in str(error)
    assert len(server.asked) == 4
    assert [1 <= pauses.seconds[0] <= 2, 2 <= pauses.seconds[1] <= 3, 4 <= pauses.seconds[2] <= 5] == [True] * 3


def test_the_wait_that_a_provider_asks_for_is_kept() -> None:
    pauses = Pauses()
    with ModelServer(refuses(429, "slow down", retry_after="7"), says("hi")) as server:
        assert ask(client(server, pauses))[0].text == "hi"
    assert pauses.seconds == [7.0]


def test_a_wait_of_an_hour_is_not_waited_for() -> None:
    pauses = Pauses()
    with ModelServer(refuses(429, "slow down", retry_after="3600")) as server:
        error = failure(client(server, pauses))
    assert isinstance(error, RateLimited)
    assert (error.retry_after, pauses.seconds) == (3600.0, [])
    assert "asks to wait 3600 s" in str(error)


@pytest.mark.parametrize("header", ["Wed, 21 Oct 2026 07:28:00 GMT", "nan", "-1"])
def test_a_wait_that_is_no_number_of_seconds_leaves_the_growing_pauses(header: str) -> None:
    pauses = Pauses()
    with ModelServer(refuses(429, "slow down", retry_after=header), says("hi")) as server:
        ask(client(server, pauses))
    assert 1 <= pauses.seconds[0] <= 2


@pytest.mark.parametrize(
    "reply",
    [
        Reply(body=b"{nope"),
        Reply(body=b"hello", headers={"content-type": "text/plain"}),
        Reply(body=b"[]"),
        Reply(body={"id": "x"}),
        Reply(body={"id": "x", "choices": []}),
    ],
    ids=["broken JSON", "plain text", "a list", "no choices", "empty choices"],
)
def test_an_answer_that_is_no_completion_is_no_answer(reply: Reply) -> None:
    with ModelServer(reply) as server:
        error = failure(client(server, max_retries=0))
    assert isinstance(error, ModelUnreachable)
    assert "gave no usable answer" in str(error)


def test_a_server_that_hangs_is_left_after_the_timeout() -> None:
    with ModelServer(Reply(hold=True)) as server:
        error = failure(client(server, timeout=0.2, max_retries=0))
    assert isinstance(error, ModelUnreachable)
    assert "no answer within 0.2 s; start its server" in str(error)


def test_a_server_that_is_gone_is_named_with_its_mend() -> None:
    with ModelServer(says("hi")) as server:
        url = server.url
    pauses = Pauses()
    error = failure(client(server, pauses))
    assert isinstance(error, ModelUnreachable)
    assert str(error) == (f"model 'openai/tiny': nothing answers at {url}; start its server, or choose another --model")
    assert len(pauses.seconds) == 3


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("gpt-4o-mini", "OPENAI_API_KEY"),
        ("anthropic/claude-3-5-haiku-20241022", "ANTHROPIC_API_KEY"),
        ("gemini/gemini-2.0-flash", "GEMINI_API_KEY"),
    ],
)
def test_a_missing_key_is_told_by_the_variable_to_set(model: str, variable: str) -> None:
    error = failure(LitellmClient(model))
    assert isinstance(error, NotAuthorised)
    assert f"model '{model}': there is no key for it; set " in str(error)
    assert variable in str(error)


def test_a_wrong_key_of_the_environment_is_told_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    with ModelServer(refuses(401, "Incorrect API key", "invalid_api_key")) as server:
        monkeypatch.setenv("OPENAI_API_KEY", CANARY)
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        error = failure(LitellmClient("gpt-4o-mini"))
    assert str(error).endswith("check OPENAI_API_KEY")
    assert server.asked[0].headers["Authorization"] == f"Bearer {CANARY}"


def test_a_model_without_a_provider_is_told_how_to_write_one() -> None:
    error = failure(LitellmClient("nonsense"))
    assert str(error) == "model 'nonsense': no known provider; write PROVIDER/MODEL, for example openai/gpt-4o-mini"


def test_no_message_shows_a_key_that_the_provider_repeats() -> None:
    with ModelServer(refuses(401, f"Incorrect API key provided: {CANARY}")) as server:
        error = failure(client(server, api_key=CANARY))
    assert "Incorrect API key provided: [secret]" in str(error)


def test_a_key_of_the_environment_never_reaches_a_server_of_one_s_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", CANARY)
    with ModelServer(says("hi")) as server:
        ask(client(server))
    assert not [value for value in server.asked[0].headers.values() if CANARY in value]


def test_another_model_that_a_request_names_does_not_go_to_the_server_of_the_first() -> None:
    with ModelServer(says("hi")) as server:
        error = failure(client(server, api_key=CANARY), request(model="gpt-4o-mini"))
    assert isinstance(error, NotAuthorised)
    assert server.asked == []


def test_a_schema_that_the_server_refuses_is_left_out_from_then_on() -> None:
    def answer(asked: Asked) -> Reply:
        return refuses(400, "no response_format here") if "response_format" in asked.body else says("hi")

    one = request(schema=SCHEMA)
    with ModelServer(answer=answer) as server:
        ask(client(server), one, one)
    assert ["response_format" in asked.body for asked in server.asked] == [True, False, False]


@pytest.mark.parametrize(("model", "sent"), [("gpt-4o-mini", True), ("openai/tiny", False)])
def test_whether_a_model_takes_schemas_is_asked_of_litellm(model: str, sent: bool) -> None:
    with ModelServer(says("hi")) as server:
        ask(LitellmClient(model, api_base=server.url), request(schema=SCHEMA))
    assert ("response_format" in server.asked[0].body) is sent


def test_one_client_serves_one_event_loop_after_another() -> None:
    with ModelServer(says("hi")) as server:
        asked = client(server)
        assert [ask(asked)[0].text for _ in range(3)] == ["hi"] * 3


def test_closing_one_client_leaves_the_connections_of_another_on_the_same_loop() -> None:
    async def two() -> str:
        async with client(server) as first, client(server) as second:
            await first.complete(request())
            await second.complete(request())
            await first.close()
            return (await second.complete(request())).text

    with ModelServer(says("hi")) as server:
        assert asyncio.run(two()) == "hi"


def test_a_client_that_is_closed_leaves_no_connection_open() -> None:
    with ModelServer(says("hi")) as server:
        ask(client(server), request(), request())
        assert server.all_have_left()


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with ModelServer(says("hi")) as server:
        ask(client(server))
        failure(LitellmClient("nonsense"))
    assert capfd.readouterr() == ("", "")


def test_litellm_is_not_imported_before_the_first_call() -> None:
    source = "import sys, planner.litellm_client as it; it.LitellmClient('gpt-4o'); assert 'litellm' not in sys.modules"
    subprocess.run([sys.executable, "-c", source], check=True)


def test_litellm_that_is_not_installed_is_told_with_the_command_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "litellm", None)
    assert str(failure(LitellmClient("gpt-4o"))).endswith("; run pip install 'plait[planner]'")


def test_the_transport_below_a_call_can_tell_that_a_model_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool] = []
    handle = httpx.AsyncHTTPTransport.handle_async_request

    async def watched(transport: httpx.AsyncHTTPTransport, sent: httpx.Request) -> httpx.Response:
        told.append(asks_a_model())
        return await handle(transport, sent)

    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", watched)
    with ModelServer(says("hi")) as server:
        ask(client(server))
    assert (told, asks_a_model()) == ([True], False)
