"""Placeholders of one conversation: `[EMAIL_1]` goes to a model in place of an address.

The same value has the same placeholder in all of a conversation. What is never restored is known
by its digest only, so that the value itself is kept nowhere. A text that only looks like a
placeholder, because a customer has typed it, gets one of its own and so comes back as it was.
"""

import bisect
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass

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


class Book:
    """What a conversation has hidden so far, found by value and by placeholder; it only grows."""

    def __init__(self, state: Placeholders = NO_PLACEHOLDERS) -> None:
        """Start with what was given out before."""
        self._given: dict[tuple[PiiKind, str], Placeholder] = {}
        self._numbers: Counter[PiiKind] = Counter()
        self._restorable: dict[tuple[str, int], str] = {}

        for one in state.given:
            self._enter(one)

    @property
    def state(self) -> Placeholders:
        """Return all that were given out."""
        return Placeholders(given=tuple(self._given.values()))

    def give(self, kind: PiiKind, value: str) -> Placeholder:
        """Return the placeholder of a value, the one that it has already or a new one."""
        known = self._given.get((kind, value))
        new = Placeholder(kind=kind, number=self._numbers[kind] + 1, value=value)
        return known or self._enter(new)

    def value(self, kind: str, number: int) -> str | None:
        """Return what comes back for a placeholder; its kind is in capital letters alone."""
        return self._restorable.get((kind, number))

    def _enter(self, one: Placeholder) -> Placeholder:
        self._given[one.kind, one.value] = one
        self._numbers[one.kind] += 1

        if one.kind not in NEVER_RESTORED:
            self._restorable[_kind(one.kind), one.number] = one.value

        return one


def both(kept: Placeholders, mine: Placeholders) -> Placeholders:
    """Return what two calls have hidden that began at one state; what is `kept` keeps its numbers.

    >>> def email(number: int, value: str) -> Placeholder:
    ...     return Placeholder(kind=PiiKind.EMAIL, number=number, value=value)
    >>> kept, mine = (Placeholders(given=(email(1, one),)) for one in ("a@b.co", "c@d.co"))
    >>> [(one.token, one.value) for one in both(kept, mine).given]
    [('[EMAIL_1]', 'a@b.co'), ('[EMAIL_2]', 'c@d.co')]
    """
    book = Book(kept)

    for one in mine.given:
        book.give(one.kind, one.value)

    return book.state


def hide(book: Book, text: str, findings: Iterable[Finding], digest: Digest) -> str:
    """Return the text with placeholders for what was found; the book learns the new ones.

    `findings` are in order and do not overlap.
    """
    pieces: list[str] = []
    at = 0

    for one in _with_lookalikes(text, tuple(findings)):
        value = text[one.start : one.end]
        kept = digest(value) if one.kind in NEVER_RESTORED else value
        pieces += [text[at : one.start], book.give(one.kind, kept).token]
        at = one.end

    return "".join([*pieces, text[at:]]) if pieces else text


def reveal(book: Book, text: str, *, in_json: bool = False) -> str:
    """Return the text with the values back in place of their placeholders.

    A placeholder that was never given out, or is never restored, stays as it is. Models change
    what they repeat, so `[Email 1]` and `\\[EMAIL\\_1\\]` are understood as well. `in_json` says
    that the text is JSON, in whose strings the values stand.
    """
    if not _OPENING.search(text):
        return text

    def put_back(found: re.Match[str]) -> str:
        value = book.value(_kind(found["kind"]), int(found["number"]))

        if value is None:
            return found[0]

        return json.dumps(value, ensure_ascii=False)[1:-1] if in_json else value

    return _IN_JSON.sub(put_back, text) if in_json else _TOLERANT.sub(put_back, text)


_OPENING = re.compile("[\\[\u3010]")


def _kinds(within: str, kinds: Iterable[PiiKind]) -> str:
    """Return the pattern of kinds; their words are joined by what `within` matches, or nothing."""
    longest_first = sorted(kinds, key=len, reverse=True)
    return "|".join(f"(?:{within})?".join(kind.upper().split("_")) for kind in longest_first)


_WITHIN = r"\\?[ _-]|\u00a0"
_BETWEEN = rf"(?:{_WITHIN}){{1,2}}"
# A backslash before the bracket is the model's only if there is one before the other bracket too.
_FORM = (
    r"(?:\\\[(?=[\w \\\u00a0-]{{1,40}}\\\])|\[|\u3010) ?(?P<kind>{kinds}){between}"
    r"(?P<number>\d{{1,6}}) ?(?:\\?\]|\u3011)"
)
_TOLERANT = re.compile(
    _FORM.format(kinds=_kinds(_WITHIN, PiiKind), between=_BETWEEN), re.IGNORECASE
)
_LOOKALIKE = re.compile(
    _FORM.format(kinds=_kinds(_WITHIN, set(PiiKind) - NEVER_RESTORED), between=_BETWEEN),
    re.IGNORECASE,
)
# In JSON a sign after a backslash is one of JSON's own, so none is taken away.
_IN_JSON = re.compile(
    rf"\[ ?(?P<kind>{_kinds('[ _-]', PiiKind)})[ _-](?P<number>\d{{1,6}}) ?\]", re.IGNORECASE
)


def _kind(written: str) -> str:
    """Return the letters of a kind, however its words are joined.

    >>> _kind("ip address"), _kind("IP\\\\_ADDRESS")
    ('IPADDRESS', 'IPADDRESS')
    """
    return "".join(filter(str.isalpha, written.upper()))


def _with_lookalikes(text: str, findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the findings, and each text outside of them that `reveal` would take for one of ours.

    What is never restored needs no such care: nothing can be got by typing it.
    """
    if not _OPENING.search(text):
        return findings

    ends = [one.end for one in findings]

    def is_free(start: int, end: int) -> bool:
        after = bisect.bisect_right(ends, start)  # the first finding that does not end before
        return after == len(findings) or end <= findings[after].start

    looks = [
        Finding(start=found.start(), end=found.end(), kind=PiiKind.TEXT)
        for found in _LOOKALIKE.finditer(text)
        if is_free(found.start(), found.end())
    ]
    return tuple(sorted([*findings, *looks], key=lambda one: one.start)) if looks else findings


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
