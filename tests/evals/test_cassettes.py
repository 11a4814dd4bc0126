from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from evals.calls import call_id
from evals.cassettes import Mode, use_cassettes
from evals.decks import CassetteUnwritable
from planner.litellm_client import LitellmClient, asks_a_model
from runtime.completion import (
    CassetteMiss,
    Completion,
    CompletionError,
    CompletionRequest,
    ContextExceeded,
    Message,
    ModelUnreachable,
)
from runtime.issues import Unavailable
from tests.model_server import Asked, Json, ModelServer, Reply, refuses, says

CANARY = "sk-canary-4f1d9b27c3"
GONE = "http://127.0.0.1:9/v1"
SCHEMA: Json = {"type": "object"}


async def no_sleep(seconds: float) -> None:
    pass


def client(url: str = GONE, **settings: object) -> LitellmClient:
    arguments: dict[str, object] = {"api_base": url, "schemas": True, "free": True, "sleep": no_sleep, **settings}
    return LitellmClient("openai/tiny", **arguments)  # type: ignore[arg-type]  # a test's own shorthand


def request(text: str) -> CompletionRequest:
    return CompletionRequest((Message("system", "You are\na test."), Message("user", text)), schema=SCHEMA)


def ask(asked: LitellmClient, *texts: str) -> list[str]:
    async def all_of_them() -> list[str]:
        async with asked:
            return [(await asked.complete(request(text))).text for text in texts]

    return asyncio.run(all_of_them())


def record(folder: Path, name: str, *texts: str, server: ModelServer | None = None) -> None:
    with server or ModelServer(answer=echo) as asked, use_cassettes(folder, name, "record"):
        ask(client(asked.url), *texts)


def echo(asked: Asked) -> Reply:
    messages = asked.body["messages"]
    assert isinstance(messages, list)
    last = messages[-1]
    assert isinstance(last, dict)
    return says(f"to {last['content']}")


def replay(folder: Path, *texts: str, name: str | None = None) -> list[str]:
    with use_cassettes(folder, name):
        return ask(client(), *texts)


def miss(folder: Path, *texts: str) -> str:
    with pytest.raises(CassetteMiss) as caught:
        replay(folder, *texts)
    return str(caught.value)


def test_what_was_recorded_is_answered_with_the_server_gone_and_on_another_port(tmp_path: Path) -> None:
    record(tmp_path, "greeting", "hello", "good bye")
    assert replay(tmp_path, "good bye", "hello") == ["to good bye", "to hello"]


def test_a_replayed_completion_is_the_recorded_one(tmp_path: Path) -> None:
    async def complete(url: str) -> Completion:
        async with client(url, clock=lambda: 0.0) as asked:
            return await asked.complete(request("hello"))

    with ModelServer(says("hi", finish_reason="length")) as server, use_cassettes(tmp_path, "one", "record"):
        recorded = asyncio.run(complete(server.url))
    with use_cassettes(tmp_path):
        assert asyncio.run(complete(GONE)) == recorded


def test_a_cassette_is_json_to_read_with_the_bodies_in_it(tmp_path: Path) -> None:
    with ModelServer(says("hi")) as server, use_cassettes(tmp_path, "one", "record", made_with={"prompt": "v1"}):
        ask(client(server.url), "hello")
    held = json.loads((tmp_path / "one.json").read_text())
    [interaction] = held["interactions"]
    assert held["made_with"] == {"prompt": "v1"}
    assert set(interaction) == {"request", "response", "sum"}
    assert interaction["request"]["path"] == "/v1/chat/completions"
    assert interaction["request"]["body"]["messages"][1] == {"role": "user", "content": "hello"}
    assert interaction["response"]["headers"] == {"content-type": "application/json"}
    assert interaction["response"]["body"]["choices"][0]["message"]["content"] == "hi"


def test_the_same_calls_recorded_again_give_the_same_bytes(tmp_path: Path) -> None:
    for folder in (tmp_path / "first", tmp_path / "second"):
        record(folder, "greeting", "hello", "good bye")
    assert (tmp_path / "first/greeting.json").read_bytes() == (tmp_path / "second/greeting.json").read_bytes()


def test_replay_looks_into_every_cassette_or_into_the_one_named(tmp_path: Path) -> None:
    record(tmp_path, "a", "hello")
    record(tmp_path, "b", "good bye")
    assert replay(tmp_path, "good bye", "hello") == ["to good bye", "to hello"]
    assert replay(tmp_path, "hello", name="a") == ["to hello"]
    with pytest.raises(CassetteMiss):
        replay(tmp_path, "hello", name="b")


def test_identical_requests_are_answered_in_recorded_order_and_each_once(tmp_path: Path) -> None:
    record(tmp_path, "twice", "hello", "hello", server=ModelServer(says("first"), says("second")))
    assert replay(tmp_path, "hello", "hello") == ["first", "second"]
    assert "has been given already" in miss(tmp_path, "hello", "hello", "hello")


def test_every_use_of_a_directory_starts_anew(tmp_path: Path) -> None:
    record(tmp_path, "one", "hello")
    assert [replay(tmp_path, "hello") for _ in range(2)] == [["to hello"]] * 2


async def ask_in_calls(asked: LitellmClient, calls: Sequence[str]) -> dict[str, str]:
    async def one(call: str) -> tuple[str, str]:
        with call_id(call):
            return call, (await asked.complete(request("hello"))).text

    async with asked, asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(call)) for call in calls]
    return dict(task.result() for task in tasks)


def test_identical_requests_at_once_get_their_own_answers_in_any_order(tmp_path: Path) -> None:
    calls = [f"case/{number}/1" for number in range(8)]
    with ModelServer(*(says(str(number)) for number in range(8))) as server, use_cassettes(tmp_path, "all", "record"):
        recorded = asyncio.run(ask_in_calls(client(server.url), calls))
    assert len(set(recorded.values())) == 8
    for seed in range(5):
        shuffled = random.Random(seed).sample(calls, len(calls))
        with use_cassettes(tmp_path):
            assert asyncio.run(ask_in_calls(client(), shuffled)) == recorded


def test_a_call_is_not_answered_by_the_recording_of_another(tmp_path: Path) -> None:
    with ModelServer(says("hi")) as server, use_cassettes(tmp_path, "one", "record"), call_id("case/1/1"):
        ask(client(server.url), "hello")
    with (
        call_id("case/2/1"),
        pytest.raises(CassetteMiss, match="of call 'case/2/1': it is recorded 1 time, for 'case/1/1'"),
    ):
        replay(tmp_path, "hello")
    assert replay(tmp_path, "hello") == ["hi"]


def test_a_call_id_takes_a_recording_that_has_none(tmp_path: Path) -> None:
    record(tmp_path, "one", "hello")
    with call_id("case/1/1"):
        assert replay(tmp_path, "hello") == ["to hello"]


def test_a_miss_names_the_nearest_recording_and_what_differs(tmp_path: Path) -> None:
    record(tmp_path, "far", "something else altogether")
    record(tmp_path, "near", "Fetch the page\nand count its words.")
    message = miss(tmp_path, "Fetch the page\nand count its lines.")
    first, _, diff = message.partition("\n")
    assert first == (
        f"{tmp_path}: no recording answers POST /v1/chat/completions; record it, or ask what was recorded. "
        "The nearest is in near.json:"
    )
    assert "-and count its words." in diff
    assert "+and count its lines." in diff


def test_a_miss_among_no_recordings_says_so(tmp_path: Path) -> None:
    assert "there is none at all; record first" in miss(tmp_path, "hello")


def test_a_miss_reaches_for_no_server_and_is_not_tried_again(tmp_path: Path) -> None:
    record(tmp_path, "one", "hello")
    pauses: list[float] = []

    async def keep(seconds: float) -> None:
        pauses.append(seconds)

    with ModelServer(says("hi")) as server, use_cassettes(tmp_path), pytest.raises(CassetteMiss):
        ask(client(server.url, sleep=keep), "another")
    assert (server.asked, pauses) == ([], [])


def test_a_recording_that_is_killed_keeps_what_came_and_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    def kills_the_third(asked: Asked) -> Reply:
        return Reply(hold=True) if b"three" in asked.raw else echo(asked)

    ends = pytest.raises(ModelUnreachable)
    with ModelServer(answer=kills_the_third) as server, use_cassettes(tmp_path, "three", "record"), ends:
        ask(client(server.url, timeout=0.2, max_retries=0), "one", "two", "three")
    assert len(json.loads((tmp_path / "three.json").read_text())["interactions"]) == 2
    with ModelServer(answer=echo) as server, use_cassettes(tmp_path, "three", "record"):
        assert ask(client(server.url), "one", "two", "three") == ["to one", "to two", "to three"]
    assert [asked.body["messages"] for asked in server.asked] == [
        [{"role": "system", "content": "You are\na test."}, {"role": "user", "content": "three"}]
    ]
    assert replay(tmp_path, "three", "two", "one") == ["to three", "to two", "to one"]


def test_an_answer_is_on_disk_before_its_caller_has_it(tmp_path: Path) -> None:
    async def first_then_look() -> bool:
        async with client(server.url) as asked:
            await asked.complete(request("hello"))
            return (tmp_path / "one.json").exists()

    with ModelServer(says("hi")) as server, use_cassettes(tmp_path, "one", "record"):
        assert asyncio.run(first_then_look())


def test_an_answer_that_cannot_be_kept_is_told_and_not_paid_for_again(tmp_path: Path) -> None:
    (tmp_path / ".one.json.part").mkdir()
    told = pytest.raises(CassetteUnwritable, match="cannot be written")
    with ModelServer(says("hi")) as server, use_cassettes(tmp_path, "one", "record"), told:
        ask(client(server.url), "hello")
    assert len(server.asked) == 1


def test_no_secret_of_headers_query_or_an_answer_that_repeats_it_is_on_disk(tmp_path: Path) -> None:
    headers = {"set-cookie": f"session={CANARY}", "x-request-id": CANARY, "openai-organization": f"org-{CANARY}"}
    reply = Reply(body={**says("hi").body, "echo": f"your key is {CANARY}"}, headers=headers)  # type: ignore[dict-item]  # says() has JSON
    with ModelServer(reply) as server, use_cassettes(tmp_path, "one", "record"):
        ask(client(server.url, api_key=CANARY), f"my key is {CANARY}")
        httpx.post(f"{server.url}/x?key={CANARY}", content=f"the key {CANARY}", headers={"cookie": f"a={CANARY}"})
    written = (tmp_path / "one.json").read_text()
    assert CANARY not in written
    assert "your key is [secret]" in written
    with use_cassettes(tmp_path):
        assert ask(client(api_key=CANARY), f"my key is {CANARY}") == ["hi"]


def test_trouble_that_passes_is_not_recorded(tmp_path: Path) -> None:
    replies = [refuses(429, "slow down"), refuses(500, "boom"), says("hi")]
    record(tmp_path, "one", "hello", server=ModelServer(*replies))
    assert replay(tmp_path, "hello") == ["hi"]


def test_a_refusal_that_belongs_to_the_request_is_recorded(tmp_path: Path) -> None:
    too_long = refuses(400, "maximum context length is 8 tokens", "context_length_exceeded")
    with pytest.raises(ContextExceeded):
        record(tmp_path, "one", "hello", server=ModelServer(too_long))
    with pytest.raises(ContextExceeded):
        replay(tmp_path, "hello")


def test_a_schema_refused_once_is_refused_in_replay_as_well(tmp_path: Path) -> None:
    record(tmp_path, "one", "hello", server=ModelServer(refuses(400, "no response_format here"), says("hi")))
    assert replay(tmp_path, "hello") == ["hi"]


def test_live_asks_the_server_even_inside_a_replay(tmp_path: Path) -> None:
    with ModelServer(says("hi")) as server, use_cassettes(tmp_path), use_cassettes(tmp_path, mode="live"):
        assert ask(client(server.url), "hello") == ["hi"]
    assert list(tmp_path.iterdir()) == []


def test_requests_that_are_no_model_calls_pass_where_only_those_are_meant(tmp_path: Path) -> None:
    for mode in ("record", "replay"):
        with (
            ModelServer(answer=lambda asked: says("hi")) as server,
            use_cassettes(tmp_path, "one", mode, only=asks_a_model),
        ):
            assert httpx.post(f"{server.url}/page", content=b"x").status_code == 200
            assert ask(client(server.url), "hello") == ["hi"]
        assert [asked.path for asked in server.asked][:1] == ["/v1/page"]
        assert len(server.asked) == (2 if mode == "record" else 1)


def test_two_cassettes_open_at_once_in_one_process_do_not_mix(tmp_path: Path) -> None:
    async def case(name: str, url: str, mode: Mode, turns: asyncio.Barrier) -> str:
        with use_cassettes(tmp_path, name, mode):
            await turns.wait()
            async with client(url) as asked:
                answer = (await asked.complete(request("hello"))).text
            if name == "b":
                await turns.wait()  # the one that opened first closes first
        if name == "a":
            await turns.wait()
        return answer

    async def both(urls: Sequence[str], mode: Mode) -> list[str]:
        turns = asyncio.Barrier(2)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(case(name, url, mode, turns)) for name, url in zip("ab", urls, strict=True)]
        return [task.result() for task in tasks]

    before = httpx.AsyncHTTPTransport.handle_async_request
    with ModelServer(says("from a")) as a, ModelServer(says("from b")) as b:
        assert asyncio.run(both([a.url, b.url], "record")) == ["from a", "from b"]
    assert asyncio.run(both([GONE, GONE], "replay")) == ["from a", "from b"]
    assert httpx.AsyncHTTPTransport.handle_async_request is before


def test_a_thread_that_inherited_no_cassette_is_kept_from_the_network(tmp_path: Path) -> None:
    caught: list[BaseException] = []

    def reach_out(url: str) -> None:
        try:
            httpx.get(url)
        except CassetteMiss as error:
            caught.append(error)

    with ModelServer(says("hi")) as server, use_cassettes(tmp_path):
        thread = threading.Thread(target=reach_out, args=[server.url])
        thread.start()
        thread.join()
    assert len(caught) == 1
    assert server.asked == []


@pytest.mark.parametrize("name", ["", "a/b", "../a", ".hidden"])
def test_a_name_that_could_leave_the_directory_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(Unavailable, match="names no cassette"), use_cassettes(tmp_path, name, "record"):
        pass


def test_a_directory_that_is_not_there_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no directory of cassettes"), use_cassettes(tmp_path / "none"):
        pass


def test_a_named_cassette_that_is_not_there_answers_nothing(tmp_path: Path) -> None:
    with use_cassettes(tmp_path / "none", "greeting"):
        pass
    with (
        pytest.raises(CassetteMiss, match=r"none/greeting\.json: no recording answers .* there is none at all; record"),
        use_cassettes(tmp_path / "none", "greeting"),
    ):
        ask(client(), "hello")


def test_a_broken_cassette_is_neither_replayed_nor_recorded_over(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_text('{"cassette": 1, "interactions": [')
    for mode in ("replay", "record"):
        with pytest.raises(Unavailable, match="no whole cassette"), use_cassettes(tmp_path, "one", mode):
            pass
    assert (tmp_path / "one.json").read_text() == '{"cassette": 1, "interactions": ['


def test_an_error_of_the_server_while_recording_is_the_clients_own(tmp_path: Path) -> None:
    with use_cassettes(tmp_path, "one", "record"), pytest.raises(ModelUnreachable, match="nothing answers"):
        ask(client(), "hello")
    assert issubclass(CassetteUnwritable, CompletionError)
