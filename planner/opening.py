"""Where the port to the models meets its adapters: a model's name to a client, opened when first asked for.

`local`, `local:PATH.gguf` or the embedded model's own name is a file that plait serves itself; anything else a hosted
model, as litellm calls it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from typing import Literal

from planner.litellm_client import LitellmClient
from planner.local_model import LocalModel, is_local, local_path
from runtime.completion import Completion, CompletionClient, CompletionRequest, ModelUnreachable
from runtime.issues import Unavailable

Answers = Literal["recorded", "real"]
Opener = Callable[[str, Answers], AbstractAsyncContextManager[CompletionClient]]

NOWHERE = "http://127.0.0.1:9/v1"  # the server of recorded calls: only its path is compared
NO_KEY = "none"  # a recorded call needs none, but the client of a hosted model will not ask without


@asynccontextmanager
async def open_model(name: str, answers: Answers) -> AsyncIterator[CompletionClient]:
    """A client of one model; of one whose answers are recorded nothing is started. Raises Unavailable if it is not
    there.
    """
    async with AsyncExitStack() as stack:
        if not is_local(name):
            key = NO_KEY if answers == "recorded" else None
            yield await stack.enter_async_context(LitellmClient(name, api_key=key))
            return
        served, url = LocalModel(local_path(name)), NOWHERE
        if answers == "real":
            url = (await stack.enter_async_context(served)).base_url
        client = LitellmClient(f"openai/{served.model}", api_base=url, schemas=True, free=True)
        yield await stack.enter_async_context(client)


class ModelMissing(ModelUnreachable):
    """The model that must be asked is not there. The message ends with the mend."""


class OpenModels:
    """One client for each model, shared by all who ask it, and closed together."""

    def __init__(self, opener: Opener = open_model) -> None:
        self._opener, self._stack, self._guard = opener, AsyncExitStack(), asyncio.Lock()
        self._clients: dict[tuple[str, Answers], CompletionClient] = {}

    async def __aenter__(self) -> OpenModels:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._stack.aclose()

    async def client(self, name: str, answers: Answers) -> CompletionClient:
        """Raises ModelMissing."""
        async with self._guard:  # two ask at once, and one server is started
            if (name, answers) not in self._clients:
                self._clients[name, answers] = await self._opened(name, answers)
            return self._clients[name, answers]

    async def _opened(self, name: str, answers: Answers) -> CompletionClient:
        try:
            return await self._stack.enter_async_context(self._opener(name, answers))
        except Unavailable as error:
            raise ModelMissing(str(error)) from error


class OpenedForEach:
    """A client that opens its model for each call and closes it after: for callers with event loops of their own."""

    def __init__(self, model: str, answers: Answers, opener: Opener = open_model) -> None:
        self._model, self._answers, self._opener = model, answers, opener

    async def complete(self, request: CompletionRequest) -> Completion:
        async with OpenModels(self._opener) as models:
            return await (await models.client(self._model, self._answers)).complete(request)
