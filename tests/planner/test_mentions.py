"""What a request names outright, and whether a workflow holds it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from planner.mentions import MOST, left_out, mentioned
from planner.request import Request
from runtime.issues import JsonValue
from runtime.node_types import Registry


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Read notes.txt and save it in out/copy.md.", ["notes.txt", "out/copy.md"]),
        ("Fetch https://example.com/a.json, then look.", ["https://example.com/a.json"]),
        ("Mail a@example.org lines with 'error', \u201cbig trouble\u201d.", ["a@example.org", "error", "big trouble"]),
        ("Finde \u201eabc\u201c und «d e» in x", ["abc", "d e"]),
        ("Interest at 5% for 10, 20 and 30 years on $5,000,000.50", ["5", "10", "20", "30", "5,000,000.50"]),
        ("It's Ann's; on 2024-01-31 at 10:30, in v1.2.3, e.g. the 1st", []),
        ("Say 'total' with echo", []),
        ("Read a.txt twice: a.txt", ["a.txt"]),
        ("Summarise it.", []),
    ],
)
def test_files_urls_addresses_quoted_texts_and_numbers_are_named(
    text: str, names: list[str], registry: Registry
) -> None:
    assert mentioned(text, registry) == names


def test_a_request_that_names_a_great_many_things_is_data(registry: Registry) -> None:
    assert mentioned(" ".join(f"f{at}.txt" for at in range(MOST)), registry)
    assert mentioned(" ".join(f"f{at}.txt" for at in range(MOST + 1)), registry) == []


def missing(request: str, params: JsonValue, registry: Registry) -> list[str]:
    value: JsonValue = {
        "description": "all of it: b.txt",
        "pipeline": [{"parallel": [{"pipeline": [{"id": "b_txt", "type": "echo", "params": params}]}]}],
    }
    return [issue.message for issue in left_out(Request(request), value, registry)]


def test_what_no_step_holds_is_left_out_and_a_description_holds_nothing(registry: Registry) -> None:
    found = missing("join a.txt and b.txt", {"text": "cat A.TXT"}, registry)
    assert found == ["the request names 'b.txt', and no step does"]


def test_a_number_is_held_however_it_is_written(registry: Registry) -> None:
    assert missing("5% of 1,000 in 3 parts", {"text": [0.05, {"of": 1000.0}, "3rd"]}, registry) == []
    assert missing("for 10 years", {"text": 100}, registry) == ["the request names '10', and no step does"]


def test_left_out_is_a_warning(registry: Registry) -> None:
    (issue,) = left_out(Request("read a.txt"), {"pipeline": []}, registry)
    assert (issue.code, issue.severity) == ("left_out", "warning")


@given(st.text(max_size=300))
def test_no_text_is_too_strange(text: str) -> None:
    registry = Registry({})
    for name in mentioned(text, registry):
        assert name in text
    left_out(Request(text), {"pipeline": [text]}, registry)


def test_numbers_that_count_the_points_of_a_list_or_stand_in_a_unit_are_no_names(registry: Registry) -> None:
    text = "Do:\n 1. clone it\n 2.1 write 3 files\n 4) drop it at 9.81 m/s^2"
    assert mentioned(text, registry) == ["3", "9.81"]
