"""A write as text, so that whoever goes on with an action can send the very same one."""

import json
from collections.abc import Mapping

from pydantic import TypeAdapter

from mcp_router.canonical import plain
from mcp_router.domain.write import CreateTicket, DeskWrite, SyncCase, UpdateTicket

_KINDS: Mapping[type[DeskWrite], str] = {
    CreateTicket: "create_ticket",
    UpdateTicket: "update_ticket",
    SyncCase: "sync_case",
}
_READERS: Mapping[str, TypeAdapter[DeskWrite]] = {
    name: TypeAdapter(kind) for kind, name in _KINDS.items()
}


def pack(write: DeskWrite) -> str:
    """Return the write as JSON that names its kind.

    Not the canonical form: a target that keeps a key compares bodies, so not even the way in
    which an accent is written may change. ASCII, because a store may refuse some characters.
    """
    return json.dumps({"kind": _KINDS[type(write)], "write": plain(write)}, separators=(",", ":"))


def unpack(text: str) -> DeskWrite:
    """Return the write that `pack` has made a text of."""
    parcel = json.loads(text)
    return _READERS[parcel["kind"]].validate_python(parcel["write"])
