"""Which keys a verifier believes: the one it was given, and those that vouch for each other."""

from collections.abc import Iterable, Mapping

from mcp_router.audit.signing import is_signed, key_id
from mcp_router.audit.statements import key_statement
from mcp_router.domain.tree_head import LogKey


def trusted_keys(pinned: Iterable[str], keys: Iterable[LogKey]) -> Mapping[str, str]:
    """Return the public half of every key that can be believed, by its id.

    `pinned` are public keys that came another way than from the log. From one of them to the next,
    forward and back, a rotation leads that both keys have signed.
    """
    believed = {key_id(public): public for public in pinned}
    halves = {key.key_id: key.public_key for key in keys if key_id_of(key) == key.key_id}
    links = [
        (key.key_id, key.signed_by)
        for key in keys
        if key.signed_by is not None and _is_mutual(key, halves)
    ]

    for _ in links:
        for new, old in links:
            for one, other in ((new, old), (old, new)):
                if one in believed and other not in believed:
                    believed[other] = halves[other]

    return believed


def key_id_of(key: LogKey) -> str | None:
    """Return the id that a key's public half has, None where that is damaged."""
    try:
        return key_id(key.public_key)
    except ValueError:
        return None


def _is_mutual(key: LogKey, halves: Mapping[str, str]) -> bool:
    """Return whether a key and the one before it have both signed the change."""
    old = halves.get(key.signed_by or "")
    message = key_statement(key)
    return (
        old is not None
        and key.key_id in halves
        and is_signed(old, message, key.signature)
        and is_signed(key.public_key, message, key.accepted)
    )
