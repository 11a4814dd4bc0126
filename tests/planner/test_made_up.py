"""A host that stands in a workflow should stand in its request."""

from __future__ import annotations

import pytest

from planner.made_up import made_up
from planner.request import Request
from runtime.issues import JsonValue


def doubts(request: str, url: str, **inputs: str) -> list[str]:
    value: JsonValue = {"pipeline": [{"id": "a", "type": "shell", "params": {"command": f"curl -s '{url}' | wc"}}]}
    return [issue.message for issue in made_up(Request(request, inputs), value)]


def test_a_host_that_the_request_does_not_name_may_be_made_up() -> None:
    assert doubts("Book a table at Luigi's", "https://luigi.com/api") == [
        "the request does not name 'luigi.com', which a step asks"
    ]
    assert doubts("Fetch https://EXAMPLE.com/a", "https://example.com/b?x=1") == []
    assert doubts("Ask it", "http://example.com/", where="a page of example.com") == []
    assert doubts("Ask it", "${workflow.url}") == []


@pytest.mark.parametrize("url", ["http://[x", "https://", "http://[::1", "https://:80"])
def test_an_address_that_is_none_is_no_host(url: str) -> None:
    assert doubts("Ask it", url) == []
