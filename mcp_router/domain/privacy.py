"""Personal data: what is found in a text, what of it is hidden, and what is kept of content."""

from dataclasses import dataclass
from enum import StrEnum


class PiiKind(StrEnum):
    """What a piece of a text tells of a person."""

    ADDRESS = "address"
    CARD = "card"
    DATE_OF_BIRTH = "date_of_birth"
    EMAIL = "email"
    IBAN = "iban"
    IP_ADDRESS = "ip_address"
    NAME = "name"
    NATIONAL_ID = "national_id"
    ORGANISATION = "organisation"  # known from the desk only: it has no form of its own
    PASSPORT = "passport"
    PHONE = "phone"
    SECRET = "secret"  # noqa: S105 - a kind, not one of them
    SSN = "ssn"
    TEXT = "text"  # no personal data: a text that only looks like a placeholder


NEVER_RESTORED = frozenset({PiiKind.CARD, PiiKind.NATIONAL_ID, PiiKind.SECRET, PiiKind.SSN})
"""What does not come back once it is hidden, not even to the person who wrote it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A piece of a text, from `start` up to but without `end`."""

    start: int
    end: int
    kind: PiiKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiCount:
    """How many different values of a kind a call has held."""

    kind: PiiKind
    values: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownFields:
    """What the desk knows of the requester and the organisation, found wherever it stands."""

    names: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()


NOTHING_KNOWN = KnownFields()
"""The host tells nothing of the requester."""


class ContentKind(StrEnum):
    """What a kept text is."""

    PROMPT = "prompt"
    ANSWER = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptContent:
    """A text of a call as it is kept: sealed; `subject` is a digest, never a name."""

    tenant: str
    subject: str
    decision_id: str
    kind: ContentKind
    sealed: bytes
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptVault:
    """The placeholders of a conversation with one requester, sealed; names are digests."""

    tenant: str
    conversation: str
    subject: str
    sealed: bytes
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """What has gone together with a key."""

    keys: int
    contents: int
    vaults: int


class ContentChange(StrEnum):
    """What happened to content that was kept."""

    ERASED = "erased"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentEvent:
    """A change of content, as the decision log keeps it; `subject` is its keyed digest."""

    change: ContentChange
    subject: str
    who: str
    why: str
