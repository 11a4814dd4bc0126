"""Which model answers whom. Nothing is imported, started or connected before a model is asked.

A name means: `local`, `local:PATH.gguf` or the embedded model's own name a file that plait serves itself; anything else
a hosted model, as litellm calls it.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from plait.display import say
from runtime.completion import Completion, CompletionClient, CompletionError, CompletionRequest

if TYPE_CHECKING:
    from evals.cassettes import Mode
    from planner.opening import OpenModels

LOCAL = "local"
EMBEDDED = "qwen2.5-coder-1.5b"

_given: ContextVar[CompletionClient | None] = ContextVar("given", default=None)


@dataclass(frozen=True, slots=True)
class Models:
    """Which model answers where none is named, and the folder of recordings that answer instead of any.

    `fallbacks` are asked in order where the model cannot answer.

    With `recording`, the name of a cassette there, what is missing is asked of the model and kept.
    """

    model: str
    cassette: Path | None = None
    recording: str | None = None
    fallbacks: tuple[str, ...] = ()

    @property
    def replays(self) -> bool:
        return self.cassette is not None and self.recording is None

    def __str__(self) -> str:
        name = ", then ".join(map(_shown, (self.model, *self.fallbacks)))
        if self.cassette is None:
            return name
        manner = "answered from the recordings" if self.replays else "recorded"
        return f"{name}, {manner} in {self.cassette}"


def models(
    model: str | None = None,
    cassette: Path | None = None,
    environ: Mapping[str, str] = os.environ,
    fallbacks: Sequence[str] = (),
) -> Models:
    """What is asked for, else what PLAIT_MODEL, PLAIT_FALLBACK and PLAIT_CASSETTES say, else the embedded model.

    PLAIT_FALLBACK is a list with commas. PLAIT_RECORD names the cassette of PLAIT_CASSETTES into which goes what is
    not recorded yet.
    """
    recordings = environ.get("PLAIT_CASSETTES")
    name = model or environ.get("PLAIT_MODEL") or LOCAL
    listed = (each.strip() for each in environ.get("PLAIT_FALLBACK", "").split(","))
    others = tuple(fallbacks) or tuple(filter(None, listed))
    if cassette is not None or not recordings:
        return Models(name, cassette, fallbacks=others)
    return Models(name, Path(recordings), environ.get("PLAIT_RECORD"), others)


@contextmanager
def answering(client: CompletionClient) -> Iterator[None]:
    """Inside, this client answers every model call: for tests, and for programs that bring a model of their own."""
    token = _given.set(client)
    try:
        yield
    finally:
        _given.reset(token)


@contextmanager
def answering_from(cassette: Path, model: str, mode: Mode, name: str) -> Iterator[None]:
    """Inside, one cassette answers every model call, and in record mode the model what is not there yet.

    Equal calls are told apart as `NAME/1`, `NAME/2`. Raises Unavailable for a cassette that cannot be used.
    """
    from evals.calls import Counted  # noqa: PLC0415  # as below
    from evals.cassettes import use_cassettes  # noqa: PLC0415  # it brings vcr, an extra that few runs need
    from planner.litellm_client import asks_a_model  # noqa: PLC0415  # most runs need no planner
    from planner.opening import OpenedForEach  # noqa: PLC0415  # as above

    client = OpenedForEach(model, "recorded" if mode == "replay" else "real")
    with use_cassettes(cassette.parent, cassette.stem, mode, only=asks_a_model), answering(Counted(client, name)):
        yield


@asynccontextmanager
async def completions_for(chosen: Models) -> AsyncIterator[CompletionClient]:
    """A client of the chosen model, and of any other that a request names. What it started is ended at the end."""
    given = _given.get()
    if given is not None:
        yield given
        return
    async with AsyncExitStack() as stack:
        if chosen.cassette is not None:
            _open_cassettes(chosen, chosen.cassette, stack)
        yield _with_fallbacks(_Switchboard(chosen, stack), chosen)


def _with_fallbacks(client: CompletionClient, chosen: Models) -> CompletionClient:
    if not chosen.fallbacks:
        return client
    from planner.fallback import Fallback  # noqa: PLC0415  # most runs have one model

    return Fallback(client, (chosen.model, *chosen.fallbacks), _say_that_it_falls)


def _say_that_it_falls(model: str, error: CompletionError) -> None:
    say(f"{error}\nmodel '{model}' is passed over, the next is asked")


def _open_cassettes(chosen: Models, folder: Path, stack: AsyncExitStack) -> None:
    from evals.cassettes import use_cassettes  # noqa: PLC0415  # it brings vcr, an extra that few runs need
    from planner.litellm_client import asks_a_model  # noqa: PLC0415  # as below

    mode: Mode = "replay" if chosen.recording is None else "record"
    stack.enter_context(use_cassettes(folder, chosen.recording, mode, only=asks_a_model))


class _Switchboard:
    """Passes each request on to the model that it names."""

    def __init__(self, chosen: Models, stack: AsyncExitStack) -> None:
        self._chosen, self._stack = chosen, stack
        self._models: OpenModels | None = None

    async def complete(self, request: CompletionRequest) -> Completion:
        from planner.local_model import is_local  # noqa: PLC0415  # most runs need no planner

        name = request.model or self._chosen.model
        client = await self._opened().client(name, "recorded" if self._chosen.replays else "real")
        completion = await client.complete(replace(request, model=None))
        return replace(completion, model=name) if is_local(name) else completion

    def _opened(self) -> OpenModels:
        from planner.opening import OpenModels  # noqa: PLC0415  # as above

        if self._models is None:
            self._models = OpenModels()
            self._stack.push_async_exit(self._models)
        return self._models


def _shown(name: str) -> str:
    return f"local, the embedded {EMBEDDED}" if name in (LOCAL, EMBEDDED) else name
