"""What cannot be planned is refused before any model is asked."""

from __future__ import annotations

import pytest

from planner.errors import InvalidRequest
from planner.request import read_request


def test_a_request_keeps_its_text_without_blank_ends() -> None:
    assert read_request("  lis les données\n").text == "lis les données"


@pytest.mark.parametrize(
    ("text", "inputs", "message"),
    [
        ("", {}, "the request is empty; say in a sentence what should be done"),
        (" \n ", {}, "the request is empty; say in a sentence what should be done"),
        ("x" * 200_000, {}, "the request has 200,000 characters, more than 32,000; put the data into a file"),
        ("a\ud800b", {}, "the request holds bytes that are no text; write it in UTF-8"),
        ("x", {"my name": ""}, "'my name' is no legal name of an input; use letters"),
    ],
)
def test_a_request_that_cannot_be_planned_is_refused_in_one_sentence(
    text: str, inputs: dict[str, str], message: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        read_request(text, inputs)
    assert str(refused.value).startswith(message)
    assert refused.value.exit_code == 2
