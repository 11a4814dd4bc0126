"""The plugin as a user's own repository has it: marked tests record once, and replay without a model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module

import pytest

from tests.model_server import ModelServer, says

TEST = """
import pytest
from plait import plan_sync, run_sync

{mark}
def test_it_waits():
    planned = plan_sync("Wait a second.")
    assert planned.workflow["pipeline"][0]["type"] == "wait"
"""
ANSWER = json.dumps({"description": "one step", "pipeline": [{"id": "w", "type": "wait", "params": {"seconds": 1}}]})
ASKS_TWICE = """
import pytest
from plait import run_sync

STEP = {"type": "llm", "params": {"prompt": "a word"}}
TWICE = {"pipeline": [{"parallel": [{"id": "a", **STEP}, {"id": "b", **STEP}]}]}

@pytest.mark.plait(model="openai/tiny")
def test_each_gets_an_answer_of_its_own():
    outputs = run_sync(TWICE).outputs
    assert sorted(each["result"] for each in outputs.values()) == ["one", "two"]
"""


MARKED = '@pytest.mark.plait(model="openai/tiny")'


@dataclass(frozen=True)
class Repository:
    """A folder with tests, as somebody else has it, and a way to run them."""

    pytester: pytest.Pytester
    patch: pytest.MonkeyPatch

    def holds(self, source: str) -> Repository:
        self.pytester.makepyfile(test_mine=source)
        return self

    def tested(self, *options: str, server: ModelServer | None = None) -> pytest.RunResult:
        self.patch.setenv("OPENAI_API_BASE", server.url if server else "http://127.0.0.1:9/v1")
        self.patch.setenv("OPENAI_API_KEY", "no-key-at-all")
        return self.pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)

    def passes(self, *options: str, server: ModelServer | None = None) -> bool:
        return self.tested(*options, server=server).ret == 0

    @property
    def recordings(self) -> list[str]:
        return sorted(str(path.relative_to(self.pytester.path)) for path in self.pytester.path.rglob("*.json"))


@pytest.fixture(scope="module", autouse=True)
def imported_once() -> None:
    """What the test session of another imports is forgotten after it, and this one takes seconds."""
    import_module("litellm")


@pytest.fixture
def repository(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Repository:
    return Repository(pytester, monkeypatch).holds(TEST.format(mark=MARKED))


@pytest.fixture
def server() -> Iterator[ModelServer]:
    with ModelServer(says(ANSWER)) as running:
        yield running


def test_what_was_recorded_once_is_replayed_without_a_model(repository: Repository, server: ModelServer) -> None:
    assert repository.passes("--plait-record", server=server)
    assert repository.recordings == ["cassettes/test_mine/openai+tiny@shipped/test_it_waits.json"]
    assert repository.passes()
    assert len(server.asked) == 1


def test_recording_again_asks_for_nothing_that_is_there(repository: Repository, server: ModelServer) -> None:
    repository.tested("--plait-record", server=server)
    assert repository.passes("--plait-record")


def test_what_is_not_recorded_fails_and_says_what_to_do(repository: Repository) -> None:
    said = repository.tested().stdout
    said.fnmatch_lines(["*no recording answers POST*", "*pytest --plait-record asks the model*"])


def test_a_changed_request_is_a_miss_that_shows_the_difference(repository: Repository, server: ModelServer) -> None:
    repository.tested("--plait-record", server=server)
    repository.holds(TEST.format(mark=MARKED).replace("a second", "two seconds"))
    repository.tested().stdout.fnmatch_lines(["*+*Wait two seconds.*"])


def test_live_keeps_nothing(repository: Repository, server: ModelServer) -> None:
    assert repository.passes("--plait-live", server=server)
    assert repository.recordings == []


def test_cassettes_may_have_a_place_and_a_name_of_their_own(repository: Repository, server: ModelServer) -> None:
    repository.holds(TEST.format(mark='@pytest.mark.plait(cassette="waits", model="openai/tiny")'))
    repository.pytester.makeini("[pytest]\nplait_cassettes = kept\n")
    repository.tested("--plait-record", server=server)
    assert repository.recordings == ["kept/test_mine/openai+tiny@shipped/waits.json"]


def test_equal_calls_at_the_same_time_have_their_own_answers(repository: Repository) -> None:
    repository.holds(ASKS_TWICE)
    with ModelServer(says("one"), says("two")) as server:
        assert repository.passes("--plait-record", server=server)
    assert repository.passes()


def test_a_test_without_the_mark_is_left_alone(repository: Repository) -> None:
    repository.holds("import sys\n\ndef test_nothing():\n    assert 'evals' not in sys.modules\n")
    assert repository.pytester.runpytest_subprocess("-p", "no:cacheprovider").ret == 0


def test_a_misspelt_argument_of_the_mark_is_told(repository: Repository) -> None:
    repository.holds(TEST.format(mark='@pytest.mark.plait(casette="x")'))
    repository.tested().stdout.fnmatch_lines(["*takes cassette and model; found casette*"])


def test_to_record_and_to_keep_nothing_is_told_to_be_no_choice(repository: Repository) -> None:
    assert "give one of them" in str(repository.tested("--plait-record", "--plait-live").stderr)
