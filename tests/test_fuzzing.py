"""Whatever a document, a reference, a condition or a command is: a value or issues, no traceback, and soon.

Short here; the slow ones run long, and in a process of their own that is watched: 2 s and 256 MiB a document.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plait.display import issue_line
from runtime.checks import Examination
from runtime.document_yaml import write_yaml
from runtime.expression_tokens import BrokenExpression
from runtime.expressions import WrongType, parse_expression
from runtime.issues import InvalidWorkflow, JsonValue
from runtime.node_types import installed_types
from runtime.references import BrokenReference, MissingValue, compile_value, parse_template
from runtime.running import examine_document
from runtime.shape import MAX_ISSUES
from runtime.shell_words import rewrite_command
from runtime.surface import to_graph_form, to_pipeline

ROOT = Path(__file__).resolve().parents[1]
TYPES = installed_types()
SHORT, LONG = settings(max_examples=60), settings(max_examples=5_000)
SECONDS, MEBIBYTES = 2.0, 256

KEYS = (
    *("pipeline", "parallel", "nodes", "edges", "blocks", "start_node", "ir_version", "name", "inputs", "outputs"),
    *("settings", "id", "type", "params", "next", "batch", "items", "as", "retry", "undo", "timeout", "pool", "from"),
    *("to", "action", "on_error", "max_concurrent", "command", "value", "cases", "when", "default", "enum", "source"),
)
WORDS = (
    *("a", "b", "shell", "transform", "decide", "llm", "0.2.0", "0.1.0", "continue", "rollback", "default", "error"),
    *(
        "${a.result}",
        "${b}",
        "${workflow.x}",
        "${item}",
        "${a.result ?? 1}",
        "$${a}",
        "${",
        "${a.}",
        "echo '${a.stdout}'",
    ),
    *("${secret.KEY}", "a\x00b", "\U0001f600", "é", "<<", "*x", "!!python/object:os.system", "__proto__", "1e999"),
)
words = st.sampled_from(WORDS) | st.text(max_size=5)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | words
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | words, inner, max_size=5),
    max_leaves=25,
)
names = st.sampled_from("abcd")
steps = st.fixed_dictionaries(
    {"id": names, "type": st.sampled_from(["shell", "transform", "decide", "llm", "wait", "code"]), "params": values},
    optional={"next": values, "batch": values, "undo": values, "retry": values, "timeout": scalars},
)
entries = st.recursive(
    steps, lambda inner: st.fixed_dictionaries({"parallel": st.lists(inner, max_size=3)}) | inner, max_leaves=6
)
pipelines = st.fixed_dictionaries(
    {"pipeline": st.lists(entries, max_size=4)}, optional={"inputs": values, "outputs": values, "settings": values}
)
graphs = st.fixed_dictionaries(
    {
        "nodes": st.lists(steps, max_size=4),
        "edges": st.lists(st.fixed_dictionaries({"from": names, "to": names}, optional={"action": words}), max_size=6),
    },
    optional={"blocks": values, "start_node": scalars},
)
documents = pipelines | graphs | st.dictionaries(st.sampled_from(KEYS), values, max_size=5) | values
around = st.text(alphabet="${}.[]\"'`\\ab ??|&;()<>#\n0", max_size=40)


def examined(data: bytes, name: str | None) -> Examination:
    """A document examined; its issues can be printed, and a valid one is written in both forms."""
    found = examine_document(data, name, TYPES)
    assert found.valid or found.issues
    for issue in found.issues:
        json.dumps(issue.to_json())
        assert issue_line(issue, name).encode("utf-8")
    if found.valid and found.graph is not None:
        for write in (to_pipeline, to_graph_form):
            with suppress(InvalidWorkflow):  # the other form has no words for all of it
                write(found.graph)
    return found


def every_way(value: JsonValue) -> None:
    """As JSON, and as YAML where it can be written so: the same is found."""
    found = examined(json.dumps(value).encode(), "a.json")
    try:
        text = write_yaml(value)
    except (InvalidWorkflow, ValueError):
        return
    again = examined(text.encode("utf-8", "replace"), "a.yaml")
    assert found.valid == again.valid or "\ufffd" in text


class Everything(dict[str, JsonValue]):
    """A scope that knows every name."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __missing__(self, name: str) -> JsonValue:
        return {"result": self._text}


def any_template(text: str) -> None:
    if any(isinstance(part, BrokenReference) for part in parse_template(text)):
        return  # an issue says so, and nothing of the kind is compiled
    resolve = compile_value({"x": [text]})
    if resolve is not None:
        with suppress(MissingValue):
            resolve(Everything(text))


def any_condition(text: str) -> None:
    with suppress(BrokenExpression, WrongType):
        expression = parse_expression(text)
        expression.evaluate([text] * len(expression.references))


def any_command(parts: list[str]) -> None:
    rewrite_command([part if at % 2 == 0 else ("reference", part) for at, part in enumerate(parts)])


@SHORT
@given(documents)
def test_any_document_gives_issues_or_a_workflow(value: JsonValue) -> None:
    every_way(value)


@SHORT
@given(st.binary(max_size=200), st.sampled_from(["a.json", "a.yaml", None]))
def test_any_bytes_give_issues(data: bytes, name: str | None) -> None:
    examined(data, name)


@SHORT
@given(around)
def test_any_text_is_a_template_or_says_what_is_wrong(text: str) -> None:
    any_template(text)


@SHORT
@given(around)
def test_any_text_is_a_condition_or_says_what_is_wrong(text: str) -> None:
    any_condition(text)


@SHORT
@given(st.lists(around, max_size=5))
def test_any_command_with_references_is_rewritten_or_says_why_not(parts: list[str]) -> None:
    any_command(parts)


@pytest.mark.slow
@LONG
@given(documents)
def test_very_many_documents_give_issues_or_a_workflow(value: JsonValue) -> None:
    every_way(value)


@pytest.mark.slow
@LONG
@given(around, st.lists(around, max_size=5), st.binary(max_size=400), st.sampled_from(["a.json", "a.yaml", None]))
def test_very_many_texts_end_in_a_value_or_in_words(text: str, parts: list[str], data: bytes, name: str | None) -> None:
    any_template(text)
    any_condition(text)
    any_command(parts)
    examined(data, name)


# --- time and memory, of the worst documents that we know


def filled(opening: str, each: str, closing: str) -> str:
    """A document of just under a mebibyte."""
    return opening + each * ((2**20 - len(opening) - len(closing)) // len(each)) + closing


def numbered(step: str, count: int) -> str:
    return f'{{"pipeline": [{",".join(step.format(n) for n in range(count))}]}}'


WORST = {
    "empty-steps.json": filled('{"pipeline": [', "{},", "{}]}"),
    "empty-edges.json": filled('{"nodes": [], "edges": [', "{},", "{}]}"),
    "steps.json": numbered('{{"id":"s{0}","type":"wait"}}', 29_000),
    "unknown-types.json": numbered('{{"id":"s{0}","type":"wat{0}"}}', 25_000),
    "unknown-keys.json": numbered('{{"k{0}":1}}', 25_000),
    "one-object.json": json.dumps({f"k{n}": 1 for n in range(80_000)}),
    "tiny-objects.json": filled(
        '{"pipeline": [{"id": "a", "type": "transform", "params": {"value": [', "{},", "{}]}}]}"
    ),
    "tiny-objects.yaml": filled("pipeline: [", "{},", "{}]"),
    "references.json": filled(
        '{"pipeline": [{"id": "a", "type": "transform", "params": {"value": "', "${b.c}", '"}}]}'
    ),
    "braces.json": filled('{"pipeline": [{"id": "a", "type": "transform", "params": {"value": "', "${a", '"}}]}'),
    "command.json": filled('{"pipeline": [{"id": "a", "type": "shell", "params": {"command": "', "'$(`", '"}}]}'),
    "condition.json": filled(
        '{"pipeline": [{"id": "a", "type": "decide", "params": {"cases": [{"action": "x", "when": "', "(!", '"}]}}]}'
    ),
    "deep.json": "[" * 2**20,
    "deep.yaml": "[" * 2**20,
    "dashes.yaml": filled("", "- ", ""),
    "aliases.yaml": filled("a: &x [1]\n", "b: *x\n", ""),
    "quotes.json": filled('{"a": "', "\\u0000", '"}'),
    "complete-graph.json": json.dumps(
        {
            "nodes": [{"id": f"s{n}", "type": "wait", "params": {"seconds": 1}} for n in range(180)],
            "edges": [{"from": f"s{a}", "to": f"s{b}"} for a in range(180) for b in range(a + 1, 180)],
        }
    ),
}
CHILD = """
import json, sys, time
from runtime.node_types import installed_types
from runtime.running import examine_document
types = installed_types()
for name in types:
    types[name]
data = open(sys.argv[1], "rb").read()
began = time.process_time()
issues = len(examine_document(data, sys.argv[1], types).issues)
took = time.process_time() - began
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps([issues, took, int(status["VmHWM"].split()[0]) / 1024]))
"""


def measured(path: Path) -> tuple[int, float, float]:
    """Of a document its issues, seconds of processor time, and the most MiB of the process, Python's own with them.

    The memory is the kernel's `VmHWM`, which starts anew with the program; `ru_maxrss` keeps what the test process had.
    """
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30)),
    )
    assert (done.returncode, done.stderr) == (0, "")
    issues, seconds, mebibytes = json.loads(done.stdout)
    return issues, seconds, mebibytes


@pytest.mark.slow
@pytest.mark.parametrize("name", WORST)
def test_the_worst_documents_take_two_seconds_and_256_mebibytes_at_most(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(WORST[name], encoding="utf-8")
    issues, seconds, mebibytes = measured(tmp_path / name)
    assert issues <= 3 * MAX_ISSUES
    assert seconds <= SECONDS
    assert mebibytes <= MEBIBYTES
