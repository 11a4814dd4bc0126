"""From a model's text to a JSON value, or why there is none. Never raises, whatever the text is.

Prose and fences around the value are left out. Text that is nearly JSON is repaired where nothing it says is lost; an
answer that breaks off is never repaired, since nobody knows what would have followed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass

from json_repair import repair_json

from runtime.completion import FinishReason
from runtime.documents import MAX_BYTES, read_document
from runtime.issues import InvalidWorkflow, Issue, JsonValue

MAX_TRIES = 32  # places in a text where a value may begin; more are noise
MAX_OPEN = 128  # brackets looked through for the one that a closing bracket belongs to

_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|(?P<torn>"(?:[^"\\]++|\\.)*+\\?\Z)|[\[\]{}]', re.DOTALL)
_OPENING = re.compile(r"[\[{]")
_BEGINS = re.compile(r"""\{\s*(?:["']|\w+\s*:)|\[\s*[\[{"']""")
_THOUGHTS = re.compile(r"\s*<think>.*?</think>", re.DOTALL)
_FENCE = re.compile(r"```[A-Za-z]*")
_COMMENT = re.compile(
    r"""(?P<text>"(?:[^"\\]++|\\.)*+"|'(?:[^'\\\n]++|\\.)*+')|//[^\n]*|/\*.*?\*/""",
    re.DOTALL,
)
_PUNCTUATION = re.compile(r"""\\[nrtbf]|[\s{}\[\],:"'\\]""")
_WORKFLOW_KEYS = frozenset({"pipeline", "nodes", "steps", "workflow", "parallel"})

_ASK = 'answer with one JSON object: {"pipeline": [...]}'


@dataclass(frozen=True, slots=True)
class Parsed:
    """A value, or issues that say why there is none; `notes` name what was changed to get it."""

    value: JsonValue = None
    issues: tuple[Issue, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Span:
    """A stretch of the text from a bracket to the one that closes it, or to the end if none does."""

    text: str
    closed: bool


def parse_answer(text: str, finish_reason: FinishReason = "stop") -> Parsed:
    """The JSON value of an answer. Of several, the last that looks like a workflow counts."""
    if finish_reason == "length":
        return _refused("the answer was cut off at its length limit", "answer with fewer and shorter steps")
    if len(text) > MAX_BYTES:
        return _refused(f"the answer has {len(text):,} characters", _ASK)
    body = _THOUGHTS.sub("", text, count=1) if text.lstrip().startswith("<think>") else text
    if not body.strip():
        return _refused("the answer is empty", _ASK)
    spans = list(_spans(body))
    if any(not span.closed for span in spans):
        return _refused("the answer breaks off before its JSON is closed", "close every bracket, and write less")
    found = [(span, parsed) for span in spans if not (parsed := _read(span.text)).issues]
    if not any(_rank(parsed.value) for _, parsed in found):
        found = [(span, parsed) for span in spans if not (parsed := _repaired(span.text)).issues]
    return _chosen(found, text) or _nothing(spans)


def _chosen(found: list[tuple[_Span, Parsed]], text: str) -> Parsed | None:
    ranked = [(_rank(parsed.value), at) for at, (_, parsed) in enumerate(found)]
    rank, at = max(ranked, default=(0, 0))
    if rank == 0:
        return None
    span, parsed = found[at]
    notes = parsed.notes
    if [each for each, _ in ranked].count(rank) > 1:
        notes = ("took the last of several JSON values", *notes)
    if _FENCE.sub("", text).strip() != span.text.strip():
        notes = ("left out the text around the JSON", *notes)
    return Parsed(parsed.value, notes=notes)


def _nothing(spans: list[_Span]) -> Parsed:
    """Why the longest of the spans is no value."""
    longest = max((span.text for span in spans if _BEGINS.match(span.text)), key=len, default="")
    return Parsed(issues=_read(longest).issues) if longest else _refused("there is no JSON object in the answer", _ASK)


def _rank(value: JsonValue) -> int:
    """How much a value looks like a workflow."""
    if isinstance(value, dict):
        return 3 if _WORKFLOW_KEYS & value.keys() else 1
    return 2 if isinstance(value, list) and value and all(isinstance(each, dict) for each in value) else 0


def _refused(message: str, hint: str) -> Parsed:
    return Parsed(issues=(_issue(message, hint),))


def _issue(message: str, hint: str = _ASK) -> Issue:
    return Issue("json_syntax", "", message, hint)


# --- where values stand ----------------------------------------------------------------------------------------------


def _spans(text: str) -> Iterator[_Span]:
    """The outermost values of a text, in order, up to one that never ends. A bracket that begins none is skipped."""
    position = 0
    for _ in range(MAX_TRIES):
        opening = _OPENING.search(text, position)
        if opening is None:
            return
        end = _end_of(text, opening.start())
        if end is not None or _BEGINS.match(text, opening.start()):
            yield _Span(text[opening.start() : end], closed=end is not None)
        if end is None and _BEGINS.match(text, opening.start()):
            return
        position = end or opening.end()


def _end_of(text: str, start: int) -> int | None:
    """Where the value that begins at `start` ends. A bracket also closes what was left open inside it."""
    open_brackets: list[str] = []
    for token in _TOKEN.finditer(text, start):
        if token["torn"]:
            return None
        bracket = token[0]
        if bracket in "[{":
            open_brackets.append("]" if bracket == "[" else "}")
        elif bracket in "]}" and bracket in open_brackets[-MAX_OPEN:]:
            while open_brackets.pop() != bracket:
                pass
            if not open_brackets:
                return token.end()
    return None


# --- reading and repairing -------------------------------------------------------------------------------------------


def _read(text: str) -> Parsed:
    try:
        return Parsed(read_document(text, "answer.json").value)
    except InvalidWorkflow as refused:
        return Parsed(issues=refused.issues)


def _repaired(text: str) -> Parsed:
    """The value of nearly JSON, if a repair says all that the text says and nothing else."""
    strict = _read(text)
    if not strict.issues or any(issue.code != "json_syntax" for issue in strict.issues):
        return strict
    plain = _COMMENT.sub(lambda found: found["text"] or "", text)
    try:
        value = repair_json(plain, return_objects=True)
        written = json.dumps(value, ensure_ascii=False)
    except Exception:  # noqa: BLE001  # a guesser on hostile text: whatever goes wrong in it means that there is no repair
        return strict
    if _content(written) != _content(plain):
        return strict
    again = _read(written)
    return again if again.issues else Parsed(again.value, notes=(f"repaired the JSON: {strict.issues[0].message}",))


def _content(text: str) -> str:
    """All that a text says but its punctuation."""
    words = re.sub(r"\b(True|False|None)\b", lambda word: {"None": "null"}.get(word[0], word[0].lower()), text)
    return _PUNCTUATION.sub("", words)
