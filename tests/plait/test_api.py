"""The doors for programs."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys

import pytest

import plait
from plait.wiring import EMBEDDED, Models, answering, models
from planner.model_download import MODEL
from tests.command_line import SHELL_ONLY, llm, pipeline, value


def test_every_public_name_is_there_and_no_other() -> None:
    assert all(getattr(plait, name) is not None for name in plait.__all__)
    with pytest.raises(AttributeError, match="no attribute 'plann'"):
        plait.plann  # type: ignore[attr-defined]  # noqa: B018  # that is what is tried


def test_to_import_plait_is_to_import_nothing_more() -> None:
    code = "import plait, sys; print([m for m in sys.modules if m.split('.')[0] in ('runtime', 'planner', 'pydantic')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"


def test_a_workflow_runs_from_python() -> None:
    record = plait.run_sync(SHELL_ONLY, allow=["shell"])
    assert (record.status, record.outputs["both"]["stdout"]) == ("succeeded", "1\n2\n")


def test_a_plan_and_its_run_from_python() -> None:
    client = plait.ScriptedClient([json.dumps(pipeline(llm("ask", "hello"))), "an answer"])

    async def both() -> plait.RunRecord:
        planned = await plait.plan("say hello", completions=client)
        return await plait.run(planned.workflow, completions=client)

    record = asyncio.run(both())
    assert record.outputs["ask"]["result"] == "an answer"


def test_the_sync_doors_work_inside_a_running_loop_as_well() -> None:
    async def in_a_notebook() -> plait.RunRecord:
        with answering(plait.ScriptedClient(["an answer"])):
            return plait.run_sync(pipeline(llm("ask", "hello")))

    assert asyncio.run(in_a_notebook()).outputs["ask"]["result"] == "an answer"


def test_what_was_not_granted_is_raised() -> None:
    with pytest.raises(plait.Refused):
        plait.run_sync(SHELL_ONLY)
    with pytest.raises(plait.InvalidWorkflow):
        plait.run_sync(pipeline(value("a", "${b.x}")))


def test_the_model_is_the_one_named_else_that_of_the_environment_else_the_embedded_one() -> None:
    environ = {"PLAIT_MODEL": "openai/theirs", "PLAIT_CASSETTES": ""}
    assert models("openai/mine", environ=environ) == Models("openai/mine")
    assert models(environ=environ) == Models("openai/theirs")
    assert models(environ={}) == Models("local")


def test_the_recordings_of_the_environment_answer() -> None:
    chosen = models(environ={"PLAIT_CASSETTES": "folder"})
    assert str(chosen.cassette) == "folder"
    assert chosen.replays
    assert "answered from the recordings in folder" in str(chosen)


def test_the_embedded_model_has_one_name() -> None:
    assert MODEL.name == EMBEDDED
