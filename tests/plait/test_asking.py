"""Missing inputs are asked for where somebody can answer, and nowhere else."""

from __future__ import annotations

from pathlib import Path

from tests.command_line import Call, Write, at_a_terminal, pipeline, value

ASKS = pipeline(
    value("all", "${name}|${count}|${size}|${given}"),
    inputs={
        "name": {"description": "whom to greet"},
        "count": {"type": "integer"},
        "size": {"enum": ["small", "large"]},
        "given": {"default": "as it is"},
    },
)


def test_each_missing_input_is_asked_for_with_what_is_known_of_it(tmp_path: Path, write: Write) -> None:
    code, shown = at_a_terminal(tmp_path, ["you", "3", "large"], "run", write(ASKS))
    assert code == 0
    assert "name (string; whom to greet): " in shown
    assert "count (integer): " in shown
    assert "size (string; one of 'small', 'large'): " in shown
    assert "given (" not in shown
    assert "you|3|large|as it is" in shown


def test_what_does_not_fit_is_asked_for_again(tmp_path: Path, write: Write) -> None:
    answers = ["three", "3", "huge", "small"]
    code, shown = at_a_terminal(tmp_path, answers, "run", write(ASKS), "--input", "name=me")
    assert code == 0
    assert "found 'three'; must be of the type integer" in shown
    assert "found 'huge'; one of 'small', 'large'" in shown
    assert "me|3|small|as it is" in shown


def test_a_text_may_be_empty(tmp_path: Path, write: Write) -> None:
    _, shown = at_a_terminal(tmp_path, ["", "3", "small"], "run", write(ASKS))
    assert "|3|small|as it is" in shown


def test_nobody_is_asked_with_json(tmp_path: Path, write: Write) -> None:
    code, shown = at_a_terminal(tmp_path, [], "run", write(ASKS), "--json")
    assert code == 2
    assert "missing_input" in shown


def test_nobody_is_asked_for_more_where_something_else_is_wrong(tmp_path: Path, write: Write) -> None:
    code, shown = at_a_terminal(tmp_path, [], "run", write(ASKS), "--input", "nam=me")
    assert code == 2
    assert "did you mean 'name'?" in shown


def test_nobody_is_asked_without_a_terminal(call: Call, write: Write) -> None:
    ran = call("run", write(ASKS), stdin="you\n3\nlarge\n")
    assert (ran.code, ran.out) == (2, "")
    assert "the input 'name' (whom to greet) is required and was not given" in ran.err


def test_an_end_of_the_answers_is_an_interruption(tmp_path: Path, write: Write) -> None:
    code, shown = at_a_terminal(tmp_path, ["\x04"], "run", write(ASKS))
    assert code == 130
    assert "interrupted" in shown
