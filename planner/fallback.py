"""Several models behind the port to one: where one cannot answer, the next is asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from runtime.completion import (
    CassetteMiss,
    Completion,
    CompletionClient,
    CompletionError,
    CompletionRequest,
    ContextExceeded,
)


def _untold(model: str, error: CompletionError) -> None:
    return None


class Fallback:
    """Asks `models` of `client` in order until one answers; a request that names its model asks that one alone.

    A model that could not answer is passed over from then on, unless a request was only too long for it. `on_fall`
    hears of each. A missing recording is no model's fault and is raised as it is.
    """

    def __init__(
        self,
        client: CompletionClient,
        models: Sequence[str],
        on_fall: Callable[[str, CompletionError], None] = _untold,
    ) -> None:
        self._client, self._models, self._on_fall = client, tuple(models), on_fall
        self._failed: set[str] = set()

    async def complete(self, request: CompletionRequest) -> Completion:
        """The first answer. Raises the last model's error, with what was said of the others, when none answers."""
        if request.model is not None:
            return await self._client.complete(request)
        said: list[CompletionError] = []
        for model in self._in_turn():
            try:
                return await self._client.complete(replace(request, model=model))
            except CassetteMiss:
                raise
            except CompletionError as error:
                said.append(error)
                self._remember(model, error)
        raise said[-1] if len(said) == 1 else type(said[-1])("\n".join(str(each) for each in said)) from said[-1]

    def _in_turn(self) -> Sequence[str]:
        """The models that have not failed; where all have, all of them once more."""
        return [model for model in self._models if model not in self._failed] or self._models

    def _remember(self, model: str, error: CompletionError) -> None:
        self._on_fall(model, error)
        if not isinstance(error, ContextExceeded):
            self._failed.add(model)
