"""The port to language models: one request in, one completion out. Nothing here knows a provider.

CompletionError
├── ModelUnreachable     no answer: connection refused, server gone, timeout         (transient)
├── RateLimited          the provider asks to wait; `retry_after` in seconds         (transient)
├── NotAuthorised        no key, or a wrong one
├── ContextExceeded      the prompt does not fit the model
├── CompletionRefused    the provider refuses the request as malformed or forbidden
└── CassetteMiss         replaying, and no recording answers this request
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

from runtime.issues import JsonValue, Unavailable

Role = Literal["system", "user", "assistant"]
FinishReason = Literal["stop", "length", "other"]


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    content: str


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """What a model is asked. `model` None: the client's default. `schema`: a JSON Schema the answer must satisfy."""

    messages: tuple[Message, ...]
    model: str | None = None
    temperature: float = 0.0
    max_tokens: int | None = None
    schema: Mapping[str, JsonValue] | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of one or several calls; `cached_tokens` are those of the prompt that the provider did not read anew."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.cached_tokens + other.cached_tokens,
        )

    def to_json(self) -> dict[str, JsonValue]:
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens,
            "cached_tokens": self.cached_tokens,
        }


@dataclass(frozen=True, slots=True)
class Completion:
    """A model's answer. `cost_usd` None means unknown, never zero; a `length` finish is a cut answer."""

    text: str
    model: str
    usage: Usage = field(default_factory=Usage)
    cost_usd: float | None = None
    finish_reason: FinishReason = "stop"
    seconds: float = 0.0


class CompletionError(Unavailable):
    """A model call failed. `transient` says whether asking again may help."""

    transient: ClassVar[bool] = False


class ModelUnreachable(CompletionError):
    transient: ClassVar[bool] = True


class RateLimited(CompletionError):
    transient: ClassVar[bool] = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message)


class NotAuthorised(CompletionError):
    pass


class ContextExceeded(CompletionError):
    pass


class CompletionRefused(CompletionError):
    pass


class CassetteMiss(CompletionError):
    pass


class CompletionClient(Protocol):
    """The port. Implementations raise only CompletionError and retry transient failures themselves."""

    async def complete(self, request: CompletionRequest) -> Completion: ...


class ScriptedClient:
    """The shipped double: answers with the given texts (or completions, or errors) in order and keeps the requests."""

    def __init__(self, answers: Iterable[str | Completion | CompletionError]) -> None:
        self._answers = list(answers)
        self.requests: list[CompletionRequest] = []

    async def complete(self, request: CompletionRequest) -> Completion:
        self.requests.append(request)
        if not self._answers:
            raise ModelUnreachable("the script has no answer left; give ScriptedClient one text for each call")
        answer = self._answers.pop(0)
        if isinstance(answer, CompletionError):
            raise answer
        return Completion(answer, model="scripted") if isinstance(answer, str) else answer
