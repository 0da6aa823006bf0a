"""What finds personal data: the router's own patterns, known fields, and what you plug in."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import Protocol

from mcp_router.domain.privacy import Finding
from mcp_router.signals.pii_spans import apart, find_pii

LONG = 2_000
"""From so many characters on, to look a text up is far quicker than to look through it."""

MOST = 256
"""Of so many long texts is kept what was found in them."""


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


class Remembering:
    """A detector that is not asked twice about a long text: instructions come with every call.

    It holds no text, only its digest and where what was found stands; the oldest of `MOST` goes.
    """

    def __init__(self, detector: Detector) -> None:
        """Remember what `detector` finds."""
        self._detector = detector
        self._found: OrderedDict[bytes, tuple[Finding, ...]] = OrderedDict()

    def find(self, text: str) -> tuple[Finding, ...]:
        """Return what the detector finds, or has found."""
        if len(text) < LONG:
            return self._detector.find(text)

        digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
        found = self._found.pop(digest, None)
        found = self._detector.find(text) if found is None else found
        self._found[digest] = found

        if len(self._found) > MOST:
            self._found.popitem(last=False)

        return found


@dataclass(frozen=True, slots=True)
class Detectors:
    """Several detectors as one; what two of them find is told once."""

    parts: tuple[Detector, ...]

    def find(self, text: str) -> tuple[Finding, ...]:
        """Return what any of them finds, in order and apart from each other."""
        if len(self.parts) == 1:
            return self.parts[0].find(text)

        return apart(found for part in self.parts for found in part.find(text))
