"""Reports as an eval gives them, made by hand: what passed, what failed, what could not be judged, and hostile text."""

from __future__ import annotations

from evals.results import Outcome, Report, Tokens, Tried
from runtime import JsonValue

MODEL = "local"
MADE_WITH = {"language": "1", "max_tokens": "2000", "prompts/plan_system.jinja": "5f2c9a", "model": MODEL}

HOSTILE = (
    "<script>document.title='taken'</script>\"'><img src=x onerror=document.title='taken'>]]>&amp;{{ 7*7 }}"
    "\x00\x1b[31m\u202e\ud800\uffff"
)


def step(name: str, kind: str, **params: JsonValue) -> dict[str, JsonValue]:
    return {"id": name, "type": kind, "params": params}


def workflow(prompt: str = "Combine ${notes.content} and ${count.stdout}") -> dict[str, JsonValue]:
    """Two steps side by side, and one after both."""
    both: JsonValue = [step("notes", "read_file", path="notes.txt"), step("count", "shell", command="wc -w notes.txt")]
    return {"pipeline": [{"parallel": both}, step("summary", "llm", prompt=prompt)]}


CHAIN: dict[str, JsonValue] = {
    "pipeline": [
        step("notes", "read_file", path="notes.txt"),
        step("count", "shell", command="wc -w notes.txt"),
        step("summary", "llm", prompt="Combine ${notes.content} and ${count.stdout}"),
    ]
}
GOLD: dict[str, JsonValue] = {
    "nodes": [{"id": "a", "type": "read_file"}, {"id": "b", "type": "shell"}, {"id": "c", "type": "llm"}],
    "edges": [["a", "c"], ["b", "c"]],
}
ISSUE: dict[str, JsonValue] = {
    "code": "unknown_reference",
    "path": "/pipeline/1/params/prompt",
    "message": "no step is called 'note'",
    "hint": "did you mean 'notes'?",
    "severity": "error",
}


def passed(case: str = "fan-out", *, epoch: int = 1, variant: str = "shipped", suite: str = "generation") -> Outcome:
    """Accepted at the second attempt."""
    tried = (
        Tried(
            number=1,
            candidate=workflow("Combine ${note.content} and ${count.stdout}"),
            issues=(ISSUE,),
            usage=Tokens(prompt_tokens=1800, completion_tokens=210),
            cost_usd=0.0012,
            seconds=4.2,
        ),
        Tried(
            number=2,
            candidate=workflow(),
            notes=("a trailing comma removed",),
            strategy="conversation",
            usage=Tokens(prompt_tokens=2300, completion_tokens=205),
            cost_usd=0.0014,
            seconds=3.9,
        ),
    )
    return Outcome(
        suite=suite,
        case=case,
        epoch=epoch,
        model=MODEL,
        variant=variant,
        status="accepted",
        request="Read notes.txt and count its words at the same time, then let the model combine both.",
        workflow=workflow(),
        gold=GOLD,
        attempts=tried,
        scores={"valid": True, "expected": True, "node_f1": 1.0, "parallel_f1": 1.0, "kind": "mixed", "repairs": 1.0},
        usage=Tokens(prompt_tokens=4100, completion_tokens=415),
        cost_usd=0.0026,
        seconds=8.1,
        wall_seconds=0.05,
        made_with=MADE_WITH,
    )


def failed(case: str = "compare", *, epoch: int = 1, variant: str = "shipped", suite: str = "generation") -> Outcome:
    """Accepted, and not what was asked for."""
    return passed(case, epoch=epoch, variant=variant, suite=suite).model_copy(
        update={
            "workflow": CHAIN,
            "attempts": (Tried(number=1, candidate=CHAIN, seconds=5.0, usage=Tokens(prompt_tokens=1800)),),
            "scores": {"valid": True, "expected": False, "node_f1": 1.0, "parallel_f1": 0.0, "kind": "chain"},
            "why": {"expected": "no read_file beside shell", "parallel_f1": "missing: read_file beside shell"},
            "cost_usd": None,
        }
    )


def unjudged(case: str = "german", *, epoch: int = 1, variant: str = "shipped") -> Outcome:
    """Neither: no recording answered."""
    return Outcome(
        suite="generation",
        case=case,
        epoch=epoch,
        model=MODEL,
        variant=variant,
        status="error",
        request="Übersetze notes.txt ins Deutsche.",
        error="no recording answers POST /v1/chat/completions; record it",
    )


def refused(case: str = "loop", *, variant: str = "shipped") -> Outcome:
    """No workflow within the budget; the best candidate goes in a circle."""
    circle: JsonValue = {
        "nodes": [step("one", "wait", seconds=1), step("two", "wait", seconds=1)],
        "edges": [{"from": "one", "to": "two"}, {"from": "two", "to": "one"}],
    }
    return Outcome(
        suite="generation",
        case=case,
        model=MODEL,
        variant=variant,
        status="not_accepted",
        request="Do one after two and two after one.",
        workflow=circle,
        attempts=(Tried(number=1, candidate=circle, issues=(ISSUE,), seconds=2.0),),
        scores={"valid": False},
        why={"valid": "no workflow was accepted in 1"},
        cost_usd=0.0,
        seconds=2.0,
        made_with=MADE_WITH,
    )


def hostile() -> Outcome:
    """Every text that a model or a suite may write, as bad as it can be."""
    bad: JsonValue = {"pipeline": [step("a</text><script>document.title='taken'</script>", HOSTILE, prompt=HOSTILE)]}
    issue: dict[str, JsonValue] = dict.fromkeys(("code", "path", "message", "hint"), HOSTILE)
    return Outcome(
        suite="generation",
        case=HOSTILE,
        model=HOSTILE,
        variant=HOSTILE,
        status="not_accepted",
        request=HOSTILE,
        workflow=bad,
        gold={"nodes": [{"id": "a", "type": HOSTILE}], "edges": []},
        attempts=(Tried(number=1, candidate=bad, issues=(issue,), notes=(HOSTILE,), strategy=HOSTILE),) * 2,
        run={HOSTILE: HOSTILE},
        scores={HOSTILE: HOSTILE, "valid": False},
        why={HOSTILE: HOSTILE},
        error=HOSTILE,
    )


def mixed() -> Report:
    """One of each kind, in two variants."""
    shipped = [passed(), passed("readme"), passed("chain"), failed(), unjudged(), refused()]
    plain = [failed("fan-out", variant="plain"), failed("compare", variant="plain"), passed("readme", variant="plain")]
    return Report.of([*shipped, *plain])
