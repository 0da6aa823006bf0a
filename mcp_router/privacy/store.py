"""What the keeper of privacy asks of a database."""

from collections.abc import Sequence
from typing import Protocol

from mcp_router.domain.privacy import Erased, KeptContent, KeptVault
from mcp_router.domain.record import Record


class PrivacyStore(Protocol):
    """Keys, sealed content and sealed vaults, all of them of one tenant each.

    Content is kept under a key that is there at that very moment: what comes after `erase` finds
    its key gone.
    """

    async def key(self, tenant: str, name: str) -> bytes | None:
        """Return the kept key of that name, None if there is none."""

    async def ensure_key(self, tenant: str, name: str, key: bytes, at_ms: int) -> bytes:
        """Return the kept key of that name; this one, if there was none."""

    async def keep_contents(self, key: bytes, rows: Sequence[KeptContent]) -> bool:
        """Keep texts of one subject if `key` is still the subject's; say whether."""

    async def contents(self, tenant: str, decision_id: str) -> tuple[KeptContent, ...]:
        """Return what is kept of a call."""

    async def keep_vault(self, key: bytes, row: KeptVault, *, before: bytes | None) -> bool:
        """Keep a vault, in place of the one that is sealed as `before`; say whether.

        It is not kept if `key` is not its subject's any more, or another vault is there by now.
        """

    async def vault(self, tenant: str, conversation: str, subject: str) -> KeptVault | None:
        """Return the vault of a conversation with one subject."""

    async def erase(self, tenant: str, subject: str, event: Record) -> Erased:
        """Forget the subject's key and all that was kept under it, and append `event` with that."""

    async def prune(self, *, contents_before_ms: int, vaults_before_ms: int) -> int:
        """Delete what was kept before these times; say how much."""
