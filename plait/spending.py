"""A limit on what model calls may cost together."""

from __future__ import annotations

from runtime.completion import Completion, CompletionClient, CompletionRefused, CompletionRequest


class Capped:
    """Passes calls on until what they cost reaches `limit`, in USD. Calls already under way then may go beyond it.

    A call whose cost nobody knows is refused, and so is every one after it: the sum could not be kept.
    """

    def __init__(self, client: CompletionClient, limit: float) -> None:
        self._client, self._limit = client, limit
        self._spent = 0.0
        self._unpriced: str | None = None

    async def complete(self, request: CompletionRequest) -> Completion:
        """One call. Raises CompletionRefused where the limit forbids it, and what the client raises."""
        self._refuse_unpriced()
        if not self._spent < self._limit:
            spent = f"the model calls of this run have cost {self._spent:.4g} USD"
            raise CompletionRefused(f"{spent}, and --max-cost allows {self._limit:g}; give it a higher limit")
        completion = await self._client.complete(request)
        if completion.cost_usd is None:
            self._unpriced = completion.model
        else:
            self._spent += completion.cost_usd
        self._refuse_unpriced()
        return completion

    def _refuse_unpriced(self) -> None:
        if self._unpriced is not None:
            what = f"nobody knows what a call of {self._unpriced} costs, so --max-cost cannot be kept"
            raise CompletionRefused(f"{what}; ask a model that has a price, or leave --max-cost out")
