"""Who calls over HTTP: a bearer token that router.yaml knows by its SHA-256."""

import hashlib
import hmac

from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from mcp_router.domain.caller import Caller, Scope
from mcp_router.errors import Unauthenticated
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


class RequireToken:
    """An application behind a verified token; without one the answer is a coded 401.

    The SDK's own guard answers in OAuth's words alone (RFC 6750, 3.1); those are kept beside ours.
    """

    def __init__(self, app: ASGIApp) -> None:
        """Guard `app`."""
        self._app = app

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Let a request with a verified token in."""
        if isinstance(scope.get("user"), AuthenticatedUser):
            await self._app(scope, receive, send)
        else:
            await _unauthenticated()(scope, receive, send)


def _unauthenticated() -> JSONResponse:
    """Return the answer to a request without a token, or with one that is not configured."""
    error = Unauthenticated("No configured bearer token was sent.")
    body = {
        "error": "invalid_token",
        "error_description": error.message,
        "code": error.code,
        "message": error.message,
        "retryable": error.retryable,
        "next": error.advice,
    }
    challenge = f'Bearer error="invalid_token", error_description="{error.message}"'
    return JSONResponse(body, status_code=401, headers={"www-authenticate": challenge})
