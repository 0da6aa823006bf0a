"""Signatures of webhooks as standardwebhooks.com has them: anybody's library can check them."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable

PREFIX = "whsec_"
VERSION = "v1"


def key_of(secret: str) -> bytes:
    """Return the key of a `whsec_` secret, which is in base64 with or without its padding.

    Raises:
        ValueError: it is no such secret.
    """
    text = secret.removeprefix(PREFIX)

    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("not a whsec_ secret") from None

    if not key or text == secret:
        raise ValueError("not a whsec_ secret")

    return key


def sign(keys: Iterable[bytes], *, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return `webhook-signature`: one signature a key, so that a receiver may change its key.

    >>> key = key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    >>> sign([key], message_id="msg_1", timestamp_s=1614265330, body=b"{}")
    'v1,ZztYR0IIDCBCUcYzh8ZE+qsQWpIgtHU7R1hpe8htaD4='
    """
    return " ".join(f"{VERSION},{_signature(key, message_id, timestamp_s, body)}" for key in keys)


def _signature(key: bytes, message_id: str, timestamp_s: int, body: bytes) -> str:
    """Return the HMAC of the three parts in base64."""
    content = f"{message_id}.{timestamp_s}.".encode() + body
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode("ascii")
