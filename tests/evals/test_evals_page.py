"""docs/evals.md says what the code does: its suite and its row are read, its table of scorers compared."""

from __future__ import annotations

import re
from pathlib import Path

from evals.dataset import Case
from evals.scorers import installed_scorers, score
from evals.subject import Scorer, Subject
from evals.suite_files import load_suite
from runtime import RunRecord

PAGE = (Path(__file__).parents[2] / "docs" / "evals.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
GREETING = """
outputs: {text: "${greet.result}"}
pipeline:
  - {id: names, type: read_file, params: {path: names.txt}}
  - {id: greet, type: llm, params: {prompt: "Greet ${names.content} and ${workflow.name}"}}
inputs: {name: {type: string}}
"""


def block(kind: str, words: str) -> str:
    [found] = [text for each, text in BLOCK.findall(PAGE) if each == kind and words in text]
    return str(found)


def test_the_suite_on_the_page_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "greeting.yaml").write_text(GREETING)
    (tmp_path / "mine.yaml").write_text(block("yaml", "name: mine"))
    assert [case.id for case in load_suite(tmp_path / "mine.yaml").cases] == ["prices", "greeting"]


def test_the_row_on_the_page_can_be_read(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text(" ".join(block("json", '"tools"').split()))
    (case,) = load_suite(tmp_path / "rows.jsonl").cases
    assert [(tool.name, tool.returns, tool.writes) for tool in case.tools] == [
        ("Buses_Find", ("time",), ()),
        ("Buses_Book", (), ("bookings",)),
    ]


def test_the_table_of_scorers_is_the_scorers() -> None:
    section = PAGE.partition("\n## Scorers\n")[2].partition("\nYour own scorers")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(installed_scorers())


def test_the_scorer_on_the_page_scores() -> None:
    made: dict[str, Scorer] = {}
    exec(block("python", "def polite"), made)
    case = Case(id="a", request="Do it.")
    rude = Subject(True, run=RunRecord("r", "w", "succeeded", {"letter": "Go away."}))
    assert score(case, rude, {"polite": made["polite"]}) == ({"polite": False}, {"polite": "there is no please in it"})
    assert score(case, Subject(True), {"polite": made["polite"]}).scores == {}
