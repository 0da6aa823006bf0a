"""Every error of the router, with the stable code that hosts and tests rely on.

RouterError
├── CallRefused            the call itself is at fault; nothing was sent
│   ├── UnknownTool, InvalidArguments, MissingScope, Unauthenticated
│   └── UnknownPolicy, UnknownDecision, UnknownAction
├── ConfigurationError     the operator must act; nothing was sent
│   ├── SettingsMissing, InvalidSettings, MissingSecret, PolicyRejected, PolicyEdited
│   ├── RolloutRefused, ContentKeyMissing, ContentKeyWrong, SigningKeyUnusable, MissingStrategy
│   └── NotConfigured, MissingExtra, UnsafeBind, AddressInUse, RetryingAdapter, SandboxFailed
├── TargetError            no target served the call
│   ├── NoTarget, TargetsExhausted, TargetsRefused, DeadlineExceeded, BudgetExceeded
│   └── NotFound, DeskRejected, DeskUnavailable, TicketChanged
├── LedgerError
│   ├── KeyConflict, ExpiredKey, LeaseLost, OutcomeUnknown, LedgerDegraded, ActionNotOpen
│   └── IllegalTransition  a fault of the router, stopped before it was written
├── LogBroken, FileUnusable, StorageUnavailable
├── SendFailed             one attempt failed: kept inside `execute/`, never on the wire
└── InternalError          a fault of the router; details stay in the log

A message never echoes an input value: it may hold customer data or a credential.
"""

from typing import ClassVar

from mcp_router.domain.attempt import Evidence, Reason


class RouterError(Exception):
    """The root: `code` is stable, `retryable` says whether the same call may succeed later."""

    code: ClassVar[str] = "internal_error"
    retryable: ClassVar[bool] = False
    next_step: ClassVar[str] = "Report this to whoever runs the router."

    def __init__(self, message: str, *, next_step: str | None = None) -> None:
        """Say what is wrong in `message`, and in `next_step` what to do about this very case."""
        super().__init__(message)
        self.message = message
        self.advice = next_step or self.next_step


class CallRefused(RouterError):
    """The call breaks the contract of its tool or exceeds its caller's rights."""

    code = "call_refused"
    next_step = "Correct the call and send it again."


class UnknownTool(CallRefused):
    """No tool has that name."""

    code = "unknown_tool"
    next_step = "List the tools and call one of them."


class InvalidArguments(CallRefused):
    """An argument is missing, unknown, of the wrong type or too long."""

    code = "invalid_arguments"
    next_step = "Correct the named arguments; the tool's input schema says what it takes."


class MissingScope(CallRefused):
    """The caller's token does not carry the scope that the tool needs."""

    code = "missing_scope"
    next_step = "Use a token with that scope, or ask the operator to grant it."


class Unauthenticated(CallRefused):
    """No bearer token, or one that is not configured."""

    code = "unauthenticated"
    next_step = "Send a configured token as `Authorization: Bearer …`."


class UnknownPolicy(CallRefused):
    """No policy of that name and version is at hand."""

    code = "unknown_policy"
    next_step = "Name a policy from the policies folder, as `name` or `name@version`."


class UnknownDecision(CallRefused):
    """The caller's tenant has no decision with that id."""

    code = "unknown_decision"
    next_step = "Use the decision_id of a result that you received."


class UnknownAction(CallRefused):
    """The caller's tenant has no action with that id."""

    code = "unknown_action"
    next_step = "Use the action_id of a result that you received."


class ConfigurationError(RouterError):
    """The operator's files or environment do not fit together."""

    code = "configuration_error"
    next_step = "Correct the configuration and start again; `mcp-router doctor` checks it."


class SettingsMissing(ConfigurationError):
    """There is no router.yaml and the sandbox was not asked for."""

    code = "settings_missing"
    next_step = "Write a router.yaml or name one with --config; `mcp-router demo` needs none."


class InvalidSettings(ConfigurationError):
    """router.yaml is not what it should be; the message names file, line and column."""

    code = "invalid_settings"


class MissingSecret(ConfigurationError):
    """An environment variable that router.yaml refers to is not set."""

    code = "missing_secret"
    next_step = "Set the named environment variable and start again."


class PolicyRejected(ConfigurationError):
    """The document breaks a rule of the policy format; nothing was loaded."""

    code = "policy_rejected"
    next_step = "Correct the named place; `mcp-router policy check` reports every problem at once."


class PolicyEdited(ConfigurationError):
    """A version that was used before has another text now; it is refused."""

    code = "policy_edited"
    next_step = "Restore the released document, and release the change as a new version."


class RolloutRefused(ConfigurationError):
    """The policy's state does not allow this rollout, promotion or roll-back; nothing changed."""

    code = "rollout_refused"
    next_step = "`mcp-router policy status` says how the policy stands."


class ContentKeyMissing(ConfigurationError):
    """Content is to be kept and there is no master key that could seal it."""

    code = "content_key_missing"
    next_step = "Set MCP_ROUTER_KEY (`openssl rand -hex 32`), or keep no content."


class ContentKeyWrong(ConfigurationError):
    """The database was used with another master key: what is sealed could not be opened."""

    code = "content_key_wrong"
    next_step = "Start with the key that this database was first used with."


class SigningKeyUnusable(ConfigurationError):
    """The key that signs the decision log's heads cannot be made or read."""

    code = "signing_key_unusable"
    next_step = "Correct `audit.key_file`, or the rights on that file and its folder."


class NotConfigured(ConfigurationError):
    """The call needs a provider or desk that router.yaml does not have."""

    code = "not_configured"
    next_step = "Add the named part to router.yaml."


class MissingExtra(ConfigurationError):
    """What was asked for needs an optional library that is not installed; the message names it."""

    code = "missing_extra"
    next_step = "Install the named extra and start again."


class UnsafeBind(ConfigurationError):
    """An address that others can reach was asked for without bearer tokens."""

    code = "unsafe_bind"
    next_step = "Bind to 127.0.0.1, or configure `tokens:` in router.yaml."


class AddressInUse(ConfigurationError):
    """Another program listens on that address and port."""

    code = "address_in_use"
    next_step = "Stop the other program or choose another --port."


class RetryingAdapter(ConfigurationError):
    """A desk client would send again by itself, which could act twice; it was not started."""

    code = "retrying_adapter"


class MissingStrategy(ConfigurationError):
    """A tool that writes declares no strategy for a kind of desk; it cannot be registered."""

    code = "missing_strategy"
    next_step = "Declare how each kind of desk lets its writes be repeated safely."


class SandboxFailed(ConfigurationError):
    """The embedded servers did not come up."""

    code = "sandbox_failed"


class TargetError(RouterError):
    """No target did what the call asked for."""

    code = "target_error"


class NoTarget(TargetError):
    """The decision left no candidate; the message sums up why."""

    code = "no_target"
    next_step = "Call explain_decision for each target's reason; configure one of them."


class TargetsExhausted(TargetError):
    """Every attempt that the limits allow has failed."""

    code = "targets_exhausted"
    retryable = True
    next_step = "Try again later; explain_decision shows each attempt."


class TargetsRefused(TargetError):
    """Every target has refused the call as it is, or our credentials; repeating it is vain."""

    code = "targets_refused"
    next_step = "Correct the call, or let the operator run `mcp-router doctor`: it names the cause."


class DeadlineExceeded(TargetError):
    """The chain's one deadline passed before a target answered."""

    code = "deadline_exceeded"
    retryable = True
    next_step = "Try again later, or allow more time in the policy's rule."


class BudgetExceeded(TargetError):
    """A budget does not cover the call; the message says which one, and how much is left."""

    code = "budget_exceeded"
    next_step = "Let a person take over, or raise the named budget in the policy."


class NotFound(TargetError):
    """The desk has no such ticket, customer or case."""

    code = "not_found"
    next_step = "Check the id, or search for it."


class DeskRejected(TargetError):
    """The desk refused the request as it is; it was not applied."""

    code = "desk_rejected"
    next_step = "Correct the arguments and use a new idempotency_key."


class DeskUnavailable(TargetError):
    """The desk cannot be reached or does not serve us now; nothing was applied."""

    code = "desk_unavailable"
    retryable = True
    next_step = "Try again later with the same idempotency_key."


class TicketChanged(TargetError):
    """Somebody changed the ticket after it was read; nothing was applied."""

    code = "ticket_changed"
    next_step = "Look the ticket up again; act with a new idempotency_key if it is still right."


class LedgerError(RouterError):
    """The ledger does not allow what was asked."""

    code = "ledger_error"


class KeyConflict(LedgerError):
    """The key, or the intent slot, was used before with other arguments; nothing was sent."""

    code = "key_conflict"
    next_step = "If a second action is meant, pass a new idempotency_key; else use the first one's."


class ExpiredKey(LedgerError):
    """The key was used so long ago that its answer is no longer kept; nothing was sent."""

    code = "expired_key"
    next_step = "Look at the desk first; if a new action is meant, pass a new idempotency_key."


class LeaseLost(LedgerError):
    """Another caller took the action over while this one was slow."""

    code = "lease_lost"
    retryable = True
    next_step = "Ask get_action for the outcome, or call again with the same idempotency_key."


class OutcomeUnknown(LedgerError):
    """The write may have been applied and the desk cannot say; it must not be sent again."""

    code = "outcome_unknown"
    next_step = "Send no new one: call again with this idempotency_key, or let a person decide."


class LedgerDegraded(LedgerError):
    """The desk applied the write, but the store could not note it any more."""

    code = "ledger_degraded"
    retryable = True
    next_step = "Call again with the same idempotency_key only: the desk will be asked, not told."


class ActionNotOpen(LedgerError):
    """A person wants to decide an action that is decided, was never sent, or is under way."""

    code = "action_not_open"
    next_step = "`mcp-router actions show` says how it stands; wait if a call is still at it."


class IllegalTransition(LedgerError):
    """The state machine has no such arrow."""

    code = "illegal_transition"


class LogBroken(RouterError):
    """The decision log is not what was written: a row was changed, added or taken away."""

    code = "log_broken"
    next_step = "Keep the database as it is, and run `mcp-router audit verify`."


class StorageUnavailable(RouterError):
    """The database cannot commit: full, locked, read-only or gone. No write was sent."""

    code = "storage_unavailable"
    retryable = True
    next_step = "Free disk space or release the database file, then try again."


class InternalError(RouterError):
    """A fault of the router itself; the log has the details under the call's id."""

    code = "internal_error"


class FileUnusable(RouterError):
    """A file that a command reads or writes is not as it should be; the message names the line."""

    code = "file_unusable"
    next_step = "Correct the named place and start again."


class SendFailed(RouterError):
    """One attempt at one target failed; `evidence` says what is known of its effect."""

    code = "send_failed"

    def __init__(
        self,
        message: str,
        *,
        evidence: Evidence,
        reason: Reason,
        status: int | None = None,
        retry_after_s: float | None = None,
        existing_ref: str | None = None,
    ) -> None:
        """Keep what to go on with; `existing_ref` is what a desk named, refusing a duplicate."""
        super().__init__(message)
        self.evidence = evidence
        self.reason = reason
        self.status = status
        self.retry_after_s = retry_after_s
        self.existing_ref = existing_ref


def public_error(error: Exception) -> RouterError:
    """Return what may leave the process: the error itself if it is ours, a sealed one if not."""
    if isinstance(error, RouterError) and not isinstance(error, SendFailed):
        return error

    return InternalError("The router failed while it handled this call.")
