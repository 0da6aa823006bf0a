"""The placeholders of a conversation as a vault keeps them: JSON, before it is sealed."""

import json

from mcp_router.canonical import canonical_json
from mcp_router.domain.privacy import PiiKind
from mcp_router.privacy.placeholders import Placeholder, Placeholders


def write_vault(state: Placeholders) -> str:
    """Return the placeholders as text."""
    return canonical_json([[one.kind.value, one.number, one.value] for one in state.given])


def read_vault(text: str) -> Placeholders:
    """Return the placeholders of a text that was written here and sealed since.

    >>> read_vault('[["email",1,"anna@example.com"]]').given[0].token
    '[EMAIL_1]'
    """
    return Placeholders(
        given=tuple(
            Placeholder(kind=PiiKind(kind), number=number, value=value)
            for kind, number, value in json.loads(text)
        )
    )
