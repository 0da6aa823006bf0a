"""Opens what the settings only name: what sends spans, signs heads, and finds personal data.

Nothing here is wired to anything; that is for `app`.
"""

import asyncio
import os
from contextlib import AsyncExitStack
from typing import assert_never

from mcp_router import __version__
from mcp_router.alerts.alerts import Alerts
from mcp_router.anchors.anchors import open_anchor
from mcp_router.audit.heads import HeadKeeper, HeadPace, HeadStore
from mcp_router.audit.signing import open_signer
from mcp_router.audit.sources import file_heads
from mcp_router.audit_settings import AuditSettings
from mcp_router.clock import Clock
from mcp_router.privacy_settings import DetectorName, PrivacySettings
from mcp_router.settings import ProviderKind, Settings
from mcp_router.signals.detector import BuiltinDetector, Detector, Remembering
from mcp_router.signals.presidio import open_presidio
from mcp_router.telemetry.exporting import Exporting, SpanSender
from mcp_router.telemetry.metrics import Metrics
from mcp_router.telemetry.otlp_extra import open_exporter
from mcp_router.telemetry.spans import TracedModel
from mcp_router.telemetry.tracing import UNTRACED, Tracer

_TRACED_AS = {
    ProviderKind.ANTHROPIC: "anthropic",
    ProviderKind.OPENAI: "openai",
    ProviderKind.GEMINI: "gcp.gemini",
}
"""How OpenTelemetry names the providers."""


def open_tracer(settings: Settings, metrics: Metrics, stack: AsyncExitStack) -> Tracer:
    """Return what makes spans of calls, if that is asked for; `stack` sends the last ones.

    Raises:
        InvalidSettings: it is asked for, and what sends them is not installed.
    """
    asked = settings.telemetry

    if asked.otlp_endpoint is None:
        return UNTRACED

    exporter = open_exporter(
        Exporting(
            endpoint=asked.otlp_endpoint,
            service_name=asked.service_name,
            service_version=__version__,
            headers={one.name: one.value.reveal() for one in asked.headers},
        )
    )
    kinds = {one.name: _TRACED_AS[one.kind] for one in settings.providers}
    sender = SpanSender(
        exporter,
        entropy=os.urandom,
        ratio=asked.sample_ratio,
        models={
            one.name: TracedModel(provider=kinds[one.provider], model=one.model)
            for one in settings.models
        },
        gauge=metrics,
    )
    stack.push_async_callback(asyncio.to_thread, sender.close)
    return sender


def open_heads(
    store: HeadStore, settings: AuditSettings, clock: Clock, alerts: Alerts
) -> HeadKeeper:
    """Return what signs the decision log's heads; the key is opened when the first one is due."""
    return HeadKeeper(
        store,
        clock,
        os.urandom,
        signer=lambda: open_signer(settings),
        pace=HeadPace(every_s=settings.head_every_s, every_rows=settings.head_every_rows),
        anchors=tuple(map(open_anchor, settings.anchors)),
        anchored=lambda: file_heads(settings.anchors),
        alarm=lambda broken: alerts.verification_failed(
            source="store", seq=None, problem=broken.code
        ),
    )


def open_detectors(settings: PrivacySettings) -> tuple[Detector, ...]:
    """Return what finds personal data.

    Raises:
        InvalidSettings: one is asked for that is not installed.
    """
    return tuple(Remembering(_detector(name)) for name in settings.detectors)


def _detector(name: DetectorName) -> Detector:
    """Return the detector of a name."""
    match name:
        case "builtin":
            return BuiltinDetector()
        case "presidio":
            return open_presidio()

    assert_never(name)
