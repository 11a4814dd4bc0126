from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals import recordings
from evals.cassettes import use_cassettes
from evals.event_streams import read_events, redacted_events, written_events
from runtime import JsonValue, Redactor
from tests.model_server import ModelServer, Reply

EVENTS = [{"n": 1, "delta": "Grüße"}, {"n": 2, "delta": "\n\u2028"}]
SENT = (*(f"data: {json.dumps(each)}\n\n".encode() for each in EVENTS), b": ping\n\n", b"data: [DONE]\n\n")
STREAM = Reply(headers={"content-type": "text/event-stream"}, pieces=SENT)
GONE = "http://127.0.0.1:9/v1"


def read_sync(url: str) -> list[str]:
    with httpx.stream("POST", f"{url}/x", json={"stream": True}) as answer:
        return list(answer.iter_lines())


def read_async(url: str) -> list[str]:
    async def read() -> list[str]:
        async with httpx.AsyncClient() as client, client.stream("POST", f"{url}/x", json={"stream": True}) as answer:
            return [line async for line in answer.aiter_lines()]

    return asyncio.run(read())


def data_of(lines: list[str]) -> list[JsonValue]:
    texts = [line.removeprefix("data: ") for line in lines if line.startswith("data: {")]
    return [json.loads(text) for text in texts]


@pytest.mark.parametrize("recorder", [read_sync, read_async])
@pytest.mark.parametrize("player", [read_sync, read_async])
def test_a_stream_is_recorded_and_replayed(
    tmp_path: Path, recorder: Callable[[str], list[str]], player: Callable[[str], list[str]]
) -> None:
    with ModelServer(STREAM) as server, use_cassettes(tmp_path, "one", "record"):
        first = recorder(server.url)
    with use_cassettes(tmp_path):
        again = player(GONE)
    assert data_of(again) == data_of(first) == EVENTS
    assert [line for line in again if line and "{" not in line] == [": ping", "data: [DONE]"]


def test_the_events_of_a_stream_can_be_read_in_the_file(tmp_path: Path) -> None:
    with ModelServer(STREAM) as server, use_cassettes(tmp_path, "one", "record"):
        read_sync(server.url)
    [interaction] = json.loads((tmp_path / "one.json").read_text())["interactions"]
    held = [{"data": EVENTS[0]}, "", {"data": EVENTS[1]}, "", ": ping", "", "data: [DONE]", "", ""]
    assert interaction["response"]["encoding"] == "events"
    assert interaction["response"]["body"] == held


def test_a_stream_that_breaks_off_is_not_recorded(tmp_path: Path) -> None:
    broken = Reply(headers={"content-type": "text/event-stream", "content-length": "999"}, body=SENT[0])
    with ModelServer(broken) as server, use_cassettes(tmp_path, "one", "record"), pytest.raises(httpx.HTTPError):
        httpx.post(f"{server.url}/x", headers={"connection": "close"}, timeout=0.3)
    assert list(tmp_path.iterdir()) == []


LINES = st.lists(st.text(st.characters(exclude_characters="\r"), max_size=20) | st.just('data: {"a": [1, "ü"]}'))


@given(LINES.map("\n".join))
def test_the_text_of_a_stream_comes_back_but_for_the_blanks_of_its_json(text: str) -> None:
    raw = text.encode("utf-8", "replace")
    body, encoding = recordings.packed(b"\n" + raw, "text/event-stream; charset=utf-8")
    assert encoding == "events"
    back = recordings.unpacked(body, encoding).decode()
    assert read_events(back) == body
    assert back.replace('{"a":[1,"\\u00fc"]}', '{"a": [1, "ü"]}') == "\n" + raw.decode()


@given(st.lists(st.text("abc-k", max_size=4), max_size=8))
def test_no_secret_is_left_in_the_texts_of_events_taken_together(texts: list[str]) -> None:
    secret = Redactor({"it": "abca-kab"})
    lines: list[JsonValue] = [{"data": {"delta": text, "n": at}} for at, text in enumerate(texts)]
    clean = redacted_events(lines, secret)
    told = "".join(json.loads(line.removeprefix("data: "))["delta"] for line in map(written, clean))
    assert told == secret.text("".join(texts))
    assert len(clean) == len(lines)


def written(line: JsonValue) -> str:
    return written_events([line])
