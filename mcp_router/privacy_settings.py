"""`privacy:` in router.yaml: what is hidden from models, what is kept of content, and for how long.

The master key comes from `MCP_ROUTER_KEY`, or from `key` if the file names another variable.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field

from mcp_router.domain.secret import Secret
from mcp_router.errors import InvalidSettings
from mcp_router.review import Form, Review, expect

KEY_VARIABLE = "MCP_ROUTER_KEY"
KEY_BYTES = 32

_EXPECTED = "a key of 32 bytes, as 64 hexadecimal digits or in Base64: `openssl rand -hex 32`"
_HEX = re.compile("[0-9A-Fa-f]{64}")

Switch: TypeAlias = Literal["off", "on"] | bool
DetectorName: TypeAlias = Literal["builtin", "presidio"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivacySettings:
    """What is done with personal data; without a section all of it has these defaults.

    `content` says whether prompts and answers are kept, sealed, for `retention_days`; `redact`
    whether models get placeholders in place of personal data, of which a conversation remembers
    its own for `vault_hours`. `key` is the master key as text, None without one.
    """

    content: bool = False
    retention_days: float = 30.0
    redact: bool = True
    vault_hours: float = 24.0
    detectors: tuple[DetectorName, ...] = ("builtin",)
    key: Secret | None = None


def key_bytes(text: str) -> bytes | None:
    """Return the master key that a text stands for, None if it stands for none.

    >>> len(key_bytes("00" * 32) or b"")
    32
    """
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)

    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None

    return key if len(key) == KEY_BYTES else None


def _key(text: str) -> str:
    """Return the text of a key, or say what a key looks like."""
    if key_bytes(text) is None:
        raise expect(_EXPECTED)

    return text


class _PrivacyForm(Form):
    content: Switch = "off"
    retention_days: float = Field(default=30.0, gt=0, le=3650)
    redact: Switch = "on"
    vault_hours: float = Field(default=24.0, gt=0, le=24 * 30)
    detectors: list[DetectorName] = Field(default=["builtin"], min_length=1)
    key: Annotated[str, AfterValidator(_key)] | None = None


def read_privacy(review: Review, environ: Mapping[str, str]) -> PrivacySettings:
    """Return the section's settings; what it does not name has its default.

    Raises:
        InvalidSettings: the environment's key is none.
    """
    form = _PrivacyForm()

    if review.document.at(("privacy",)) is not None:
        form = review.read(_PrivacyForm, ("privacy",)) or form

    key = form.key or environ.get(KEY_VARIABLE) or None

    if key is not None and form.key is None and key_bytes(key) is None:
        raise InvalidSettings(f"The environment variable {KEY_VARIABLE}: expected {_EXPECTED}.")

    return PrivacySettings(
        content=form.content in ("on", True),
        retention_days=form.retention_days,
        redact=form.redact in ("on", True),
        vault_hours=form.vault_hours,
        detectors=tuple(dict.fromkeys(form.detectors)),
        key=None if key is None else Secret(key),
    )
