"""What is signed, word for word, and how a signed head is written down outside the database."""

import json
from collections.abc import Mapping

from mcp_router.canonical import JsonValue, canonical_json, plain
from mcp_router.domain.tree_head import LogKey, SignedHead, TreeHead

HEAD = "mcp-router-head-1"
KEY = "mcp-router-key-1"

UNREADABLE = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What comes of reading JSON that somebody made up: other types, endless numbers, deep nesting."""


def head_statement(head: TreeHead) -> bytes:
    """Return the bytes that are signed for a head."""
    return canonical_json(
        {
            "at_ms": head.at_ms,
            "chain": head.chain,
            "key_id": head.key_id,
            "kind": HEAD,
            "root": head.root,
            "size": head.size,
        }
    ).encode()


def key_statement(key: LogKey) -> bytes:
    """Return the bytes that an old key and the one after it both sign."""
    return canonical_json(
        {
            "key_id": key.key_id,
            "kind": KEY,
            "public_key": key.public_key,
            "signed_by": key.signed_by,
        }
    ).encode()


def anchor_line(signed: SignedHead, public_key: str) -> str:
    """Return a head for an anchor: one line of JSON that needs nothing else to be checked."""
    return canonical_json(anchored(signed, public_key))


def anchored(signed: SignedHead, public_key: str) -> dict[str, JsonValue]:
    """Return a head as an anchor's line and a manifest write it."""
    return {
        "head": plain(signed.head),
        "public_key": public_key,
        "signature": signed.signature,
    }


def read_anchor(line: str) -> tuple[SignedHead, str] | None:
    """Return the head and the public key of an anchor's line, None if it holds none."""
    try:
        return read_anchored(json.loads(line))
    except UNREADABLE:
        return None


def read_anchored(found: Mapping[str, object]) -> tuple[SignedHead, str]:
    """Return the head and the public key of what an anchor's line or a manifest holds.

    Raises:
        One of `UNREADABLE`: it holds no head.
    """
    told = found["head"]

    if not isinstance(told, Mapping):
        raise TypeError

    head = TreeHead(
        size=int(told["size"]),
        root=str(told["root"]),
        chain=str(told["chain"]),
        at_ms=int(told["at_ms"]),
        key_id=str(told["key_id"]),
    )
    return SignedHead(head=head, signature=str(found["signature"])), str(found["public_key"])
