"""Placeholders of one conversation: `[EMAIL_1]` goes to a model in place of an address.

The same value has the same placeholder in all of a conversation. What is never restored is known
by its digest only, so that the value itself is kept nowhere. A text that only looks like a
placeholder, because a customer has typed it, gets one of its own and so comes back as it was.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from mcp_router.domain.privacy import NEVER_RESTORED, Finding, PiiKind

Digest = Callable[[str], str]
"""Return a digest of a value that nobody can guess the value from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholder:
    """One hidden value: itself, or its digest where it is never restored."""

    kind: PiiKind
    number: int
    value: str

    @property
    def token(self) -> str:
        """Return what stands in its place.

        >>> Placeholder(kind=PiiKind.EMAIL, number=1, value="anna@example.com").token
        '[EMAIL_1]'
        """
        return f"[{self.kind.upper()}_{self.number}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Placeholders:
    """All that were given out in a conversation, in their order."""

    given: tuple[Placeholder, ...] = ()


NO_PLACEHOLDERS = Placeholders()
"""Nothing was hidden yet."""


def hide(
    state: Placeholders, text: str, findings: Iterable[Finding], digest: Digest
) -> tuple[str, Placeholders]:
    """Return the text with placeholders for what was found, and the conversation after it.

    `findings` are in order and do not overlap.
    """
    spans = _with_lookalikes(text, tuple(findings))

    if not spans:
        return text, state

    pieces: list[str] = []
    at = 0

    for one in spans:
        placeholder, state = _given(state, one.kind, text[one.start : one.end], digest)
        pieces += [text[at : one.start], placeholder.token]
        at = one.end

    return "".join([*pieces, text[at:]]), state


def reveal(state: Placeholders, text: str, *, in_json: bool = False) -> str:
    """Return the text with the values back in place of their placeholders.

    A placeholder that was never given out, or is never restored, stays as it is. Models change
    what they repeat, so `[Email 1]` and `\\[EMAIL\\_1\\]` are understood as well. `in_json` says
    that the text is JSON, in whose strings the values stand.
    """
    if not state.given or not _OPENING.search(text):
        return text

    values = _restorable(state)

    def put_back(found: re.Match[str]) -> str:
        value = values.get((_kind(found["kind"]), int(found["number"])))

        if value is None:
            return found[0]

        return json.dumps(value, ensure_ascii=False)[1:-1] if in_json else value

    return _IN_JSON.sub(put_back, text) if in_json else _TOLERANT.sub(put_back, text)


def _restorable(state: Placeholders) -> Mapping[tuple[str, int], str]:
    return {
        (one.kind.upper(), one.number): one.value
        for one in state.given
        if one.kind not in NEVER_RESTORED
    }


_OPENING = re.compile("[\\[\u3010]")
_KINDS = "|".join(
    "[ _-]?".join(kind.upper().split("_")) for kind in sorted(PiiKind, key=len, reverse=True)
)
_RESTORED_KINDS = "|".join(
    "[ _-]?".join(kind.upper().split("_"))
    for kind in sorted(PiiKind, key=len, reverse=True)
    if kind not in NEVER_RESTORED
)
_BETWEEN = r"(?:\\?[ _-]|\u00a0){1,2}"
# A backslash before the bracket is the model's only if there is one before the other bracket too.
_FORM = (
    r"(?:\\\[(?=[\w \\-]{{1,40}}\\\])|\[|\u3010) ?(?P<kind>{kinds}){between}"
    r"(?P<number>\d{{1,6}}) ?(?:\\?\]|\u3011)"
)
_TOLERANT = re.compile(_FORM.format(kinds=_KINDS, between=_BETWEEN), re.IGNORECASE)
# In JSON a sign after a backslash is one of JSON's own, so none is taken away.
_IN_JSON = re.compile(rf"\[ ?(?P<kind>{_KINDS})[ _-](?P<number>\d{{1,6}}) ?\]", re.IGNORECASE)
_LOOKALIKE = re.compile(_FORM.format(kinds=_RESTORED_KINDS, between=_BETWEEN), re.IGNORECASE)


def _kind(written: str) -> str:
    """Return a kind as placeholders write it.

    >>> _kind("ip address")
    'IP_ADDRESS'
    """
    return re.sub("[ -]", "_", written.upper()) if len(written) > 2 else written


def _with_lookalikes(text: str, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the findings, and each text outside of them that `reveal` would take for one of ours.

    What is never restored needs no such care: nothing can be got by typing it.
    """
    if not _OPENING.search(text):
        return findings

    looks = [
        Finding(start=found.start(), end=found.end(), kind=PiiKind.TEXT)
        for found in _LOOKALIKE.finditer(text)
        if all(found.end() <= one.start or one.end <= found.start() for one in findings)
    ]
    return tuple(sorted([*findings, *looks], key=lambda one: one.start)) if looks else findings


def _given(
    state: Placeholders, kind: PiiKind, value: str, digest: Digest
) -> tuple[Placeholder, Placeholders]:
    """Return the placeholder of a value, the one that it has already or a new one."""
    kept = digest(value) if kind in NEVER_RESTORED else value
    same = [one for one in state.given if one.kind is kind]

    for one in same:
        if one.value == kept:
            return one, state

    new = Placeholder(kind=kind, number=len(same) + 1, value=kept)
    return new, replace(state, given=(*state.given, new))


MOST_HELD_BACK = 40
"""Signs after an open bracket until it is certain that no placeholder begins there."""


def held_back(text: str) -> int:
    """Return from where on a text that goes on may still become a placeholder.

    >>> held_back("write to [EMA")
    9
    >>> held_back("see [1] and")
    11
    """
    for at in range(len(text) - 1, max(-1, len(text) - 1 - MOST_HELD_BACK), -1):
        sign = text[at]

        if sign in "]\u3011\n":
            break

        if sign in "[\u3010":
            # The backslash that a model may put before the bracket belongs to it.
            return at - 1 if at and text[at - 1] == "\\" else at

    return len(text) - 1 if text.endswith("\\") else len(text)
