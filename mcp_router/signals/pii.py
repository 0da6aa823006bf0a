"""Which kinds of personal data a text holds."""

from mcp_router.signals.pii_forms import forms_in


def pii_kinds(text: str) -> tuple[str, ...]:
    """Return the kinds of personal data in a text, sorted.

    >>> pii_kinds("Reach me at anna@example.com or +44 20 7946 0958.")
    ('email', 'phone')
    """
    found: list[str] = []

    for form in forms_in(text):
        if form.kind not in found and any(True for _ in form.spans(text)):
            found.append(form.kind)

    return tuple(sorted(str(kind) for kind in found))
