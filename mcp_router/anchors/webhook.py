"""Posts signed heads to a URL."""

import httpx2

from mcp_router.errors import StorageUnavailable

TIMEOUT_S = 10.0


class WebhookSink:
    """Posts each line as the JSON that it is; any answer of 200 to 299 counts as kept."""

    def __init__(self, url: str, *, transport: httpx2.AsyncBaseTransport | None = None) -> None:
        """Post to `url`, with a connection of its own for every head: there is one an hour."""
        self._url = url
        self._transport = transport
        self.name = f"the webhook at {httpx2.URL(url).host}"  # a path may hold a secret

    async def send(self, line: str) -> None:
        """Post the line.

        Raises:
            StorageUnavailable: it was not taken, or nobody knows.
        """
        try:
            async with httpx2.AsyncClient(
                timeout=TIMEOUT_S, transport=self._transport, follow_redirects=False
            ) as client:
                answer = await client.post(
                    self._url, content=line, headers={"content-type": "application/json"}
                )
        except (httpx2.HTTPError, OSError) as error:
            raise StorageUnavailable(
                f"A head cannot be sent to {self.name} ({type(error).__name__})."
            ) from None

        if not answer.is_success:
            raise StorageUnavailable(f"{self.name} answered a head with {answer.status_code}.")
