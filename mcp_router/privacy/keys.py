"""The keys of privacy, and what is sealed with them.

From the master key two are derived for each tenant (HKDF): one wraps the random keys of subjects,
one is for digests. Without a master key a tenant's digests have a random key of their own, which
lies in the store: a digest that leaves it alone can still not be guessed.
"""

import hashlib
import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mcp_router.domain.ids import Entropy
from mcp_router.domain.privacy import KeptContent, KeptVault
from mcp_router.errors import ContentKeyWrong
from mcp_router.privacy_settings import KEY_BYTES

_NONCE_BYTES = 12


def derived(master: bytes, purpose: str, *, tenant: str = "") -> bytes:
    """Return the key for one purpose and tenant; the same for the same master key.

    >>> derived(bytes(32), "digest") == derived(bytes(32), "digest")
    True
    >>> derived(bytes(32), "digest") == derived(bytes(32), "digest", tenant="acme")
    False
    """
    kdf = HKDF(
        algorithm=SHA256(),
        length=KEY_BYTES,
        salt=tenant.encode(),
        info=f"mcp-router {purpose}".encode(),
    )
    return kdf.derive(master)


def seal(key: bytes, text: bytes, *, about: str, entropy: Entropy) -> bytes:
    """Return the text sealed with AES-GCM, to be opened with the same key and `about` only."""
    nonce = entropy(_NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, text, about.encode())


def unseal(key: bytes, sealed: bytes, *, about: str) -> bytes:
    """Return what was sealed.

    Raises:
        ContentKeyWrong: it was sealed with another key, or as something else.
    """
    nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]

    try:
        return AESGCM(key).decrypt(nonce, rest, about.encode())
    except (InvalidTag, ValueError):
        raise ContentKeyWrong("What is kept was sealed with another master key.") from None


def about(row: KeptContent | KeptVault) -> str:
    """Return what a sealed text is bound to: it cannot be opened as anything else."""
    if isinstance(row, KeptVault):
        return f"vault\0{row.tenant}\0{row.conversation}\0{row.subject}"

    return f"content\0{row.tenant}\0{row.subject}\0{row.decision_id}\0{row.kind}"


@dataclass(frozen=True, slots=True, repr=False)
class Digester:
    """Digests of one tenant: nobody without its key can guess a value from its digest."""

    key: bytes

    def digest(self, purpose: str, text: str) -> str:
        """Return the HMAC-SHA256 of a text; the same text has another one for each purpose.

        >>> Digester(bytes(32)).digest("subject", "4711")[:8]
        'f5448d6e'
        """
        told = f"{purpose}\0{text}".encode("utf-8", "surrogatepass")
        return hmac.new(self.key, told, hashlib.sha256).hexdigest()

    def value(self, text: str) -> str:
        """Return the digest of a value that is never restored."""
        return self.digest("value", text)


@dataclass(frozen=True, slots=True, repr=False)
class SubjectKey:
    """A subject's key; `wrapped` is what the store keeps of it."""

    wrapped: bytes
    key: bytes


def new_subject_key(master: bytes, tenant: str, subject: str, entropy: Entropy) -> SubjectKey:
    """Return a random key, and how the store may keep it."""
    key = entropy(KEY_BYTES)
    wrapping = derived(master, "wrap", tenant=tenant)
    wrapped = seal(wrapping, key, about=_about_key(tenant, subject), entropy=entropy)
    return SubjectKey(wrapped, key)


def unwrapped(master: bytes, tenant: str, subject: str, wrapped: bytes) -> SubjectKey:
    """Return the key of a subject that the store has kept.

    Raises:
        ContentKeyWrong: it was wrapped with another master key.
    """
    wrapping = derived(master, "wrap", tenant=tenant)
    return SubjectKey(wrapped, unseal(wrapping, wrapped, about=_about_key(tenant, subject)))


def _about_key(tenant: str, subject: str) -> str:
    return f"key\0{tenant}\0{subject}"


def mark_of(master: bytes) -> bytes:
    """Return what a store keeps of its master key: it tells another key, and gives none away."""
    return Digester(derived(master, "check")).digest("check", "").encode()


def check_mark(mark: bytes, kept: bytes) -> None:
    """Refuse a master key whose mark is not the one that the store keeps.

    Raises:
        ContentKeyWrong: it is not.
    """
    if kept != mark:
        raise ContentKeyWrong("The database was first used with another master key.")
