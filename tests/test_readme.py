"""The README does what it says: its commands and programs run here, every model call answered from recordings."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from plait.__main__ import main as plait
from plait.commands import demo

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def blocks(kind: str) -> list[str]:
    return [text for found, text in BLOCKS if found == kind]


def commands() -> list[str]:
    return [line[2:] for text in blocks("console") for line in text.splitlines() if line.startswith("$ ")]


def told(text: str) -> set[str]:
    """The lines of an output less what no two runs share: seconds, speed-ups, and the order of what ends together."""
    return {re.sub(r"\d+\.\d+", "#", line).rstrip() for line in text.splitlines() if line.strip()}


@pytest.fixture(autouse=True)
def recordings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLAIT_CASSETTES", str(ROOT / "evals" / "cassettes" / "readme"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.txt").write_text(demo.NOTES, encoding="utf-8")
    (tmp_path / "words.json").write_text(blocks("json")[1], encoding="utf-8")


def test_make_run_prints_what_the_first_screen_shows(capfd: pytest.CaptureFixture[str]) -> None:
    assert demo.main([]) == 0
    out, err = capfd.readouterr()
    assert told(blocks("text")[0]) <= told(out + "\n" + err)


def test_the_request_on_the_first_screen_is_the_one_that_is_made() -> None:
    quoted = " ".join(line[2:] for line in README.splitlines() if line.startswith("> "))
    assert quoted == demo.REQUEST


def test_the_workflow_on_the_first_screen_is_the_one_it_became(capfd: pytest.CaptureFixture[str]) -> None:
    url = "--input=url=http://127.0.0.1/"
    assert plait(["plan", demo.REQUEST, url, "--json"]) == 0
    accepted, shown = capfd.readouterr().out, blocks("json")[0]
    assert [*re.findall(r'"(?:id|type)": "\w+"', shown)] == [*re.findall(r'"(?:id|type)": "(?!string)\w+"', accepted)]


def test_its_commands_run_in_the_order_in_which_they_stand() -> None:
    for command in commands():
        program, *arguments = shlex.split(command)
        if program == "plait":
            reaches_out = "network:example.com" in arguments
            assert plait([*arguments, *(["--dry-run"] if reaches_out else [])]) == 0, command


def test_the_workflow_of_ones_own_prints_what_is_shown(capfd: pytest.CaptureFixture[str]) -> None:
    (shown,) = (text for text in blocks("console") if "words.json" in text)
    command, _, output = shown.partition("\n")
    assert plait(shlex.split(command.removeprefix("$ plait "))) == 0
    out, err = capfd.readouterr()
    assert told(out + "\n" + err) == told(output)


@pytest.mark.parametrize("program", blocks("python"), ids=["plan and run", "a node type"])
def test_its_programs_run(program: str, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(program.replace("from __future__", ""), "README.md", "exec"), {"__name__": "readme"})
    said = capsys.readouterr().out
    assert said.startswith("succeeded") or said == blocks("text")[1]


def test_every_page_it_points_to_is_there() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
