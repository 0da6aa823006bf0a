"""What all writing tools share: the key, the dry run and the structured result."""

from typing import Annotated, ClassVar, assert_never

from pydantic import Field

from mcp_router.actions import Acted, Prepare, Reader, Wish
from mcp_router.canonical import JsonValue, canonical_json, plain
from mcp_router.domain.action import Action, Outcome, Ref
from mcp_router.domain.call import Call
from mcp_router.domain.effect import Effect
from mcp_router.domain.write import DeskWrite
from mcp_router.errors import DeskRejected, KeyConflict, OutcomeUnknown, RouterError
from mcp_router.ledger.answer import Answer
from mcp_router.ledger.keys import KeySource
from mcp_router.services import Services
from mcp_router.tools.tool import Arguments, CallResult, Id, Result

KEY_NOTE = (
    "Pass the same idempotency_key when you repeat the call after a timeout: the write then "
    "happens at most once and the first result is replayed."
)

ASK_AGAIN_S = 2
"""When to ask for a write that is under way: about as long as a desk takes for one."""

_NEXT = {
    Outcome.SUCCEEDED: "Nothing: it is done.",
    Outcome.REPLAYED: "Nothing: it is done.",
    Outcome.IN_PROGRESS: f"Another call is doing this now: ask get_action in {ASK_AGAIN_S} s.",
    Outcome.CONFLICT: KeyConflict.next_step,
    Outcome.FAILED: DeskRejected.next_step,
    Outcome.OUTCOME_UNKNOWN: OutcomeUnknown.next_step,
    Outcome.DRY_RUN: "Call again without dry_run to do it.",
}


_DECIDED = frozenset({Outcome.SUCCEEDED, Outcome.REPLAYED, Outcome.FAILED})


class WriteArguments(Arguments):
    """The arguments that every writing tool takes beside its own.

    Each tool's own class declares its `effect`, which its registration takes over.
    """

    effect: ClassVar[Effect]

    idempotency_key: Annotated[str, Field(min_length=1, max_length=255)] | None = Field(
        default=None, description="Names this one write; repeat it to repeat the call safely."
    )
    run_id: Id | None = Field(
        default=None,
        description="Your run or conversation; without a key, one write of a kind in a run.",
    )
    dry_run: bool = Field(default=False, description="Show what would be written, write nothing.")

    def wish(self, write: DeskWrite, *, object_id: str | None, version: str | None = None) -> Wish:
        """Return what these arguments want written.

        The fingerprint's source is what they say, not how the call is to be made.
        """
        said: JsonValue = self.model_dump(
            mode="json", exclude={"idempotency_key", "run_id", "dry_run"}, exclude_none=True
        )
        return Wish(
            write=write,
            effect=self.effect,
            arguments=said,
            object_id=object_id,
            dry_run=self.dry_run,
            version=version,
        )


class RefResult(Result):
    """The thing at the desk that was made or changed."""

    id: str = Field(description="At the desk.")
    url: str | None = Field(default=None, description="Where a person opens it.")


class WriteResult(CallResult):
    """What became of a write; `code`, `message` and `retryable` say why it did not succeed."""

    outcome: Outcome = Field(description="What became of the write.")
    action_id: str | None = Field(
        default=None, description="Names it in the ledger, for get_action."
    )
    idempotency_key: str = Field(description="Its key: pass it to repeat the call.")
    target: str = Field(description="The desk.")
    ref: RefResult | None = Field(default=None, description="What it made or changed.")
    attempts: int = Field(default=0, description="How often it was sent.")
    done_ms: int | None = Field(
        default=None, description="When it was first decided, in epoch milliseconds."
    )
    ask_again_s: int | None = Field(
        default=None, description="While it is under way: after how many seconds to ask again."
    )
    safe_to_retry: bool = Field(
        description="Whether this call may be repeated with this idempotency_key."
    )
    next: str = Field(description="What to do now.")
    dedupe: str = Field(
        description="Where the key came from: explicit, call, slot, heuristic, fresh."
    )
    write: str | None = Field(default=None, description="The dry run's payload, as JSON.")
    code: str | None = Field(default=None, description="Why it was not done, if it was not.")
    message: str | None = Field(default=None, description="The same, in words.")
    retryable: bool | None = Field(
        default=None, description="Whether the same call may succeed later."
    )

    @property
    def is_error(self) -> bool:
        """Return whether the write was refused, for certain."""
        return self.outcome in (Outcome.FAILED, Outcome.CONFLICT)


async def perform(services: Services, call: Call, wish: Wish) -> WriteResult:
    """Carry out a wish that needs nothing read first."""

    async def prepare(_: Reader) -> Wish:
        return wish

    return await perform_prepared(services, call, prepare)


async def perform_prepared(services: Services, call: Call, prepare: Prepare) -> WriteResult:
    """Carry out what `prepare` makes of the desk's present state."""
    acted = await services.actions.perform(call, prepare)
    action, error = acted.action, acted.error
    # What is decided is told from what was kept, so that every replay says the same bytes.
    answer = acted.answer if acted.outcome in _DECIDED else None
    told = answer or error
    return WriteResult(
        decision_id=call.call_id,
        outcome=acted.outcome,
        action_id=action.action_id if action else None,
        idempotency_key=acted.key.text,
        target=answer.target if answer else acted.target,
        ref=_ref(answer.ref) if answer else ref_result(action),
        attempts=answer.attempts if answer else action.attempts if action else 0,
        done_ms=acted.answer.done_ms if acted.answer else None,
        ask_again_s=ASK_AGAIN_S if acted.outcome is Outcome.IN_PROGRESS else None,
        safe_to_retry=_safe(acted),
        next=_next(acted, answer),
        dedupe=acted.key.source,
        write=_payload(acted.write) if acted.outcome is Outcome.DRY_RUN else None,
        code=told.code if told else None,
        message=told.message if told else None,
        retryable=_retryable(answer, error),
    )


def _next(acted: Acted, answer: Answer | None) -> str:
    """Return what to do now."""
    advice = answer.next if answer else acted.error.advice if acted.error else None
    return advice or _NEXT[acted.outcome]


def _retryable(answer: Answer | None, error: RouterError | None) -> bool | None:
    """Return whether the same call may succeed later; what is decided stays as it is."""
    if answer is not None:
        return None if answer.code is None else False

    return error.retryable if error else None


def ref_result(action: Action | None) -> RefResult | None:
    """Return the action's reference as a result."""
    return None if action is None else _ref(action.ref)


def _ref(ref: Ref | None) -> RefResult | None:
    """Return a reference as a result."""
    return None if ref is None else RefResult(id=ref.id, url=ref.url)


def _safe(acted: Acted) -> bool:
    """Return whether the same call with the same key may be sent again, and makes sense.

    A heuristic key ends with its window, so an unknown outcome under one is not safe to repeat.
    """
    match acted.outcome:
        case Outcome.FAILED:
            return acted.error is not None and acted.error.retryable
        case Outcome.OUTCOME_UNKNOWN:
            return acted.key.source is not KeySource.HEURISTIC
        case Outcome.CONFLICT:
            return False
        case Outcome.SUCCEEDED | Outcome.REPLAYED | Outcome.IN_PROGRESS | Outcome.DRY_RUN:
            return True
        case _:
            assert_never(acted.outcome)


def _payload(write: DeskWrite) -> str:
    """Return what would be written, as JSON for people."""
    return canonical_json(plain(write))
