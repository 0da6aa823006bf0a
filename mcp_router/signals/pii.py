"""Which kinds of personal data a text holds."""

from mcp_router.signals.pii_spans import find_pii


def pii_kinds(text: str) -> tuple[str, ...]:
    """Return the kinds of personal data in a text, sorted.

    >>> pii_kinds("Reach me at anna@example.com or +44 20 7946 0958.")
    ('email', 'phone')
    """
    return tuple(sorted({str(one.kind) for one in find_pii(text)}))
