"""Arbitrary values of the frozen dataclasses, for properties that must hold for all of them."""

import dataclasses
import types
import unicodedata
from enum import Enum
from typing import Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

SAFE = 2**53 - 1
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(
    lambda text: unicodedata.normalize("NFC", text)  # what canonical JSON keeps of a text
)
PLAIN: dict[object, st.SearchStrategy[object]] = {
    bool: st.booleans(),
    int: st.integers(-(2**70), 2**70),
    float: st.floats(allow_nan=False, allow_infinity=False),
    str: TEXTS,
    types.NoneType: st.none(),
}


def values(form: object) -> st.SearchStrategy[object]:
    """Return a strategy for a dataclass, an enum, a tuple, a union or a plain type."""
    if form in PLAIN:
        return PLAIN[form]

    if isinstance(form, type) and issubclass(form, Enum):
        return st.sampled_from(list(form))

    if isinstance(form, type) and dataclasses.is_dataclass(form):
        hints = get_type_hints(form)
        return st.builds(form, **{name: values(hint) for name, hint in hints.items()})

    if get_origin(form) in (Union, types.UnionType):
        return st.one_of([values(part) for part in get_args(form)])

    if get_origin(form) is tuple:
        return st.lists(values(get_args(form)[0]), max_size=2).map(tuple)

    raise TypeError(f"no strategy for {form}")


def parts(form: object) -> set[type]:
    """Return the dataclass and every dataclass that it can hold."""
    if isinstance(form, type) and dataclasses.is_dataclass(form):
        return {form}.union(*(parts(hint) for hint in get_type_hints(form).values()))

    return set().union(*(parts(part) for part in get_args(form)))
