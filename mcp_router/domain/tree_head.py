"""Signed heads of the tree over the decision log, and the rows and keys that they rest on."""

from dataclasses import dataclass
from typing import TypeAlias

ExportRow: TypeAlias = tuple[int, str, bytes]
"""A row as it is exported: its place, its text, and the chain after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeHead:
    """The log's first `size` rows in one hash; hashes and ids are lower-case hexadecimal."""

    size: int
    root: str  # of the Merkle tree over the rows' leaves (RFC 9162)
    chain: str  # after the last of them
    at_ms: int
    key_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedHead:
    """A head with its signature, and what leads from the head before it to this one.

    `frontier` has the roots of the perfect subtrees, the largest first; `consistency` proves that
    the tree of `previous` rows is a prefix of this one, and is empty for the first head.
    """

    head: TreeHead
    signature: str
    previous: int = 0
    frontier: tuple[str, ...] = ()
    consistency: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKey:
    """The public half of a key that signs heads.

    `signature` is of the key `signed_by` and `accepted` of this one, over the same statement; all
    three are missing where nobody vouches for it, as for the first.
    """

    key_id: str
    public_key: str
    at_ms: int
    signed_by: str | None = None
    signature: str | None = None
    accepted: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRow:
    """A row of the log as a database keeps it; `columns` are those that people ask by."""

    seq: int
    text: str
    leaf: bytes
    chain: bytes
    columns: tuple[str | int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """What a row is in the tree and in the chain, without its text."""

    seq: int
    leaf: bytes
    chain: bytes
