"""A canary planted wherever a call has a place for it, and every byte on disk searched for it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from evals.calls import call_id
from evals.cassettes import use_cassettes
from evals.decks import CassetteUnwritable
from evals.recording_files import HoldsASecret, write
from evals.recordings import Recording
from planner.litellm_client import LitellmClient
from runtime import CompletionRequest, Message, Redactor
from runtime.completion import ContextExceeded
from tests.model_server import ModelServer, Reply, refuses, says

CANARY = "sk-canary/4f1d9+b27c3="
QUOTED = quote(CANARY, safe="")


def traces(folder: Path) -> list[str]:
    """Where on disk the canary is, in plain, in base64 at any alignment, or in a URL; file names included."""
    cores = [base64.b64encode(b"x" * before + CANARY.encode() + b"yy")[4:-4] for before in range(3)]
    cores += [core.replace(b"/", b"_").replace(b"+", b"-") for core in cores]
    sought = [CANARY.encode(), QUOTED.encode(), QUOTED.lower().encode(), json.dumps(CANARY).encode(), *cores]
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [f"{path}: {each!r}" for path in files for each in sought if each in path.read_bytes() + path.name.encode()]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A folder of cassettes, searched at the end; one file must be there."""
    yield tmp_path
    assert list(tmp_path.rglob("*.json"))
    assert traces(tmp_path) == []


@pytest.fixture
def in_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", CANARY)


def recorded(folder: Path) -> str:
    return (folder / "one.json").read_text(encoding="utf-8")


def post(folder: Path, reply: Reply, path: str = "/x", **asked: object) -> httpx.Response:
    with ModelServer(reply) as server, use_cassettes(folder, "one", "record"):
        return httpx.post(f"{server.url}{path}", **asked)  # type: ignore[arg-type]  # a test's own shorthand


FINE = says("hi")


@pytest.mark.parametrize(
    "headers",
    [
        {"authorization": f"Bearer {CANARY}"},
        {"authorization": "Basic " + base64.b64encode(f"me:{CANARY}".encode()).decode()},
        {"x-api-key": CANARY},
        {"cookie": f"a=b; session={CANARY}"},
        {"openai-organization": CANARY},
    ],
    ids=lambda headers: next(iter(headers.values())).split()[0][:8],
)
def test_a_secret_of_a_header_is_struck_out_of_body_and_answer(folder: Path, headers: dict[str, str]) -> None:
    echo = Reply(body={"you_sent": CANARY, "in_base64": base64.b64encode(b"a" + CANARY.encode()).decode()})
    post(folder, echo, headers=headers, json={"my key": CANARY, "in a URL": f"https://x/?k={QUOTED}"})
    assert recorded(folder).count("[secret]") == 4


def test_a_secret_of_the_answers_headers_is_struck_out(folder: Path) -> None:
    headers = {"set-cookie": f"session={CANARY}; Path=/", "x-request-id": CANARY}
    post(folder, Reply(body={"your session": CANARY}, headers=headers))
    assert "[secret]" in recorded(folder)


def test_a_secret_of_the_query_is_struck_out(folder: Path) -> None:
    post(folder, Reply(body={"echo": CANARY}), path=f"/x?api_key={QUOTED}&a=1")
    assert "[secret]" in recorded(folder)


@pytest.mark.usefixtures("in_environment")
def test_a_secret_of_the_environment_is_struck_out_of_the_path(folder: Path) -> None:
    post(folder, FINE, path=f"/bot{QUOTED}/send")
    assert '"path": "/v1/bot[secret]/send"' in recorded(folder)


@pytest.mark.usefixtures("in_environment")
@pytest.mark.parametrize(
    "body",
    [
        CANARY.encode(),
        json.dumps({CANARY: CANARY}).encode(),
        json.dumps({"a": json.dumps({"b": CANARY})}).encode(),
        b"key=" + QUOTED.encode(),
        b"\xff\x00" + CANARY.encode(),
        base64.b64encode(b"ab" + CANARY.encode()),
        base64.urlsafe_b64encode(b"a" + CANARY.encode()),
    ],
    ids=["text", "JSON", "JSON in JSON", "form", "binary", "base64", "urlsafe base64"],
)
def test_a_secret_of_the_environment_is_struck_out_of_bodies_of_any_kind(folder: Path, body: bytes) -> None:
    post(folder, Reply(body=body, headers={"content-type": "text/plain"}), content=body)
    assert "CANARY" not in recorded(folder)


@pytest.mark.usefixtures("in_environment")
def test_a_secret_in_an_allowed_header_or_in_the_name_of_the_call_is_struck_out(folder: Path) -> None:
    with call_id(f"case/{CANARY}"):
        post(folder, Reply(body=b"x", headers={"content-type": f"text/plain; boundary={CANARY}"}))
    assert recorded(folder).count("[secret]") == 2


def chunk(text: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


STREAM = {"content-type": "text/event-stream"}


@pytest.mark.usefixtures("in_environment")
def test_a_secret_split_over_two_pieces_of_a_stream_is_struck_out(folder: Path) -> None:
    whole = chunk(f"the key {CANARY}, again: {base64.b64encode(CANARY.encode()).decode()}")
    cut = whole.index(b"canary")
    answer = post(folder, Reply(headers=STREAM, pieces=(whole[:cut], whole[cut:], b"data: [DONE]\n\n")))
    assert CANARY in answer.text, "whoever asked gets what was answered"
    assert recorded(folder).count("[secret]") == 2


@pytest.mark.usefixtures("in_environment")
def test_a_secret_spread_over_many_events_is_struck_out(folder: Path) -> None:
    pieces = tuple(chunk(text) for text in ["the key ", CANARY[:5], CANARY[5:12], CANARY[12:] + ", so ", "it is"])
    post(folder, Reply(headers=STREAM, pieces=(*pieces, b"data: [DONE]\n\n")))
    held = json.loads(recorded(folder))["interactions"][0]["response"]["body"]
    texts = [line["data"]["choices"][0]["delta"]["content"] for line in held if isinstance(line, dict)]
    assert "".join(texts) == "the key [secret], so it is"
    assert len(texts) == 5


def test_a_secret_in_the_text_of_an_exception_is_struck_out(folder: Path) -> None:
    async def ask(url: str) -> None:
        async with LitellmClient("openai/tiny", api_base=url, api_key=CANARY, schemas=True, max_retries=0) as client:
            await client.complete(CompletionRequest((Message("user", f"I am {CANARY}"),)))

    refusal = refuses(400, f"the key {CANARY} says: maximum context length is 8 tokens", "context_length_exceeded")
    told = pytest.raises(ContextExceeded)
    with ModelServer(refusal) as server, use_cassettes(folder, "one", "record"), told as caught:
        asyncio.run(ask(server.url))
    assert CANARY not in str(caught.value)
    assert "[secret]" in recorded(folder)


@pytest.mark.usefixtures("in_environment")
def test_what_was_struck_out_is_answered_to_the_same_request(tmp_path: Path) -> None:
    post(tmp_path, FINE, content=f"my key is {CANARY}", path=f"/bot{QUOTED}")
    with use_cassettes(tmp_path):
        assert httpx.post(f"http://127.0.0.1:9/v1/bot{QUOTED}", content=f"my key is {CANARY}").json() == FINE.body


def test_an_answer_whose_compression_hides_secrets_is_not_kept(tmp_path: Path) -> None:
    hidden = Reply(body=b"\x1b\x03\x00", headers={"content-encoding": "zstd"})
    with pytest.raises(CassetteUnwritable, match="compressed by zstd"):
        post(tmp_path, hidden)
    assert list(tmp_path.iterdir()) == []


def test_what_would_hold_a_secret_after_all_is_not_written(tmp_path: Path) -> None:
    recording = Recording(cassette=1, made_with={"model": f"hosted?key={QUOTED}"})
    with pytest.raises(HoldsASecret, match=r"not written, as it would hold the secret 'KEY' \(escaped\)"):
        write(tmp_path / "one.json", recording, Redactor({"KEY": CANARY}))
    assert list(tmp_path.iterdir()) == []
