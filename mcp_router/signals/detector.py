"""What finds personal data: the router's own patterns, known fields, and what you plug in."""

from dataclasses import dataclass
from typing import Protocol

from mcp_router.domain.privacy import Finding
from mcp_router.signals.pii_spans import apart, find_pii


class Detector(Protocol):
    """Finds pieces of a text that are personal data. It is asked often, so it must be quick."""

    def find(self, text: str) -> tuple[Finding, ...]:
        """Return where they stand, in any order; they may overlap."""


class BuiltinDetector:
    """Finds what has a form: see `pii_forms`."""

    def find(self, text: str) -> tuple[Finding, ...]:
        """Return where it stands.

        >>> [one.kind.value for one in BuiltinDetector().find("card 4111 1111 1111 1111")]
        ['card']
        """
        return find_pii(text)


@dataclass(frozen=True, slots=True)
class Detectors:
    """Several detectors as one; what two of them find is told once."""

    parts: tuple[Detector, ...]

    def find(self, text: str) -> tuple[Finding, ...]:
        """Return what any of them finds, in order and apart from each other."""
        if len(self.parts) == 1:
            return self.parts[0].find(text)

        return apart(found for part in self.parts for found in part.find(text))
