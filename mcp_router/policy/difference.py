"""What changed between two versions of a policy: every field, in the order of the document.

It compares the plain form of the two values, in which parts that have a name (intents, pools and
their targets, rules, cases) are found again by it. A field that is added to the policy one day is
compared from that day on.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias, assert_never

from mcp_router.canonical import JsonValue, plain
from mcp_router.domain.policy import Policy

Path: TypeAlias = tuple[str, ...]

_NAMING = ("name", "id", "target")  # the fields that name a part of a list, the first that is there
_ONE_BY_ONE = frozenset({"examples"})  # lists whose items are parts themselves
_IN_ORDER = frozenset({"fallback", "sources"})  # lists that mean their order: told as a whole
_SECTIONS = {"intents": "intent", "pools": "pool", "rules": "rule", "cases": "case"}
_TOOL_RULE = "tool:"
_DECIMALS = 6  # of micro-dollars


class ChangeKind(StrEnum):
    """What happened to a part."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    MOVED = "moved"  # within its list; only the parts that the others did not move around


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. `where` is its path by the policy's field names and the names of its parts.

    `before` and `after` are texts for people; what was not there, or is not any more, is None.
    """

    where: Path
    kind: ChangeKind
    before: str | None
    after: str | None


def difference(a: Policy, b: Policy) -> tuple[Change, ...]:
    """Return what changed from `a` to `b`; nothing exactly where they are equal."""
    return tuple(_compared((), plain(a), plain(b)))


def tell_change(change: Change, *, of: str | None = None) -> str:
    """Return the change as a line; `of` names the parts that share it, where there are several.

    >>> tell_change(Change(
    ...     where=("rules", "routine", "when", "min_confidence"),
    ...     kind=ChangeKind.CHANGED, before="0.6", after="0.7",
    ... ))
    'rule routine, when: confidence at least: 0.6 → 0.7'
    """
    place = tell_place(change.where, of=of)

    match change.kind:
        case ChangeKind.ADDED:
            return f"{place}: added: {change.after}"
        case ChangeKind.REMOVED:
            return f"{place}: removed: {change.before}"
        case ChangeKind.MOVED:
            return f"{place}: moved from {change.before} to {change.after}"
        case ChangeKind.CHANGED:
            return f"{place}: {change.before} → {change.after}"
        case _:
            assert_never(change.kind)


def tell_place(where: Path, *, of: str | None = None) -> str:
    """Return a path as a person says it; `of` stands for the part that it leads into.

    >>> tell_place(("pools", "cost", "targets", "gpt-5-nano", "quality"))
    'pool cost, target gpt-5-nano: quality'
    """
    section, *rest = where

    if section not in _SECTIONS or not rest:
        return ": ".join(map(_label, where))

    name, *fields = rest
    part = of or f"{_SECTIONS[section]} {name}"

    if of is None and section == "rules" and name.startswith(_TOOL_RULE):
        part = f"tool {name.removeprefix(_TOOL_RULE)}"

    if fields[:1] == ["targets"] and len(fields) > 1:
        part, fields = f"{part}, target {fields[1]}", fields[2:]
    elif fields[:1] == ["examples"] and len(fields) > 1:
        fields = ["phrase"]
    elif len(fields) > 1:
        part, fields = f"{part}, {_label(fields[0])}", fields[1:]

    return ": ".join((part, *map(_label, fields)))


def _compared(path: Path, before: JsonValue, after: JsonValue) -> Iterator[Change]:
    """Yield the changes at a path and below it."""
    if before == after:
        return

    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in dict.fromkeys((*before, *after)):
            yield from _compared((*path, name), before.get(name), after.get(name))

        return

    old, new = _parts(path, before), _parts(path, after)

    if old is not None and new is not None:
        yield from _compared_parts(path, old, new)
    elif (gone := _only_in(path, before, after)) is None:
        yield _change(path, before, after)
    else:
        come = _only_in(path, after, before)
        yield from (_change(path, items, None) for items in (gone,) if items)
        yield from (_change(path, None, items) for items in (come,) if items)


def _compared_parts(
    path: Path, old: Mapping[Path, JsonValue], new: Mapping[Path, JsonValue]
) -> Iterator[Change]:
    """Yield the changes of a list whose parts have names: in it, within a part, in their order."""
    for name, before in old.items():
        if name not in new:
            yield _change((*path, *name), before, None)

    moves = _moves(list(old), list(new))

    for name, after in new.items():
        if name not in old:
            yield _change((*path, *name), None, after)
            continue

        if name in moves:
            here, there = (f"place {place}" for place in moves[name])
            yield Change(where=(*path, *name), kind=ChangeKind.MOVED, before=here, after=there)

        yield from _compared((*path, *name), old[name], after)


def _only_in(path: Path, these: JsonValue, those: JsonValue) -> list[str] | None:
    """Return the words of one list that the other does not have.

    None where the two have to be told as a whole: what they have in common stands in another
    order, or nothing is in common, or they are no lists of words.
    """
    mine, other = _words(these), _words(those)

    if path[-1] in _IN_ORDER or mine is None or other is None:
        return None

    common = [word for word in mine if word in other]
    is_kept = bool(common) and common == [word for word in other if word in mine]
    return [word for word in mine if word not in other] if is_kept else None


def _words(value: JsonValue) -> list[str] | None:
    """Return a list of words that stand there once each, None for everything else."""
    if not isinstance(value, Sequence) or isinstance(value, str):
        return None

    words = [word for word in value if isinstance(word, str)]
    return words if len(set(words)) == len(value) else None


def _parts(path: Path, value: JsonValue) -> dict[Path, JsonValue] | None:
    """Return the items of a list by their names, None where they have none.

    A name that stands there more than once is told apart by its number.
    """
    if value is None or not path:
        return None

    if not isinstance(value, Sequence) or isinstance(value, str):
        return None

    seen: Counter[str] = Counter()
    parts: dict[Path, JsonValue] = {}

    for item in value:
        name = item if path[-1] in _ONE_BY_ONE else _name(item)

        if not isinstance(name, str):
            return None

        seen[name] += 1
        number = () if seen[name] == 1 else (str(seen[name]),)
        parts[(name, *number)] = item

    return parts


def _name(item: JsonValue) -> JsonValue:
    """Return what names a part of a list, None if nothing does."""
    if not isinstance(item, Mapping):
        return None

    return next((item[field] for field in _NAMING if field in item), None)


def _moves(old: Sequence[Path], new: Sequence[Path]) -> dict[Path, tuple[int, int]]:
    """Return the fewest names that have to move to bring `old` into the order of `new`.

    Each comes with its places in both, counted from 1. One that only changed places with its
    neighbours around it is left out, as long as there is another one to tell.
    """
    before = {name: place for place, name in enumerate(old, start=1)}
    common = [name for name in new if name in before]
    kept = _in_order([before[name] for name in common])
    moved = {
        name: (before[name], place)
        for place, name in enumerate(new, start=1)
        if name in before and before[name] not in kept
    }
    return {name: pair for name, pair in moved.items() if pair[0] != pair[1]} or moved


def _in_order(places: Sequence[int]) -> frozenset[int]:
    """Return a longest increasing subsequence of different numbers.

    >>> sorted(_in_order([4, 1, 2, 3]))
    [1, 2, 3]
    """
    ends: list[int] = []  # the least end of an increasing subsequence, by its length
    lengths: list[int] = []

    for place in places:
        at = bisect_left(ends, place)
        ends[at : at + 1] = [place]
        lengths.append(at + 1)

    kept: set[int] = set()

    for place, length in zip(reversed(places), reversed(lengths), strict=True):
        if length == len(ends) - len(kept):
            kept.add(place)

    return frozenset(kept)


def _change(path: Path, before: JsonValue, after: JsonValue) -> Change:
    """Return the change of a value that has no parts, or of a part as a whole."""
    field = path[-1]
    kind = ChangeKind.CHANGED

    if _is_nothing(before):
        kind = ChangeKind.ADDED
    elif _is_nothing(after):
        kind = ChangeKind.REMOVED

    old, new = (
        None if _is_nothing(one) else _text(field, one) or "it says nothing"
        for one in (before, after)
    )
    return Change(where=path, kind=kind, before=old, after=new)


def _is_nothing(value: JsonValue) -> bool:
    """Tell whether a value stands for something that is not there; an empty text is there."""
    return value is None or (isinstance(value, Sequence) and not value and value != "")


def _text(field: str, value: JsonValue) -> str | None:
    """Return a value for people, None for nothing; of a part only what it says besides its name."""
    if _is_nothing(value) or value is None:
        return None

    if isinstance(value, Mapping):
        said = {name: item for name, item in value.items() if item and name not in _NAMING}
        told = ((name, _text(name, item)) for name, item in said.items())
        return "; ".join(f"{_label(name)} {text}" for name, text in told if text) or None

    if isinstance(value, str):
        return " ".join(value.split()) if value.split() else '""'

    if isinstance(value, Sequence):
        items = (_text(field, item) or "nothing" for item in value)
        return ", ".join(f"({text})" if ";" in text else text for text in items)

    return _number(field, value)


def _number(field: str, value: float) -> str:
    """Return a number with the unit that the field's name says, or a truth.

    >>> _number("budget_microusd", 50_000), _number("deadline_s", 30.0), _number("any", True)
    ('$0.05', '30 s', 'yes')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"

    if field.endswith("_microusd") and isinstance(value, int):
        return f"${Decimal(value).scaleb(-_DECIMALS).normalize():f}"

    figure = str(int(value)) if value == int(value) else repr(value)

    if field.endswith("_ms"):
        return f"{figure} ms"

    return f"{figure} s" if field.endswith("_s") else figure


def _label(field: str) -> str:
    """Return the name of a field in words.

    >>> _label("min_prompt_tokens"), _label("budget_microusd")
    ('prompt tokens at least', 'budget')
    """
    words = re.sub(r"_(microusd|ms|s)$", "", field)

    for bound, told in (("min_", "at least"), ("max_", "at most")):
        if words.startswith(bound):
            words = f"{words.removeprefix(bound)} {told}"

    return words.replace("_", " ")
