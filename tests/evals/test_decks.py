"""Recordings in use at the same time: in tasks, in threads, by several clients, and by two recorders of one file."""

from __future__ import annotations

import asyncio
import contextvars
import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest

from evals.calls import call_id
from evals.cassettes import Mode, use_cassettes
from evals.decks import watching
from evals.recording_files import Edited, read
from runtime import CassetteMiss
from tests.model_server import Asked, ModelServer, Reply

GONE = "http://127.0.0.1:9/v1"
CASES = [f"case-{number}" for number in range(6)]


def echo(asked: Asked) -> Reply:
    return Reply(body={"to": asked.body["text"]})


def ask_sync(url: str, text: str) -> str:
    answer = httpx.post(f"{url}/x", json={"text": text})
    return str(answer.json()["to"])


async def ask_async(url: str, text: str) -> str:
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{url}/x", json={"text": text})
        return str(answer.json()["to"])


def of_case(url: str, case: str) -> str:
    return f"{case} by {url}"


async def case_in_a_task(folder: Path, url: str, case: str, mode: Mode, turns: asyncio.Barrier) -> list[str]:
    with use_cassettes(folder, case, mode):
        await turns.wait()
        first = await ask_async(url, "the same")
        other = await asyncio.to_thread(ask_sync, url, f"of {case}")
        await turns.wait()
        return [first, other]


def in_tasks(folder: Path, urls: Sequence[str], mode: Mode) -> list[list[str]]:
    async def all_of_them() -> list[list[str]]:
        turns = asyncio.Barrier(len(CASES))
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(case_in_a_task(folder, url, case, mode, turns))
                for url, case in zip(urls, CASES, strict=True)
            ]
        return [task.result() for task in tasks]

    return asyncio.run(all_of_them())


def in_threads(folder: Path, urls: Sequence[str], mode: Mode) -> list[list[str]]:
    turns, answers = threading.Barrier(len(CASES)), dict[str, list[str]]()

    def one(case: str, url: str) -> None:
        with use_cassettes(folder, case, mode):
            turns.wait()
            answers[case] = [ask_sync(url, "the same"), asyncio.run(ask_async(url, f"of {case}"))]
            turns.wait()

    threads = [threading.Thread(target=one, args=each) for each in zip(CASES, urls, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [answers[case] for case in CASES]


Way = Callable[[Path, Sequence[str], Mode], list[list[str]]]


@pytest.mark.parametrize("recorded", [in_tasks, in_threads])
@pytest.mark.parametrize("replayed", [in_tasks, in_threads])
def test_cases_side_by_side_have_their_own_answers(tmp_path: Path, recorded: Way, replayed: Way) -> None:
    servers = [ModelServer(answer=named(case)) for case in CASES]
    for server in servers:
        server.__enter__()
    expected = [[f"the same, {case}", f"of {case}, {case}"] for case in CASES]
    try:
        assert recorded(tmp_path, [server.url for server in servers], "record") == expected
    finally:
        for server in servers:
            server.__exit__(None, None, None)
    assert replayed(tmp_path, [GONE] * len(CASES), "replay") == expected
    assert sorted(path.stem for path in tmp_path.iterdir()) == CASES


def named(case: str) -> Callable[[Asked], Reply]:
    return lambda asked: Reply(body={"to": f"{asked.body['text']}, {case}"})


def test_two_recorders_of_one_file_lose_nothing_of_each_other(tmp_path: Path) -> None:
    async def record(url: str, texts: Sequence[str], turns: asyncio.Barrier) -> None:
        with use_cassettes(tmp_path, "one", "record"):
            await turns.wait()
            for text in texts:
                await ask_async(url, text)

    async def both(url: str) -> None:
        turns = asyncio.Barrier(2)
        async with asyncio.TaskGroup() as group:
            for start in (0, 10):
                group.create_task(record(url, [f"text {at}" for at in range(start, start + 10)], turns))

    with ModelServer(answer=echo) as server:
        asyncio.run(both(server.url))
    assert len(read(tmp_path / "one.json").interactions) == 20
    with use_cassettes(tmp_path):
        assert [ask_sync(GONE, f"text {at}") for at in range(20)] == [f"text {at}" for at in range(20)]


def test_a_thread_of_its_own_among_several_cassettes_is_told_that_it_belongs_to_none(tmp_path: Path) -> None:
    told: list[str] = []

    def reach_out() -> None:
        try:
            httpx.get(GONE)
        except CassetteMiss as error:
            told.append(str(error))

    with use_cassettes(tmp_path), use_cassettes(tmp_path):
        thread = threading.Thread(target=reach_out)
        thread.start()
        thread.join()
    assert ["belongs to none of them" in each for each in told] == [True]


def test_a_thread_that_takes_its_context_along_has_the_cassette_of_its_task(tmp_path: Path) -> None:
    with ModelServer(answer=echo) as server, use_cassettes(tmp_path, "one", "record"):
        ask_sync(server.url, "hello")
    answers: list[str] = []
    with use_cassettes(tmp_path), use_cassettes(tmp_path, "one"):
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=[lambda: answers.append(ask_sync(GONE, "hello"))])
        thread.start()
        thread.join()
    assert answers == ["hello"]


@pytest.mark.parametrize("order", [(1, 2, 3), (3, 2, 1), (2, 3, 1)])
def test_identical_requests_are_found_by_their_call_wherever_they_stand(tmp_path: Path, order: Sequence[int]) -> None:
    replies = [Reply(body={"to": str(number)}) for number in (1, 2, 3)]
    with ModelServer(*replies) as server, use_cassettes(tmp_path, "one", "record"):
        for number in (1, 2, 3):
            with call_id(f"case/1/{number}"):
                ask_sync(server.url, "the same")
    with use_cassettes(tmp_path):
        for number in order:
            with call_id(f"case/1/{number}"):
                assert ask_sync(GONE, "the same") == str(number)
        with pytest.raises(CassetteMiss, match="all that fits has been given already"):
            ask_sync(GONE, "the same")


def test_a_request_without_a_call_takes_what_is_left_in_recorded_order(tmp_path: Path) -> None:
    replies = [Reply(body={"to": str(number)}) for number in (1, 2, 3)]
    with ModelServer(*replies) as server, use_cassettes(tmp_path, "one", "record"):
        for number in (1, 2, 3):
            with call_id(f"case/1/{number}"):
                ask_sync(server.url, "the same")
    with use_cassettes(tmp_path):
        with call_id("case/1/1"):
            assert ask_sync(GONE, "the same") == "1"
        assert [ask_sync(GONE, "the same") for _ in range(2)] == ["2", "3"]


def test_what_has_answered_is_told(tmp_path: Path) -> None:
    with ModelServer(answer=echo) as server, use_cassettes(tmp_path, "one", "record"):
        for text in ("a", "b", "c"):
            ask_sync(server.url, text)
    with watching() as watched, use_cassettes(tmp_path):
        ask_sync(GONE, "c")
        ask_sync(GONE, "a")
    assert sorted(watched.uses) == [(tmp_path / "one.json", 0), (tmp_path / "one.json", 2)]


def test_a_file_that_was_edited_by_hand_is_refused_with_the_place(tmp_path: Path) -> None:
    with ModelServer(answer=echo) as server, use_cassettes(tmp_path, "one", "record"):
        ask_sync(server.url, "a")
        ask_sync(server.url, "b")
    path = tmp_path / "one.json"
    held = json.loads(path.read_text())
    held["interactions"][1]["response"]["body"]["to"] = "what I would rather have"
    path.write_text(json.dumps(held))
    for mode in ("replay", "record"):
        with (
            pytest.raises(Edited, match=r"one\.json: edited by hand: /interactions/1 is not what was recorded"),
            use_cassettes(tmp_path, "one", mode),
        ):
            pass


def test_a_recording_of_another_model_does_not_answer_and_makes_room_for_the_new(tmp_path: Path) -> None:
    def record(model: str, prompt: str, *texts: str) -> int:
        made_with = {"model": model, "prompt": prompt}
        with ModelServer(answer=echo) as server, use_cassettes(tmp_path, "one", "record", made_with=made_with):
            for text in texts:
                ask_sync(server.url, text)
        return len(server.asked)

    assert record("small", "v1", "a", "b") == 2
    assert record("small", "v2", "a", "c") == 1, "what the request shows needs no new answer"
    assert read(tmp_path / "one.json").made_with == {"model": "small", "prompt": "v2"}
    assert len(read(tmp_path / "one.json").interactions) == 3
    assert record("large", "v2", "a") == 1
    assert len(read(tmp_path / "one.json").interactions) == 1


def test_what_still_answers_is_marked_as_made_with_what_there_is_now(tmp_path: Path) -> None:
    for prompt in ("v1", "v2"):
        made_with = {"prompt": prompt}
        with ModelServer(answer=echo) as server, use_cassettes(tmp_path, "one", "record", made_with=made_with):
            ask_sync(server.url, "a")
        assert read(tmp_path / "one.json").made_with == made_with
    with use_cassettes(tmp_path, "one", "record", made_with={"prompt": "v3"}):
        pass
    assert read(tmp_path / "one.json").made_with == {"prompt": "v2"}, "nobody asked, so nothing is known"
