"""Codes are a contract: each one is stable, told once, and says what to do."""

import re
from collections.abc import Iterator

import pytest

from mcp_router import errors
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.errors import InternalError, NotFound, RouterError, SendFailed, public_error

# Hosts branch on these: a code is added, never changed or given another meaning.
CODES = {
    "action_not_open": False,
    "address_in_use": False,
    "budget_exceeded": False,
    "call_refused": False,
    "configuration_error": False,
    "content_key_missing": False,
    "content_key_wrong": False,
    "deadline_exceeded": True,
    "desk_rejected": False,
    "desk_unavailable": True,
    "expired_key": False,
    "file_unusable": False,
    "illegal_transition": False,
    "internal_error": False,
    "invalid_arguments": False,
    "invalid_settings": False,
    "key_conflict": False,
    "lease_lost": True,
    "ledger_degraded": True,
    "ledger_error": False,
    "log_broken": False,
    "missing_extra": False,
    "missing_scope": False,
    "missing_secret": False,
    "missing_strategy": False,
    "no_target": False,
    "not_configured": False,
    "not_found": False,
    "outcome_unknown": False,
    "policy_edited": False,
    "policy_rejected": False,
    "retrying_adapter": False,
    "rollout_refused": False,
    "sandbox_failed": False,
    "send_failed": False,
    "settings_missing": False,
    "signing_key_unusable": False,
    "storage_unavailable": True,
    "target_error": False,
    "targets_exhausted": True,
    "targets_refused": False,
    "ticket_changed": False,
    "unauthenticated": False,
    "unknown_action": False,
    "unknown_decision": False,
    "unknown_policy": False,
    "unknown_tool": False,
    "unsafe_bind": False,
}


def below(kind: type[RouterError]) -> Iterator[type[RouterError]]:
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield child
            yield from below(child)


KINDS = sorted(below(RouterError), key=lambda kind: kind.__name__)


def test_codes_and_whether_to_retry_are_as_published() -> None:
    assert {kind.code: kind.retryable for kind in KINDS} == CODES


def test_every_kind_has_a_code_of_its_own_in_the_words_of_its_name() -> None:
    for kind in KINDS:
        assert kind.code == re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()

    assert RouterError.code == InternalError.code  # what has no name of its own is internal


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.code)
def test_every_kind_is_told_in_the_tree_with_a_meaning_and_a_next_step(
    kind: type[RouterError],
) -> None:
    assert re.search(rf"\b{kind.__name__}\b", errors.__doc__ or "")
    assert kind.__doc__
    assert kind.__doc__.endswith((".", ".\n    "))
    assert re.fullmatch(r"[A-Z`].*\.", kind.next_step, re.DOTALL)


def test_the_tree_names_nothing_that_does_not_exist() -> None:
    tree = "".join(line for line in (errors.__doc__ or "").splitlines(True) if line[0] in "R├└│")
    named = set(re.findall(r"\b[A-Z]\w+", tree))

    assert named == {kind.__name__ for kind in KINDS} | {"RouterError"}


def test_advice_is_the_next_step_of_the_kind_or_of_the_case() -> None:
    assert NotFound("Nothing.").advice == NotFound.next_step
    assert NotFound("Nothing.", next_step="Look elsewhere.").advice == "Look elsewhere."
    assert str(NotFound("Nothing.")) == NotFound("Nothing.").message == "Nothing."


def test_only_our_own_errors_leave_the_process_as_they_are() -> None:
    ours = NotFound("Nothing.")
    inner = SendFailed("secret", evidence=Evidence.UNKNOWN, reason=Reason.RESET)

    assert public_error(ours) is ours

    for sealed in (public_error(ValueError("secret")), public_error(inner)):
        assert type(sealed) is InternalError
        assert "secret" not in sealed.message + sealed.advice
