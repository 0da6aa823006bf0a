"""What a decided action answers: kept with it, and repeated byte for byte by every replay."""

import json
from dataclasses import dataclass

from mcp_router.canonical import JsonValue, canonical_json
from mcp_router.domain.action import Action, Ref
from mcp_router.errors import RouterError


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What became of a write, for its host; `code` and what follows say why it was not done."""

    target: str
    attempts: int
    done_ms: int
    ref: Ref | None = None
    code: str | None = None
    message: str | None = None
    next: str | None = None


def answer_of(action: Action, error: RouterError | None = None) -> Answer:
    """Return the answer of an action that has just been decided."""
    return Answer(
        target=action.target,
        attempts=action.attempts,
        done_ms=action.updated_ms,
        ref=action.ref,
        code=error.code if error else action.error_code,
        message=error.message if error else None,
        next=error.advice if error else None,
    )


def write_answer(answer: Answer) -> str:
    """Return the answer as the one canonical text that is kept."""
    ref = answer.ref
    said: dict[str, JsonValue] = {
        "target": answer.target,
        "attempts": answer.attempts,
        "done_ms": answer.done_ms,
        "ref": None if ref is None else {"id": ref.id, "url": ref.url},
        "code": answer.code,
        "message": answer.message,
        "next": answer.next,
    }
    return canonical_json({name: value for name, value in said.items() if value is not None})


def kept_answer(action: Action) -> Answer:
    """Return the answer that was kept with a decided action.

    Where none could be kept, as on a full disk, what the row itself holds says as much of it.
    """
    if action.answer_json is None:
        return answer_of(action)

    kept = json.loads(action.answer_json)
    ref = kept.pop("ref", None)
    return Answer(**kept, ref=None if ref is None else Ref(**ref))
