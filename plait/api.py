"""The doors for programs: planning and running with the models that the environment names, unless a client is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from plait.secret_sources import installed_secrets
from plait.wiring import completions_for, models
from runtime import running
from runtime.bounds import DEFAULTS, Limits
from runtime.checks import Examination
from runtime.completion import CompletionClient
from runtime.executor import ignore
from runtime.issues import JsonValue
from runtime.node_types import Registry, installed_types
from runtime.record import Fact, RunRecord
from runtime.running import Source
from runtime.secret_values import SecretSource
from runtime.synchronous import synchronous

if TYPE_CHECKING:  # the planner brings jinja2, which running a workflow does without
    from planner import Attempt, Budget, Check, Plan


async def plan(
    request: str,
    *,
    completions: CompletionClient | None = None,
    model: str | None = None,
    fallbacks: Sequence[str] = (),
    cassette: Path | None = None,
    registry: Registry | None = None,
    inputs: Mapping[str, str] | None = None,
    budget: Budget | None = None,
    checks: Sequence[Check] = (),
    prompts: Path | None = None,
    change: JsonValue = None,
    on_attempt: Callable[[Attempt], None] | None = None,
) -> Plan:
    """A request in plain words to an accepted workflow.

    Without `completions` the model is `model`, else PLAIT_MODEL, else the embedded one; `fallbacks` are asked where it
    cannot answer. `inputs` maps the name of each input to its JSON type or a description. Raises InvalidRequest,
    NotAccepted, and Unavailable if no model answers. `checks` are further rules of acceptance, from an Examination to
    issues. `prompts` is a directory whose templates and examples stand in for the shipped ones. `change` is a workflow
    that the request is to change.
    """
    import planner  # noqa: PLC0415  # it brings jinja2, which running a workflow does without

    async with _client(completions, model, fallbacks, cassette) as client:
        return await planner.plan(
            request,
            completions=client,
            registry=registry or installed_types(),
            inputs=inputs,
            budget=budget or planner.Budget(),
            checks=checks,
            prompts=planner.SHIPPED if prompts is None else planner.read_prompts(prompts),
            change=change,
            on_attempt=on_attempt,
        )


async def run(
    source: Source | Examination,
    *,
    inputs: Mapping[str, JsonValue] | None = None,
    completions: CompletionClient | None = None,
    model: str | None = None,
    fallbacks: Sequence[str] = (),
    cassette: Path | None = None,
    registry: Registry | None = None,
    allow: Iterable[str] = (),
    max_concurrent: int | None = None,
    directory: Path | None = None,
    on_fact: Callable[[Fact], None] = ignore,
    secrets: SecretSource | None = None,
    sandbox: bool = False,
    limits: Limits = DEFAULTS,
) -> RunRecord:
    """Runs a workflow (a mapping, the path of a file, or a graph) and returns its record; a failed run is a record too.

    Without `completions` its `llm` steps ask `model`, else PLAIT_MODEL, else the embedded one. `allow` lists granted
    capabilities such as "shell" or "write:out/"; "all" grants what the workflow needs. With `sandbox` its `shell` and
    `code` steps run in one, always within `limits`. `secrets` is a name to its value; without it the environment,
    `.env` and the installed sources are asked. Raises InvalidWorkflow, Refused.
    """
    async with _client(completions, model, fallbacks, cassette) as client:
        return await running.run(
            source,
            inputs=inputs,
            registry=registry,
            completions=client,
            allow=allow,
            max_concurrent=max_concurrent,
            directory=directory,
            on_fact=on_fact,
            secrets=secrets or installed_secrets(),
            sandbox=sandbox,
            limits=limits,
        )


def _client(
    given: CompletionClient | None, model: str | None, fallbacks: Sequence[str], cassette: Path | None
) -> AbstractAsyncContextManager[CompletionClient]:
    return completions_for(models(model, cassette, fallbacks=fallbacks)) if given is None else nullcontext(given)


plan_sync = synchronous(plan)
run_sync = synchronous(run)

__all__: Sequence[str] = ["plan", "plan_sync", "run", "run_sync"]
