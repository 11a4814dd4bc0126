"""Workflows kept by name: `plait plan --save`, `plait run NAME`, `plait list`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from plait.library import is_name, place_of
from plait.wiring import answering
from runtime.completion import ScriptedClient
from tests.command_line import Call, Called, pipeline, value

REPORT = json.dumps({"description": "A report.", **pipeline(value("a", "done"))})


@pytest.fixture(autouse=True)
def own_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PLAIT_LIBRARY", str(tmp_path / "library"))
    return tmp_path / "library"


def saved(call: Call, name: str, *options: str, answer: str = REPORT) -> Called:
    with answering(ScriptedClient([answer])):
        return call("plan", "write a report", "--save", name, *options)


def test_a_kept_workflow_runs_by_its_name(call: Call) -> None:
    assert saved(call, "report").code == 0
    done = call("run", "report")
    assert (done.code, done.out) == (0, "done\n")


def test_it_is_validated_and_drawn_by_its_name_too(call: Call) -> None:
    saved(call, "report")
    assert call("validate", "report").out == "report: valid\n"
    assert "a  transform" in call("graph", "report").out


def test_a_file_of_that_name_comes_first(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved(call, "report")
    monkeypatch.chdir(tmp_path)
    Path("report").write_text(json.dumps(pipeline(value("a", "from the file"))), encoding="utf-8")
    assert call("run", "report").out == "from the file\n"


def test_the_list_says_what_each_is(call: Call) -> None:
    saved(call, "report")
    listed = call("list", "--json").json
    assert isinstance(listed, list)
    [only] = listed
    assert isinstance(only, dict)
    assert (only["name"], only["description"], only["steps"], only["inputs"]) == ("report", "A report.", 1, [])
    assert "A report." in call("list").out


def test_a_workflow_that_is_no_longer_valid_is_listed_as_such(call: Call) -> None:
    saved(call, "report")
    place_of("report").write_text('{"pipeline": []', encoding="utf-8")
    assert "not valid" in call("list").out


def test_an_empty_library_says_how_to_fill_it(call: Call) -> None:
    done = call("list")
    assert (done.code, done.out) == (0, "")
    assert "--save" in done.err


def test_a_name_that_is_taken_is_kept_unless_it_is_to_be_replaced(call: Call) -> None:
    saved(call, "report")
    again = saved(call, "report")
    assert again.code == 2
    assert "'report' is kept already; --replace takes its place" in again.err
    assert saved(call, "report", "--replace", answer=json.dumps(pipeline(value("a", "new")))).code == 0
    assert call("run", "report").out == "new\n"


@pytest.mark.parametrize("name", ["../evil", "a/b", "", ".hidden", "a.json", "x" * 65, "a b"])
def test_what_is_no_name_is_refused_before_a_model_is_asked(call: Call, name: str) -> None:
    client = ScriptedClient([REPORT])
    with answering(client):
        done = call("plan", "write a report", "--save", name)
    assert done.code == 2
    assert "is no name to keep a workflow under" in done.err
    assert not client.requests
    assert not is_name(name)


def test_a_misspelt_name_is_told_the_nearest(call: Call) -> None:
    saved(call, "report")
    done = call("run", "raport")
    assert done.code == 2
    assert "did you mean 'report'?" in done.err


def test_save_and_output_go_together(call: Call, tmp_path: Path) -> None:
    assert saved(call, "report", "-o", str(tmp_path / "copy.json")).code == 0
    assert (tmp_path / "copy.json").read_text(encoding="utf-8") == place_of("report").read_text(encoding="utf-8")
