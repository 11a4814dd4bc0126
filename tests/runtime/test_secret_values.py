"""Secrets: usable in params, and in nothing that is shown or kept."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest

from runtime import InvalidWorkflow, JsonValue, NodeFailed, Refused, RunRecord, installed_types, node_type
from runtime.executor import Surroundings
from runtime.grants import Grants
from runtime.record import Fact
from runtime.running import prepare, run

CANARY = "s3cr3t/of the+Canary=="
SECRETS = {"TOKEN": CANARY}


@node_type("echo")
def echo(value: str) -> str:
    """Says what it was given."""
    return value


@node_type("quote")
def quoted(value: str) -> dict[str, str]:
    """Says it in other spellings."""
    return {"base64": b64encode(value.encode()).decode(), "url": quote(value, safe=""), "in": f"a {value} b"}


@node_type("shouts")
def shouts(value: str) -> str:
    """Fails, and tells what it was given."""
    raise NodeFailed("odd", f"cannot use {value}", {"used": value})


REGISTRY = installed_types().with_types(echo, quoted, shouts)


def step(kind: str, value: JsonValue = "${secret.TOKEN}", name: str = "a") -> dict[str, JsonValue]:
    return {"id": name, "type": kind, "params": {"value": value}}


def ran(*steps: dict[str, JsonValue], facts: list[Fact] | None = None, **keys: JsonValue) -> RunRecord:
    return asyncio.run(
        run(
            {"pipeline": list(steps), **keys},
            registry=REGISTRY,
            allow=["env:TOKEN"],
            secrets=SECRETS.get,
            on_fact=(facts if facts is not None else []).append,
        )
    )


def test_a_step_receives_the_secret_itself() -> None:
    seen: list[str] = []

    @node_type("spy")
    def spy(value: str) -> None:
        seen.append(value)

    workflow: dict[str, JsonValue] = {"pipeline": [step("spy", "Bearer ${secret.TOKEN}")]}
    registry = REGISTRY.with_types(spy)
    asyncio.run(run(workflow, registry=registry, allow=["env:TOKEN"], secrets=SECRETS.get))
    assert seen == [f"Bearer {CANARY}"]


def test_what_a_step_passes_on_reaches_the_next_and_not_the_record() -> None:
    record = ran(step("echo"), step("quote", "${a.result}", "b"))
    told = json.dumps(record.to_json())
    assert CANARY not in told
    assert b64encode(CANARY.encode()).decode() not in told
    assert quote(CANARY, safe="") not in told
    assert record.nodes["a"].outputs == {"result": "[secret]"}
    assert (record.nodes["b"].outputs or {})["result"]["in"] == "a [secret] b"


def test_the_facts_are_told_without_it() -> None:
    facts: list[Fact] = []
    record = ran(step("echo"), facts=facts)
    assert CANARY not in str(facts)
    assert CANARY not in str(record.facts)
    assert "[secret]" in str(facts)


def test_a_failure_is_told_without_it() -> None:
    facts: list[Fact] = []
    record = ran(step("shouts"), facts=facts)
    assert record.status == "failed"
    assert record.errors[0].message == "cannot use [secret]"
    assert CANARY not in json.dumps(record.to_json()) + str(facts) + str(record.facts)


def test_a_failed_undo_is_told_without_it() -> None:
    facts: list[Fact] = []
    undone: dict[str, JsonValue] = {
        **step("echo", "x"),
        "undo": {"type": "shouts", "params": {"value": "${secret.TOKEN}"}},
    }
    block: dict[str, JsonValue] = {"parallel": [undone, step("shouts", "x", "b")], "on_error": "rollback"}
    record = ran(block, facts=facts)
    assert record.status == "rollback_incomplete"
    assert "cannot use [secret]" in str(facts)
    assert CANARY not in json.dumps(record.to_json()) + str(facts) + str(record.facts)


def test_an_item_that_fails_is_told_without_it() -> None:
    facts: list[Fact] = []
    items: dict[str, JsonValue] = {"items": ["${secret.TOKEN}"], "on_error": "continue"}
    record = ran({**step("shouts", "${item}"), "batch": items}, facts=facts)
    assert record.status == "completed_with_errors"
    assert "cannot use [secret]" in str(facts)
    assert CANARY not in json.dumps(record.to_json()) + str(facts) + str(record.facts)


def test_an_output_of_the_workflow_shows_none() -> None:
    record = ran(step("echo", "x"), outputs={"token": "${secret.TOKEN}", "fine": "${a.result}"})
    assert record.outputs == {"token": "[secret]", "fine": "x"}


def test_what_is_prepared_does_not_show_it() -> None:
    prepared = prepare({"pipeline": [step("echo")]}, registry=REGISTRY, allow=["all"], secrets=SECRETS.get)
    assert CANARY not in repr(prepared)
    assert CANARY not in repr(Surroundings("run-1", Path(), Grants(), secrets=SECRETS))


def test_a_missing_secret_is_found_before_anything_runs() -> None:
    with pytest.raises(InvalidWorkflow) as invalid:
        prepare({"pipeline": [step("echo", "${secret.OTHER}")]}, registry=REGISTRY, secrets=SECRETS.get)
    [issue] = invalid.value.issues
    assert (issue.code, issue.path) == ("missing_secret", "/secrets/OTHER")
    assert "environment variable OTHER" in issue.hint


def test_a_secret_needs_a_grant_by_its_name() -> None:
    with pytest.raises(Refused) as refused:
        prepare({"pipeline": [step("echo")]}, registry=REGISTRY, secrets=SECRETS.get)
    assert "'env:TOKEN'" in refused.value.issues[0].message
    prepare({"pipeline": [step("echo")]}, registry=REGISTRY, allow=["env"], secrets=SECRETS.get)


def test_an_output_needs_the_same_grant() -> None:
    workflow: dict[str, JsonValue] = {"pipeline": [step("echo", "x")], "outputs": {"o": "${secret.TOKEN}"}}
    with pytest.raises(Refused) as refused:
        prepare(workflow, registry=REGISTRY, secrets=SECRETS.get)
    assert refused.value.issues[0].path == "/outputs/o"


def test_one_too_short_to_be_struck_out_is_warned_of() -> None:
    workflow: dict[str, JsonValue] = {"pipeline": [step("echo")]}
    prepared = prepare(workflow, registry=REGISTRY, allow=["all"], secrets={"TOKEN": "short"}.get)
    assert [issue.code for issue in prepared.warnings] == ["short_secret"]


def test_the_secret_of_an_undo_is_bound_too() -> None:
    undo: dict[str, JsonValue] = {"type": "echo", "params": {"value": "${secret.OTHER}"}}
    with pytest.raises(InvalidWorkflow):
        prepare({"pipeline": [{**step("echo", "x"), "undo": undo}]}, registry=REGISTRY)
