"""Signed heads, keys and rows of the log as every kind of database keeps them."""

import json
import unicodedata
from collections.abc import Mapping

from mcp_router.canonical import canonical_json
from mcp_router.domain.tree_head import KeptRow, LogKey, SignedHead, TreeHead
from mcp_router.storage.records import COLUMNS

HEADS = "SELECT size, previous, root, chain, at_ms, key_id, signature, frontier, consistency"
KEYS = "SELECT key_id, public_key, at_ms, signed_by, signature, accepted FROM log_keys"
ROWS = f"SELECT seq, record, leaf, chain, {', '.join(COLUMNS)} FROM decisions"  # noqa: S608  # ours

NO_NUL = "\N{REPLACEMENT CHARACTER}"
"""What stands for NUL in a column of a database that cannot keep it."""


def head_values(signed: SignedHead) -> tuple[str | int, ...]:
    """Return the columns of a head, in the order of `HEADS`."""
    head = signed.head
    return (
        head.size,
        signed.previous,
        head.root,
        head.chain,
        head.at_ms,
        head.key_id,
        signed.signature,
        canonical_json(signed.frontier),
        canonical_json(signed.consistency),
    )


def key_values(key: LogKey) -> tuple[str | int | None, ...]:
    """Return the columns of a key, in the order of `KEYS`."""
    return (key.key_id, key.public_key, key.at_ms, key.signed_by, key.signature, key.accepted)


def read_head(values: tuple[object, ...]) -> SignedHead:
    """Return the head of a row of `HEADS`; what was damaged there fails to verify."""
    size, previous, root, chain, at_ms, key_id, signature, frontier, consistency = values
    return SignedHead(
        head=TreeHead(
            size=_number(size),
            root=_clean(root),
            chain=_clean(chain),
            at_ms=_number(at_ms),
            key_id=_clean(key_id),
        ),
        signature=_clean(signature),
        previous=_number(previous),
        frontier=_hashes(frontier),
        consistency=_hashes(consistency),
    )


def read_key(values: tuple[object, ...]) -> LogKey:
    """Return the key of a row of `KEYS`."""
    key_id, public_key, at_ms, signed_by, signature, accepted = values
    return LogKey(
        key_id=_clean(key_id),
        public_key=_clean(public_key),
        at_ms=_number(at_ms),
        signed_by=None if signed_by is None else _clean(signed_by),
        signature=None if signature is None else _clean(signature),
        accepted=None if accepted is None else _clean(accepted),
    )


def read_row(values: tuple[object, ...]) -> KeptRow:
    """Return a row of `ROWS`, whatever was done to it."""
    seq, text, leaf, chain, *columns = values
    return KeptRow(
        seq=_number(seq),
        text=str(text),
        leaf=leaf if isinstance(leaf, bytes) else b"",
        chain=chain if isinstance(chain, bytes) else b"",
        columns=tuple(one if isinstance(one, int) else _text(one) for one in columns),
    )


def columns_agree(row: KeptRow) -> bool:
    """Return whether the columns that people ask by say what the record says."""
    try:
        record = json.loads(row.text)
    except (ValueError, RecursionError):
        return False

    if not isinstance(record, dict):
        return False

    told = [_at(record, path.split(".")) for path in COLUMNS.values()]
    return all(map(_agree, row.columns, told))


def _agree(kept: str | int | None, said: str | int | None) -> bool:
    """Return whether a column holds what the record says, as far as a column can."""
    if kept == said:
        return True

    if kept is None or not isinstance(said, str):
        return False

    # A record is in Unicode NFC, and a number that JSON cannot hold is a text in it. PostgreSQL
    # has no NUL in a column, where the record's text has it in its escaped form.
    return unicodedata.normalize("NFC", str(kept)) in (said, said.replace("\0", NO_NUL))


def _at(record: Mapping[str, object], path: list[str]) -> str | int | None:
    """Return what stands at a path, None where it ends before."""
    value: object = record

    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None

    return value if isinstance(value, int) else _text(value)


def _number(value: object) -> int:
    """Return a whole number, -1 for anything else."""
    return value if isinstance(value, int) else -1


def _text(value: object) -> str | None:
    """Return a text, or None."""
    return None if value is None else str(value)


def _clean(value: object) -> str:
    """Return a text of a head or a key that can be sent on, whatever bytes were put into it."""
    return str(value).encode("utf-8", "replace").decode()


def _hashes(value: object) -> tuple[str, ...]:
    """Return a list of hashes, empty where it is damaged."""
    try:
        found = json.loads(str(value))
    except ValueError:
        return ()

    return tuple(map(str, found)) if isinstance(found, list) else ()
