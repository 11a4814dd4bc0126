"""One question where no workflow came of a request and somebody is there to answer."""

from __future__ import annotations

import json
from pathlib import Path

from tests.command_line import SHELL_ONLY, at_a_terminal, pipeline, shell
from tests.model_server import ModelServer, says

WRONG = json.dumps(pipeline(shell("a", "echo ${b.stdout}")))


def asked(folder: Path, answer: str, *answers: str) -> tuple[int, str, list[str]]:
    """The exit code, what a terminal showed, and the last message of each prompt."""
    with ModelServer(*(says(each) for each in answers)) as server:
        keys = {"OPENAI_API_BASE": server.url, "OPENAI_API_KEY": "no-key-at-all"}
        command = ("plan", "say both", "--model", "openai/tiny", "--max-attempts", "1")
        code, shown = at_a_terminal(folder, [answer], *command, **keys)
        return code, shown, [str(each.body["messages"][-1]["content"]) for each in server.asked]  # type: ignore[index,call-overload]


def test_the_answer_is_added_to_the_request(tmp_path: Path) -> None:
    code, shown, prompts = asked(tmp_path, "b is the number two", WRONG, json.dumps(SHELL_ONLY))
    assert code == 0
    assert shown.count("What should the model know?") == 1
    assert "there is no step or input 'b'" in shown
    assert prompts[-1].endswith("Request: say both\nb is the number two")


def test_no_answer_is_to_give_up(tmp_path: Path) -> None:
    code, _, prompts = asked(tmp_path, "", WRONG)
    assert (code, len(prompts)) == (5, 1)


def test_it_is_asked_only_once(tmp_path: Path) -> None:
    code, shown, prompts = asked(tmp_path, "more", WRONG, WRONG)
    assert (code, len(prompts)) == (5, 2)
    assert shown.count("What should the model know?") == 1
