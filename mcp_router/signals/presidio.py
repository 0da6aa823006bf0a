"""Microsoft Presidio as one more detector (extra `presidio`): it knows names in running text.

Presidio brings spaCy and a model of some hundred megabytes, and takes milliseconds where our own
patterns take a fraction of one. https://microsoft.github.io/presidio/ (seen 2026-11).
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from mcp_router.domain.privacy import Finding, PiiKind
from mcp_router.errors import InvalidSettings

_KINDS: Mapping[str, PiiKind] = {
    "CREDIT_CARD": PiiKind.CARD,
    "CRYPTO": PiiKind.SECRET,
    "EMAIL_ADDRESS": PiiKind.EMAIL,
    "ES_NIF": PiiKind.NATIONAL_ID,
    "IBAN_CODE": PiiKind.IBAN,
    "IP_ADDRESS": PiiKind.IP_ADDRESS,
    "IT_FISCAL_CODE": PiiKind.NATIONAL_ID,
    "LOCATION": PiiKind.ADDRESS,
    "PERSON": PiiKind.NAME,
    "PHONE_NUMBER": PiiKind.PHONE,
    "UK_NHS": PiiKind.NATIONAL_ID,
    "US_PASSPORT": PiiKind.PASSPORT,
    "US_SSN": PiiKind.SSN,
}
"""What is asked of it; its other entities, such as dates and URLs, are no person's data alone."""

_LEAST_SCORE = 0.5


class Result(Protocol):
    """What Presidio finds."""

    entity_type: str
    start: int
    end: int
    score: float


class Analyzer(Protocol):
    """What we use of Presidio's `AnalyzerEngine`."""

    def analyze(self, text: str, language: str, *, entities: list[str]) -> Sequence[Result]:
        """Return what is found in a text."""


class PresidioDetector:
    """Finds what an analyzer of Presidio finds."""

    def __init__(self, analyzer: Analyzer, *, language: str = "en") -> None:
        """Ask `analyzer` about texts of that language."""
        self._analyzer = analyzer
        self._language = language

    def find(self, text: str) -> tuple[Finding, ...]:
        """Return where it stands, as far as Presidio is sure of it."""
        found = self._analyzer.analyze(text, self._language, entities=sorted(_KINDS))
        return tuple(
            Finding(start=one.start, end=one.end, kind=_KINDS[one.entity_type])
            for one in found
            if one.entity_type in _KINDS and one.score >= _LEAST_SCORE
        )


def open_presidio() -> PresidioDetector:
    """Return a detector over Presidio with its default models.

    Raises:
        InvalidSettings: the extra is not installed.
    """
    try:
        from presidio_analyzer import AnalyzerEngine  # noqa: PLC0415  # an extra
    except ImportError:
        raise InvalidSettings(
            "privacy: detectors names presidio, which is not installed.",
            next_step="pip install 'mcp-support-router[presidio]', or take it out of detectors.",
        ) from None

    return PresidioDetector(AnalyzerEngine())
