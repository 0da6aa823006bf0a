"""One receiver of alerts: how it wants them, and the one way to it."""

import hashlib

from mcp_router.alerts.post import Post, Receipt
from mcp_router.alerts.slack import message_of
from mcp_router.alerts.standard_webhooks import key_of
from mcp_router.alerts.webhook import body_of, headers_of
from mcp_router.alerts_settings import SinkKind, SinkSettings
from mcp_router.domain.alert import Alert, AlertKind, ClosedSink

SLACK_PAUSE_S = 1.0
"""Slack takes one message a second from an incoming webhook."""


class Sink:
    """Sends alerts to one receiver; `name` is the one in the settings."""

    def __init__(self, settings: SinkSettings, post: Post) -> None:
        """Send through `post`.

        Raises:
            ValueError: a secret of the settings is none.
        """
        self.name = settings.name
        self.events: frozenset[AlertKind] = settings.events
        self.pause_s = SLACK_PAUSE_S if settings.kind is SinkKind.SLACK else 0.0
        self._kind = settings.kind
        self._keys = tuple(key_of(secret.reveal()) for secret in settings.secrets)
        self._mark = hashlib.sha256(settings.url.reveal().encode()).hexdigest()[:16]
        self._post = post

    @property
    def as_closed(self) -> ClosedSink:
        """Return this receiver as one that is gone; under another URL it is another one."""
        return ClosedSink(sink=self.name, mark=self._mark)

    async def send(self, alert: Alert, *, now_s: int) -> Receipt:
        """Send the alert once and return what came of it."""
        if self._kind is SinkKind.SLACK:
            return await self._post.send(message_of(alert))

        body = body_of(alert)
        return await self._post.send(body, headers_of(alert, body, keys=self._keys, now_s=now_s))

    async def aclose(self) -> None:
        """Close what is open."""
        await self._post.aclose()


def open_sink(settings: SinkSettings) -> Sink:
    """Return the sink of these settings, not connected yet.

    Raises:
        InvalidSettings: its URL or its certificates cannot be used.
    """
    post = Post(
        settings.url.reveal(),
        allow_private=settings.allow_private,
        ca_bundle=settings.ca_bundle,
    )
    return Sink(settings, post)
