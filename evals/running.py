"""Plans the cases of a suite, each under its own cassette: `python -m evals.running [--record] [CASE ...]`.

Replaying is the default and reaches no network. Recording asks the embedded model for what is missing, a case at a
time.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evals.cassettes import Mode, use_cassettes
from evals.dataset import Case, load_suite
from evals.scorers import unmet
from planner import NotAccepted, plan
from planner.litellm_client import LitellmClient, asks_a_model
from planner.local_model import LocalModel
from runtime import CompletionClient, Registry, examine, installed_types

HERE = Path(__file__).parent
CASSETTES = HERE / "cassettes" / "generation"
SUITE = HERE / "suites" / "generation.yaml"
NOWHERE = "http://127.0.0.1:9/v1"  # the server of recorded calls: only its path is compared
# A suite states what it offers, so that a node type added later changes no prompt of it.
TYPES = ("code", "http", "llm", "read_file", "shell", "transform", "wait", "write_file")


@dataclass(frozen=True, slots=True)
class Result:
    """How one case went: whether a workflow was accepted, at which attempt, and what it does not meet."""

    case: str
    accepted: bool
    attempts: int
    unmet: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return self.accepted and not self.unmet

    def __str__(self) -> str:
        verdict = "meets all" if self.passed else "; ".join(self.unmet) if self.accepted else "no workflow accepted"
        return f"{self.case:22} {self.attempts} attempt{'s' if self.attempts > 1 else ' '}  {verdict}"


def offered() -> Registry:
    """The node types that the suite's requests are planned with."""
    return installed_types().only(TYPES)


async def plan_case(case: Case, client: CompletionClient, mode: Mode, cassettes: Path = CASSETTES) -> Result:
    """Plans one case under its cassette. Raises CassetteMiss when replaying what was not recorded."""
    with use_cassettes(cassettes, case.id, mode, only=asks_a_model):
        try:
            planned = await plan(case.request, completions=client, registry=offered(), inputs=case.inputs)
        except NotAccepted as refused:
            return Result(case.id, False, len(refused.attempts), ())
    graph = examine(dict(planned.workflow), offered()).graph
    assert graph is not None, "what was accepted has a graph"
    return Result(case.id, True, len(planned.attempts), tuple(unmet(graph, case.expect)))


def replaying_client() -> LitellmClient:
    """A client whose every call must be answered by a cassette."""
    return LitellmClient(f"openai/{LocalModel().model}", api_base=NOWHERE, schemas=True, free=True)


async def _replay(cases: Sequence[Case]) -> None:
    async with replaying_client() as client:
        for case in cases:
            sys.stdout.write(f"{await plan_case(case, client, 'replay')}\n")


async def _record(cases: Sequence[Case]) -> None:
    async with LocalModel() as served:
        url = served.base_url
        async with LitellmClient(f"openai/{served.model}", api_base=url, schemas=True, free=True) as client:
            for case in cases:
                sys.stdout.write(f"{await plan_case(case, client, 'record')}\n")
                sys.stdout.flush()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m evals.running", description=__doc__)
    parser.add_argument("--record", action="store_true", help="ask the embedded model for what is missing")
    parser.add_argument("case", nargs="*", help="only these cases")
    options = parser.parse_args()
    cases = [case for case in load_suite(SUITE).cases if not options.case or case.id in options.case]
    asyncio.run((_record if options.record else _replay)(cases))


if __name__ == "__main__":
    main()
