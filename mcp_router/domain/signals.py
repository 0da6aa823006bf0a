"""The facts about a call that a rule may ask for."""

from dataclasses import dataclass, field
from enum import StrEnum

PII_KINDS = (
    "address",
    "card",
    "date_of_birth",
    "email",
    "iban",
    "ip_address",
    "name",
    "national_id",
    "passport",
    "phone",
    "secret",
    "ssn",
)
"""The personal data that the router finds in a text by itself, in this order."""

SAFETY_FLAGS = ("injection", "self_harm", "threat")
"""What the router finds in a text by itself that nobody should answer without care."""

SENSITIVE_TOPICS = (
    "bereavement",
    "data_rights",
    "fraud",
    "hardship",
    "legal",
    "medical",
    "minors",
    "press",
    "security_report",
)
"""The topics that the router finds in a text by itself. A caller may name others, of any list."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """The best matching intent of a policy and how sure the match is (0 to 1)."""

    name: str | None = None
    confidence: float


class SignalSource(StrEnum):
    """Who says so."""

    CALLER = "caller"  # an argument of the call
    TOKEN = "token"  # noqa: S105 - the caller's credentials, not one of them
    TEXT = "text"  # read from what the customer wrote
    REQUEST = "request"  # counted in the request
    BOOKS = "books"  # the router's own: cache, budgets, clock


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalOrigin:
    """Where one signal comes from; a signal that is not listed has its neutral default."""

    signal: str
    source: SignalSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """One call, as a policy sees it; everything a caller did not say has a neutral default.

    Names in tuples are sorted and stand once. Shares and confidences go from 0 to 1.
    """

    tool: str
    tenant: str
    intent: Intent = field(default_factory=lambda: Intent(confidence=0.0))
    customer_tier: str | None = None
    locale: str | None = None
    channel: str | None = None
    prompt_tokens: int = 0  # estimated
    answer_tokens: int | None = None  # the longest answer that is asked for
    tools_offered: int = 0
    tools_required: bool = False  # whether the answer must be a call of a tool
    turns: int = 0  # messages of user and assistant
    retrieval_confidence: float | None = None
    safety_flags: tuple[str, ...] = ()
    sensitive_topics: tuple[str, ...] = ()
    pii_kinds: tuple[str, ...] = ()
    ticket_status: str | None = None
    ticket_priority: str | None = None
    complexity: float = 0.0
    cache_similarity: float | None = None  # of the nearest kept answer; None where there is none
    deadline_s: float | None = None  # until the caller gives up
    ticket_spend_microusd: int = 0
    sources: tuple[SignalOrigin, ...] = ()
