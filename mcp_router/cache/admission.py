"""Which calls the cache may serve and which answers it may keep, with reasons that people read."""

import hashlib
import json
from collections.abc import Collection

from mcp_router.domain.completion import Completion, CompletionRequest, FinishReason, Role
from mcp_router.domain.privacy import NOTHING_KNOWN, KnownFields
from mcp_router.domain.signals import Signals
from mcp_router.signals.pii import pii_kinds
from mcp_router.signals.pii_fields import FieldDetector
from mcp_router.signals.words import CONSIDERED_CHARACTERS

_NEVER_KEPT = frozenset(
    {"card", "date_of_birth", "iban", "national_id", "passport", "secret", "ssn"}
)
"""Personal data that no answer for everybody holds. A desk's own mail address may be in one."""


def cacheable(
    request: CompletionRequest,
    signals: Signals,
    *,
    account_specific: bool,
    question: str,
    known: KnownFields = NOTHING_KNOWN,
) -> str | None:
    """Return None if a kept answer may serve the call, and its answer be kept, else why not.

    `question` is what is asked, after the ticket's subject, and `known` what the host tells of the
    requester. The reason names kinds of personal data, and nothing of the question.
    """
    if request.tools:
        return "the host offers tools"

    roles = [one.role for one in request.messages if one.role is not Role.SYSTEM]

    if roles != [Role.USER]:
        return "it is more than one question" if roles else "there is no question"

    if len(question) > CONSIDERED_CHARACTERS:
        return "the question is too long to be compared"

    own = about_one_customer(signals, account_specific=account_specific)
    return own or _holding("question", _known_kinds(known, question))


def about_one_customer(signals: Signals, *, account_specific: bool) -> str | None:
    """Return why an answer to the question could be one customer's own, None if it is not."""
    if account_specific:
        return f"the intent {signals.intent.name} is about one customer's account"

    if held := _holding("question", signals.pii_kinds):
        return held

    if signals.safety_flags:
        return f"the question is flagged ({', '.join(signals.safety_flags)})"

    return None


def keepable(completion: Completion, known: KnownFields = NOTHING_KNOWN) -> str | None:
    """Return None if an answer may be kept, else why not; `known` is told of its requester."""
    if completion.tool_calls:
        return "the answer calls tools"

    if completion.finish_reason is not FinishReason.STOP or not completion.text.strip():
        return "the answer is not whole"

    held = _NEVER_KEPT.intersection(pii_kinds(completion.text))
    return _holding("answer", held | _known_kinds(known, completion.text))


def question_of(request: CompletionRequest, subject: str | None) -> str:
    """Return what is asked, after the ticket's subject."""
    asked = [one.content for one in request.messages if one.role is Role.USER][-1:]
    return "\n".join([*([subject] if subject else []), *asked])


def instructions_of(request: CompletionRequest) -> str:
    """Return a digest of what, besides the question, an answer is made from.

    Instructions often carry what was retrieved for this customer. An answer made from it must not
    reach another one, so other instructions are another partition.
    """
    system = [one.content for one in request.messages if one.role is Role.SYSTEM]
    made_from = [system, request.max_output_tokens, request.temperature]
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()


def _known_kinds(known: KnownFields, text: str) -> frozenset[str]:
    """Return of what kinds the fields of the requester are that stand in a text."""
    if known == NOTHING_KNOWN:
        return frozenset()

    return frozenset(str(one.kind) for one in FieldDetector(known).find(text))


def _holding(what: str, kinds: Collection[str]) -> str | None:
    """Return that it holds personal data, None if there are no kinds of them in it."""
    return f"the {what} holds personal data ({', '.join(sorted(kinds))})" if kinds else None
