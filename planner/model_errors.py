"""What went wrong with a model call, said once: whatever a provider's SDK raised becomes one error of the port, in one
sentence that names the model and the mend. Errors are known by their status and words, so no SDK is imported.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite

from runtime.completion import (
    CompletionError,
    CompletionRefused,
    ContextExceeded,
    ModelUnreachable,
    NotAuthorised,
    RateLimited,
)

MOST_DETAIL = 300  # characters of a provider's own words in a message of ours
SHORTEST_SECRET = 8  # characters; anything shorter would be struck out of common words

_PREFIX = re.compile(r"^(?:(?:litellm\.)?\w+(?:Error|Exception)(?:: | - |$))+")
_NO_KEY = re.compile(r"missing credentials|missing [^.]{0,40}api key|unable to locate credentials", re.IGNORECASE)
_TOO_LONG = re.compile(r"context[ _-](?:length|size|window)|prompt is too long|too many tokens", re.IGNORECASE)
_NO_PROVIDER = re.compile(r"LLM Provider NOT provided")
_SCHEMAS = re.compile(r"response_format|response format|schema|grammar|structured output", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Target:
    """Who was asked: the model's name, its server where it is one of the user's own, the variables that hold its key,
    the `secrets` that no message may show, and the seconds it had.
    """

    model: str
    api_base: str | None = None
    key_variables: Sequence[str] = ()
    secrets: Sequence[str] = ()
    timeout: float = 0


def translated(error: BaseException, target: Target) -> CompletionError:
    """The port's error for a foreign one. One of the port's own, raised below the SDK and wrapped by it, comes back."""
    chain = list(_chain(error))
    own = next((link for link in chain if isinstance(link, CompletionError)), None)
    return own or _by_kind(chain, target) or _by_status(error, target)


def is_about_the_schema(error: CompletionError) -> bool:
    """Whether a refusal was of the schema that the answer should satisfy, and not of the request itself."""
    return isinstance(error, CompletionRefused) and bool(_SCHEMAS.search(str(error.__cause__)))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and all that it was raised from or while handling, each once."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is not None and id(link) not in seen:
            seen.add(id(link))
            yield link
            waiting += [link.__context__, link.__cause__]


def _by_kind(chain: Sequence[BaseException], target: Target) -> CompletionError | None:
    kinds = {type(link).__name__ for link in chain}
    words = str(chain[0])
    model = f"model '{target.model}'"
    if _NO_KEY.search(words):
        return NotAuthorised(f"{model}: there is no key for it; set {_variables(target)}")
    if _NO_PROVIDER.search(words):
        return CompletionRefused(f"{model}: no known provider; write PROVIDER/MODEL, for example openai/gpt-4o-mini")
    if "ContextWindowExceededError" in kinds or (_status(chain[0]) in (400, 413) and _TOO_LONG.search(words)):
        detail = _detail(chain[0], target)
        return ContextExceeded(f"{model}: the prompt is too long ({detail}); shorten it, or choose a larger model")
    if "TimeoutError" in kinds or "Timeout" in kinds:
        return ModelUnreachable(f"{model}: no answer within {target.timeout:g} s; {_mend(target)}")
    if "ConnectError" in kinds:
        return ModelUnreachable(f"{model}: nothing answers{_place(target)}; {_mend(target)}")
    return None


def _by_status(error: BaseException, target: Target) -> CompletionError:
    status = _status(error)
    model, detail = f"model '{target.model}'", _detail(error, target)
    match status:
        case 401 | 403:
            return NotAuthorised(f"{model}: its key is not accepted ({detail}); check {_variables(target)}")
        case 404:
            return CompletionRefused(f"{model}: not known{_place(target)} ({detail}); check the name given as --model")
        case 429:
            wait = _retry_after(error)
            how_long = "" if wait is None else f" {wait:g} s"
            return RateLimited(f"{model}: asks to wait{how_long} ({detail}); try again later", wait)
        case int() if status in (408, 409) or status >= 500:
            return ModelUnreachable(f"{model}: gave no usable answer ({detail}); {_mend(target)}")
        case _:
            return CompletionRefused(f"{model}: refuses the request ({detail}); change it, or choose another --model")


def _status(error: BaseException) -> int | None:
    status = getattr(error, "status_code", None)
    return status if isinstance(status, int) else None


def _retry_after(error: BaseException) -> float | None:
    """Seconds, where a provider names them; a date is left to the growing pauses."""
    response = getattr(error, "response", None)
    for headers in (getattr(error, "litellm_response_headers", None), getattr(response, "headers", None)):
        if isinstance(headers, Mapping) and (text := headers.get("retry-after")):
            return _seconds(str(text))
    return None


def _seconds(text: str) -> float | None:
    try:
        seconds = float(text)
    except ValueError:
        return None
    return seconds if isfinite(seconds) and seconds >= 0 else None


def _detail(error: BaseException, target: Target) -> str:
    line = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    text = without_secrets(" ".join(_PREFIX.sub("", line).split()), target.secrets)
    return text if len(text) <= MOST_DETAIL else text[: MOST_DETAIL - 1] + "…"


def without_secrets(text: str, secrets: Sequence[str]) -> str:
    """The text with each secret struck out."""
    for secret in secrets:
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "[secret]")
    return text


def _variables(target: Target) -> str:
    if target.api_base is not None:
        return f"the key given for {target.api_base}"
    return " or ".join(target.key_variables) or "the provider's key"


def _place(target: Target) -> str:
    return f" at {target.api_base}" if target.api_base else ""


def _mend(target: Target) -> str:
    if target.api_base:
        return "start its server, or choose another --model"
    return "check the network, or choose another --model"
