"""The pieces of a text that are personal data, as few of them as possible, in their order."""

from collections.abc import Iterable

from mcp_router.domain.privacy import NEVER_RESTORED, Finding, PiiKind
from mcp_router.signals.pii_forms import forms_in
from mcp_router.signals.pii_plain import plain


def find_pii(text: str) -> tuple[Finding, ...]:
    """Return where personal data stands; no two of the findings touch the same sign.

    None of them is a placeholder that already stands for some.

    >>> [(one.kind.value, one.start, one.end) for one in find_pii("ask anna@example.com")]
    [('email', 4, 20)]
    """
    read = plain(text)
    found = [
        Finding(start=start, end=end, kind=form.kind)
        for form in forms_in(read)
        for start, end in form.spans(read)
    ]
    return apart(found)


def apart(found: Iterable[Finding]) -> tuple[Finding, ...]:
    """Return findings as pieces that do not overlap; together they cover what the findings did.

    Of several kinds the one that never comes back wins, then the longer piece.
    """
    pieces: list[Finding] = []

    for one in sorted(found, key=lambda piece: (piece.start, -piece.end)):
        if one.start >= one.end:
            continue

        if pieces and one.start < pieces[-1].end:
            pieces[-1] = _joined(pieces[-1], one)
        else:
            pieces.append(one)

    return tuple(pieces)


def _joined(first: Finding, second: Finding) -> Finding:
    """Return one piece in place of two that overlap."""
    stronger = max(first, second, key=_weight)
    return Finding(start=first.start, end=max(first.end, second.end), kind=stronger.kind)


def _weight(one: Finding) -> tuple[bool, bool, int]:
    """Return how much a finding's kind counts against another one's."""
    known = one.kind in (PiiKind.NAME, PiiKind.ORGANISATION)
    return (one.kind in NEVER_RESTORED, not known, one.end - one.start)
