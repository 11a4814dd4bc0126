"""`plait convert`: one form to the other, on standard output."""

from __future__ import annotations

import pytest

from tests.command_line import SHELL_ONLY, Call, Document, Write, pipeline, value
from tests.language import fixture

AS_GRAPH: Document = {"nodes": [value("a", 1), value("b", "${a.result}")], "edges": [{"from": "a", "to": "b"}]}
AS_PIPELINE: Document = pipeline(value("a", 1), value("b", "${a.result}"))


@pytest.mark.parametrize(
    ("form", "document", "wanted"),
    [
        ("pipeline", AS_GRAPH, {"ir_version": "0.2.0", **AS_PIPELINE}),
        ("graph", AS_PIPELINE, {"ir_version": "0.1.0", **AS_GRAPH}),
        ("pipeline", AS_PIPELINE, {"ir_version": "0.2.0", **AS_PIPELINE}),
    ],
)
def test_a_workflow_is_printed_in_the_form_asked_for(
    call: Call, write: Write, form: str, document: Document, wanted: Document
) -> None:
    done = call("convert", write(document), "--to", form)
    assert (done.code, done.err, done.object) == (0, "", wanted)


def test_as_yaml_it_is_the_same_workflow(call: Call, write: Write) -> None:
    yaml = call("convert", write(SHELL_ONLY), "--to", "graph", "--yaml").out
    back = call("convert", "-", "--to", "pipeline", stdin=yaml)
    assert back.object["pipeline"] == SHELL_ONLY["pipeline"]


def test_what_the_form_cannot_say_is_refused_and_nothing_is_printed(call: Call, write: Write) -> None:
    done = call("convert", write(fixture("n_shape")), "--to", "pipeline")
    assert (done.code, done.out) == (2, "")
    assert "'d' waits for 'a' and 'b'" in done.err
    back = pipeline(value("a", 1) | {"next": {"default": "a"}})
    refused = call("convert", write(back), "--to", "graph")
    assert (refused.code, refused.out) == (2, "")
    assert "'a' goes back by 'default'" in refused.err


def test_an_invalid_document_is_not_converted(call: Call, write: Write) -> None:
    done = call("convert", write(pipeline(value("a", "${nobody.x}"))), "--to", "graph")
    assert (done.code, done.out) == (2, "")
    assert "there is no step or input 'nobody'" in done.err


def test_the_form_has_to_be_named(call: Call, write: Write) -> None:
    assert call("convert", write(SHELL_ONLY)).code == 2
    assert call("convert", write(SHELL_ONLY), "--to", "poem").code == 2
