"""What all writing tools share: the key, the dry run and the structured result."""

from typing import Annotated, ClassVar, assert_never

from pydantic import Field

from mcp_router.actions import Acted, Prepare, Reader, Wish
from mcp_router.canonical import JsonValue, canonical_json, plain
from mcp_router.domain.action import Action, Outcome
from mcp_router.domain.call import Call
from mcp_router.domain.effect import Effect
from mcp_router.domain.write import DeskWrite
from mcp_router.errors import DeskRejected, KeyConflict, OutcomeUnknown
from mcp_router.ledger.keys import KeySource
from mcp_router.services import Services
from mcp_router.tools.tool import Arguments, CallResult, Id, Result

KEY_NOTE = (
    "Pass the same idempotency_key when you repeat the call after a timeout: the write then "
    "happens at most once and the first result is replayed."
)

_NEXT = {
    Outcome.SUCCEEDED: "Nothing: it is done.",
    Outcome.REPLAYED: "Nothing: it was done before; this is its result.",
    Outcome.IN_PROGRESS: "Another call is doing this now: ask get_action in a few seconds.",
    Outcome.CONFLICT: KeyConflict.next_step,
    Outcome.FAILED: DeskRejected.next_step,
    Outcome.OUTCOME_UNKNOWN: OutcomeUnknown.next_step,
    Outcome.DRY_RUN: "Call again without dry_run to do it.",
}


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
    safe_to_retry: bool = Field(
        description="Whether this call may be repeated with this idempotency_key."
    )
    next: str = Field(description="What to do now.")
    dedupe: str = Field(description="Where the key came from: explicit, slot, heuristic, fresh.")
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
    error = acted.error
    failed_before = acted.action.error_code if acted.action and error is None else None
    return WriteResult(
        decision_id=call.call_id,
        outcome=acted.outcome,
        action_id=acted.action.action_id if acted.action else None,
        idempotency_key=acted.key.text,
        target=acted.target,
        ref=ref_result(acted.action),
        attempts=acted.action.attempts if acted.action else 0,
        safe_to_retry=_safe(acted),
        next=error.advice if error else _NEXT[acted.outcome],
        dedupe=acted.key.source,
        write=_payload(acted.write) if acted.outcome is Outcome.DRY_RUN else None,
        code=error.code if error else failed_before,
        message=error.message if error else None,
        retryable=error.retryable if error else None,
    )


def ref_result(action: Action | None) -> RefResult | None:
    """Return the action's reference as a result."""
    if action is None or action.ref is None:
        return None

    return RefResult(id=action.ref.id, url=action.ref.url)


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
