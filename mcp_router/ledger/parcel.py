"""A write as text, so that whoever goes on with an action can send the very same one."""

import json
from collections.abc import Mapping

from pydantic import TypeAdapter

from mcp_router.canonical import JsonValue, plain
from mcp_router.domain.write import CreateTicket, DeskWrite, SyncCase, UpdateTicket
from mcp_router.errors import OutcomeUnknown

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
    """Return the write that `pack` has made a text of.

    Raises:
        OutcomeUnknown: another version of the router has, and this one cannot read it.
    """
    try:
        parcel = json.loads(text)
        write = _READERS[parcel["kind"]].validate_python(parcel["write"])
    except (KeyError, ValueError):
        # Without its cause, which would show what a customer has written.
        raise _foreign() from None

    # A field that a newer version has added would be left out of what is sent again.
    if not _covers(plain(write), parcel["write"]):
        raise _foreign()

    return write


def _covers(whole: JsonValue, part: JsonValue) -> bool:
    """Return whether everything that `part` says stands in `whole` as well."""
    if isinstance(whole, Mapping) and isinstance(part, Mapping):
        return all(name in whole and _covers(whole[name], part[name]) for name in part)

    return whole == part


def _foreign() -> OutcomeUnknown:
    """Return what is told of a write that another version of the router has sent."""
    return OutcomeUnknown(
        "Another version of the router has sent this write, and this one cannot go on with it."
    )
