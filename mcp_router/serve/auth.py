"""Who calls over HTTP: a bearer token that router.yaml knows by its SHA-256."""

import hashlib
import hmac

from mcp.server.auth.provider import AccessToken

from mcp_router.domain.caller import Caller, Scope
from mcp_router.settings import TokenSettings


class StaticTokens:
    """Verifies bearer tokens against the configured digests, in constant time."""

    def __init__(self, tokens: tuple[TokenSettings, ...]) -> None:
        """Know these tokens and no others."""
        self._tokens = tokens

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return the token's grant, or None for one that is not configured.

        Every configured digest is compared, so the time taken tells nothing about which one
        matched, or how far.
        """
        given = hashlib.sha256(token.encode()).hexdigest()
        found: TokenSettings | None = None

        for known in self._tokens:
            if hmac.compare_digest(known.sha256, given):
                found = known

        if found is None:
            return None

        return AccessToken(
            token="",  # the secret itself is not needed any more
            client_id=found.name,
            subject=found.principal,
            scopes=sorted(found.scopes),
            claims={"tenant": found.tenant},
        )


def caller_of(token: AccessToken, transport: str) -> Caller:
    """Return the caller that a verified token stands for."""
    tenant = (token.claims or {}).get("tenant")
    assert isinstance(tenant, str), "verify_token has put it there"
    return Caller(
        tenant=tenant,
        principal=token.subject or token.client_id,
        scopes=frozenset(Scope(scope) for scope in token.scopes),
        transport=transport,
    )
