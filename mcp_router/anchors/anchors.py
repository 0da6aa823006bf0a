"""The one place that maps an anchor's settings to what sends to it."""

from typing import assert_never

from mcp_router.anchors.sinks import FileSink, OutputSink, Sink
from mcp_router.anchors.webhook import WebhookSink
from mcp_router.audit_settings import AnchorSettings, FileAnchor, OutputAnchor, WebhookAnchor


def open_anchor(settings: AnchorSettings) -> Sink:
    """Return the sink of an anchor; nothing is opened before the first head."""
    match settings:
        case FileAnchor():
            return FileSink(settings.path)
        case OutputAnchor():
            return OutputSink()
        case WebhookAnchor():
            return WebhookSink(settings.url)
        case _:
            assert_never(settings)
