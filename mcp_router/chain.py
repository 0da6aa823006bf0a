"""How the rows of the decision log hang together: each row's leaf, and the chain over the leaves.

A row's line is what is hashed: `{"record":…,"seq":…}`, canonical JSON in UTF-8 without a line
break. Its leaf is SHA-256(0x00 || line), as in RFC 9162; the chain after it is
SHA-256(chain before it || leaf), and before the first row 32 zero bytes. An export writes the line
with the chain after it as one more field: `{"chain":…,"record":…,"seq":…}`.
"""

import hashlib

START = bytes(32)
"""The chain before the first row."""

_LINKED = len('{"chain":"",') + 2 * len(START)


def row_line(seq: int, text: str) -> str:
    """Return the line of a row whose record is kept as `text`.

    >>> row_line(7, "{}")
    '{"record":{},"seq":7}'
    """
    return f'{{"record":{text},"seq":{seq}}}'


def linked_line(seq: int, text: str, chain: bytes) -> str:
    """Return the line of a row as an export writes it.

    >>> linked_line(7, "{}", bytes(2))
    '{"chain":"0000","record":{},"seq":7}'
    """
    return f'{{"chain":"{chain.hex()}","record":{text},"seq":{seq}}}'


def unlinked(line: bytes) -> bytes:
    """Return what is hashed of a line that an export wrote.

    >>> unlinked(linked_line(7, "{}", START).encode())
    b'{"record":{},"seq":7}'
    """
    return b"{" + line[_LINKED:]


def leaf_hash(line: bytes) -> bytes:
    """Return the leaf of a row's line.

    >>> leaf_hash(b"").hex()[:8]  # the tree of one empty leaf, in RFC 6962's own test data
    '6e340b9c'
    """
    return hashlib.sha256(b"\x00" + line).digest()


def next_link(chain: bytes, leaf: bytes) -> bytes:
    """Return the chain after a leaf."""
    return hashlib.sha256(chain + leaf).digest()
