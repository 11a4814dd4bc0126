"""Port and adapter: what is started when, and what answers instead."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evals.cassettes import use_cassettes
from plait.wiring import EMBEDDED, Models, answering, completions_for, models
from planner.litellm_client import LitellmClient, asks_a_model
from runtime.completion import CassetteMiss, CompletionRequest, Message, ModelUnreachable, ScriptedClient
from tests.command_line import Call, Write, llm, pipeline
from tests.model_server import ModelServer, says

HELLO = CompletionRequest((Message("user", "hello"),))


def asked(chosen: Models, request: CompletionRequest = HELLO) -> str:
    async def ask() -> str:
        async with completions_for(chosen) as completions:
            return (await completions.complete(request)).text

    return asyncio.run(ask())


def test_nothing_is_started_for_who_asks_nothing() -> None:
    async def ask_nothing() -> None:
        async with completions_for(Models("local:/nowhere.gguf")):
            pass

    asyncio.run(ask_nothing())


def test_a_file_that_is_not_there_is_a_model_out_of_reach() -> None:
    with pytest.raises(ModelUnreachable, match=r"/nowhere\.gguf: the model is not there"):
        asked(Models("local:/nowhere.gguf"))


def test_a_given_client_answers_for_every_model() -> None:
    with answering(ScriptedClient(["mine"])):
        assert asked(Models("openai/other")) == "mine"


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """One answer of the embedded model to the prompt `hello`."""

    async def record(url: str) -> None:
        with use_cassettes(tmp_path / "kept", "hello", "record", only=asks_a_model):
            async with LitellmClient(f"openai/{EMBEDDED}", api_base=url, schemas=True, free=True) as client:
                await client.complete(HELLO)

    with ModelServer(says("recorded")) as server:
        asyncio.run(record(server.url))
    return tmp_path / "kept"


def test_recordings_answer_for_the_embedded_model_which_is_not_there(recordings: Path) -> None:
    assert asked(Models("local", recordings)) == "recorded"
    assert asked(Models(EMBEDDED, recordings)) == "recorded"


def test_what_was_not_recorded_is_a_miss(recordings: Path) -> None:
    with pytest.raises(CassetteMiss):
        asked(Models("local", recordings), CompletionRequest((Message("user", "goodbye"),)))


def test_a_hosted_model_needs_no_key_where_recordings_answer(recordings: Path) -> None:
    with pytest.raises(CassetteMiss):
        asked(Models("openai/some-model", recordings))


def test_a_run_is_answered_from_recordings(
    call: Call, write: Write, recordings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(pipeline(llm("ask", "hello")))
    ran = call("run", file, "--cassette", str(recordings))
    assert (ran.code, ran.out) == (0, "recorded\n")
    assert f"answered from the recordings in {recordings}" in ran.err
    monkeypatch.setenv("PLAIT_CASSETTES", str(recordings))
    assert call("run", file).out == "recorded\n"
    assert call("run", write(pipeline(llm("ask", "goodbye")))).code == 6


def test_planning_without_a_recording_is_a_miss(call: Call, recordings: Path) -> None:
    planned = call("plan", "say hello", "--cassette", str(recordings))
    assert (planned.code, planned.out) == (6, "")
    assert "no recording answers" in planned.err


def test_a_fallback_is_asked_where_the_model_cannot_answer(capsys: pytest.CaptureFixture[str]) -> None:
    with ModelServer(says("here I am")) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_BASE", server.url)
        patch.setenv("OPENAI_API_KEY", "no-key")
        assert asked(Models("local:/nowhere.gguf", fallbacks=("openai/tiny",))) == "here I am"
    assert "/nowhere.gguf: the model is not there" in capsys.readouterr().err


def test_what_is_asked_for_counts_before_what_the_environment_names() -> None:
    environ = {"PLAIT_FALLBACK": "a, b", "PLAIT_MODEL": "c"}
    assert models(environ=environ) == Models("c", fallbacks=("a", "b"))
    assert str(models(environ=environ, fallbacks=("d",))) == "c, then d"
