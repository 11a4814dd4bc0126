"""From a model's text to a value: what is taken, what is repaired, what is refused."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.parsing import parse_answer

STEP = {"id": "a", "type": "echo", "params": {"text": "x"}}
WORKFLOW = {"pipeline": [STEP]}
TEXT = json.dumps(WORKFLOW)


def refusal(text: str) -> str:
    parsed = parse_answer(text)
    assert parsed.value is None
    return parsed.issues[0].message


def test_an_answer_that_is_json_is_taken_as_it_is() -> None:
    parsed = parse_answer(TEXT)
    assert (parsed.value, parsed.issues, parsed.notes) == (WORKFLOW, (), ())


@pytest.mark.parametrize(
    "text",
    [
        f"```json\n{TEXT}\n```",
        f"Sure, here's the workflow:\n\n```\n{TEXT}\n```\nIt runs {{a}} first.",
        f'I use "quotes, and {{ a brace.\n{TEXT}',
        f"<think>first {{}} then {json.dumps({'pipeline': []})}</think>{TEXT}",
    ],
    ids=["fence", "prose and fence", "stray quote and brace", "thoughts"],
)
def test_prose_and_fences_around_it_are_left_out(text: str) -> None:
    parsed = parse_answer(text)
    assert parsed.value == WORKFLOW
    assert parsed.notes == (() if text.startswith("```json") else ("left out the text around the JSON",))


def test_of_several_values_the_last_that_looks_like_a_workflow_is_taken() -> None:
    draft = json.dumps({"pipeline": []})
    parsed = parse_answer(f'{draft} no, better: {TEXT} which gives {{"result": 1}}')
    assert parsed.value == WORKFLOW
    assert "took the last of several JSON values" in parsed.notes


@pytest.mark.parametrize(
    "text",
    [
        TEXT.replace("}]}", "},]}"),
        TEXT.replace('"', "'"),
        TEXT.replace('"pipeline"', "pipeline"),
        TEXT.replace('"a", ', '"a" '),
        TEXT.replace('"x"}}]}', '"x"}]}'),
        TEXT.replace('"echo"', '"echo" /* says it */'),
        TEXT.replace('"x"', "True").replace("[{", "[ // first\n{"),
    ],
    ids=["trailing comma", "single quotes", "bare key", "no comma", "no brace", "comment", "python literal"],
)
def test_what_is_nearly_json_is_repaired_and_the_repair_is_noted(text: str) -> None:
    parsed = parse_answer(text)
    assert parsed.value == json.loads(TEXT.replace('"x"', "true") if "True" in text else TEXT)
    assert parsed.notes[-1].startswith("repaired the JSON: ")


@pytest.mark.parametrize("cut", range(2, len(TEXT)))
def test_an_answer_that_breaks_off_is_never_repaired(cut: int) -> None:
    assert refusal(TEXT[:cut]) == "the answer breaks off before its JSON is closed"


def test_an_answer_cut_at_its_length_limit_is_refused_even_if_it_is_json() -> None:
    assert parse_answer(TEXT, "length").issues[0].message == "the answer was cut off at its length limit"


def test_a_repair_that_would_lose_something_is_not_made() -> None:
    assert "the key 'pipeline' is there already" in refusal('{"pipeline": [], "pipeline": [1]}')
    assert refusal('{"pipeline": [1, 2 03]}')


@pytest.mark.parametrize("text", ["", " \n\t"])
def test_an_empty_answer_says_so(text: str) -> None:
    assert refusal(text) == "the answer is empty"


@pytest.mark.parametrize("text", ["I cannot do that.", "null", '"pipeline"', "42"])
def test_an_answer_without_an_object_says_so(text: str) -> None:
    assert refusal(text) == "there is no JSON object in the answer"


@pytest.mark.parametrize(
    "text", ["{" * 100_000, "[" * 300 + "]" * 300, '{"a":' * 200 + "1" + "}" * 200, "{x" * 2_000_000]
)
def test_hostile_nesting_and_size_are_refused(text: str) -> None:
    assert parse_answer(text).issues


@given(st.text() | st.text(alphabet='{}[]",:\\ntru01 `/*').map(lambda text: "{" + text + "}"))
def test_no_text_makes_it_raise(text: str) -> None:
    parsed = parse_answer(text)
    assert (parsed.value is None) == bool(parsed.issues)


def test_recorded_answers_of_many_models_never_make_it_raise(shared_data: Path) -> None:
    with gzip.open(shared_data / "model_outputs_dev.jsonl.gz", "rt", encoding="utf-8") as rows:
        texts = [json.loads(row)["workflow_text"] or "" for row in rows]
    for text in texts:
        parsed = parse_answer(text)
        assert (parsed.value is None) == bool(parsed.issues)
