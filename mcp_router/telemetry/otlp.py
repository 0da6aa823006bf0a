"""Spans over OTLP/HTTP. The only file that needs the extra `otlp`."""

import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from mcp_router.domain.trace import TraceContext
from mcp_router.telemetry import names, spans
from mcp_router.telemetry.exporting import Batch, Exporting

TIMEOUT_S = 4.0
"""For one batch, repetitions included."""

_NS = 1_000_000
_KINDS = {spans.SpanKind.SERVER: SpanKind.SERVER, spans.SpanKind.CLIENT: SpanKind.CLIENT}


class OtlpExporter:
    """Sends spans to a receiver; in memory they are ours, on the wire OpenTelemetry's."""

    def __init__(self, exporting: Exporting) -> None:
        """Prepare; nothing is sent yet."""
        session = requests.Session()
        session.trust_env = False  # as everywhere: no proxy and no password from the environment
        session.max_redirects = 0  # the headers may hold a credential
        self._exporter = OTLPSpanExporter(
            endpoint=f"{exporting.endpoint}/v1/traces",
            headers=dict(exporting.headers),
            timeout=TIMEOUT_S,
            session=session,
        )
        # Not `Resource.create`, which adds what it finds in the environment.
        self._resource = Resource(
            {
                names.SERVICE_NAME: exporting.service_name,
                names.SERVICE_VERSION: exporting.service_version,
            }
        )
        self._scope = InstrumentationScope(
            "mcp_router", exporting.service_version, schema_url=names.SCHEMA_URL
        )

    def export(self, batch: Batch) -> bool:
        """Return whether the receiver has taken them."""
        told = [self._readable(trace, span) for trace, made in batch for span in made]
        return self._exporter.export(told) is SpanExportResult.SUCCESS

    def stop(self) -> None:
        """Interrupt the pause before a repetition, and close."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the exporter leaves it so

    def _readable(self, trace: TraceContext, span: spans.Span) -> ReadableSpan:
        """Return a span as the exporter takes it.

        Made directly, as the SDK's own tracer would take the ids out of our hands.
        """
        error = span.error
        attributes = dict(span.attributes)

        if error is not None:
            attributes[names.ERROR_TYPE] = error

        is_remote = span.kind is spans.SpanKind.SERVER
        parent = _context(trace, span.parent_id, is_remote) if span.parent_id else None
        return ReadableSpan(
            name=span.name,
            context=_context(trace, span.span_id, False),
            parent=parent,
            resource=self._resource,
            attributes=attributes,
            events=[Event(one.name, dict(one.attributes), one.at_ms * _NS) for one in span.events],
            kind=_KINDS[span.kind],
            status=Status(StatusCode.UNSET if error is None else StatusCode.ERROR),
            start_time=span.start_ms * _NS,
            end_time=span.end_ms * _NS,
            instrumentation_scope=self._scope,
        )


def _context(trace: TraceContext, span_id: str, is_remote: bool) -> SpanContext:
    """Return the name of a span within its trace."""
    return SpanContext(
        int(trace.trace_id, 16),
        int(span_id, 16),
        is_remote,
        TraceFlags(TraceFlags.SAMPLED),
        TraceState.from_header([trace.state]) if trace.state else TraceState(),
    )
