"""The Ed25519 key that signs tree heads: made at first use, kept in a file for its owner alone."""

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from mcp_router.audit_settings import AuditSettings
from mcp_router.errors import FileUnusable, SigningKeyUnusable

_RAW_BYTES = 32
_ID_DIGITS = 32


class Signer:
    """One private key, which never leaves this object."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        """Sign with `private`."""
        self._private = private
        self.public_key = private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
        self.key_id = key_id(self.public_key)

    def sign(self, message: bytes) -> str:
        """Return the signature in hexadecimal."""
        return self._private.sign(message).hex()

    def pem(self) -> bytes:
        """Return the private key as its file holds it."""
        return self._private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def key_id(public_key: str) -> str:
    """Return what a key is called: the first half of the SHA-256 of its public half.

    >>> key_id("00" * 32)
    '66687aadf862bd776c8fc18b8e9f8e20'
    """
    return hashlib.sha256(bytes.fromhex(public_key)).hexdigest()[:_ID_DIGITS]


def is_signed(public_key: str, message: bytes, signature: str | None) -> bool:
    """Return whether the signature is the key's; False also for what is no key or signature."""
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
        key.verify(bytes.fromhex(signature or ""), message)
    except (InvalidSignature, ValueError):
        return False

    return True


def seeded(seed: str) -> Signer:
    """Return the signer of a seed, 64 hexadecimal digits; settings have checked that it is one."""
    return Signer(Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed)))


def fresh() -> Signer:
    """Return a signer with a new key."""
    return Signer(Ed25519PrivateKey.generate())


def open_signer(settings: AuditSettings) -> Signer:
    """Return the signer that settings name.

    Raises:
        SigningKeyUnusable: as `open_key`.
    """
    return seeded(settings.key.reveal()) if settings.key else open_key(settings.key_file)


def open_key(path: Path) -> Signer:
    """Return the signer of a file; a file that is not there is made, for its owner alone.

    Raises:
        SigningKeyUnusable: the file cannot be made or read, or holds no Ed25519 key.
    """
    try:
        if not path.exists():
            _write(path, fresh().pem())

        return _read(path)
    except (OSError, ValueError, TypeError) as error:
        raise SigningKeyUnusable(f"{path} cannot be used ({type(error).__name__}).") from None


def replace_key(path: Path, signer: Signer) -> Path:
    """Put another key into the file, and return where the one before it is kept.

    Raises:
        SigningKeyUnusable: the folder cannot be written.
    """
    former = path.with_name(f"{path.name}.{open_key(path).key_id[:8]}")

    try:
        waiting = path.with_name(f"{path.name}.new")
        waiting.unlink(missing_ok=True)
        _write(waiting, signer.pem())
        former.unlink(missing_ok=True)
        former.hardlink_to(path)  # so that at no moment there is no key
        waiting.replace(path)
    except OSError as error:
        raise SigningKeyUnusable(f"{path} cannot be replaced ({error.strerror}).") from None

    return former


def read_public(path: Path) -> str:
    """Return a public key from a file: PEM, or the 64 digits that `audit key` prints.

    Raises:
        FileUnusable: the file is not there, or holds neither.
    """
    try:
        text = path.read_bytes().strip()

        if text.startswith(b"-----"):
            key = load_pem_public_key(text)

            if not isinstance(key, Ed25519PublicKey):
                raise ValueError

            return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

        raw = bytes.fromhex(text.split()[0].decode())

        if len(raw) != _RAW_BYTES:
            raise ValueError
    except (OSError, ValueError, IndexError):
        raise FileUnusable(
            f"{path} holds no Ed25519 public key.",
            next_step="Name a file with what `mcp-router audit key` prints.",
        ) from None

    return raw.hex()


def _write(path: Path, text: bytes) -> None:
    """Write a new file that nobody but its owner can read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    with os.fdopen(handle, "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _read(path: Path) -> Signer:
    """Return the signer of a file that is there."""
    key = load_pem_private_key(path.read_bytes(), password=None)

    if not isinstance(key, Ed25519PrivateKey):
        raise TypeError

    return Signer(key)
