"""How a program that is tortured reaches the embedded Zendesk."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class DeskAccess:
    """One account: `base_url` without a slash at its end, `ca_bundle` signs its certificate."""

    base_url: str
    email: str
    token: str
    ca_bundle: Path
