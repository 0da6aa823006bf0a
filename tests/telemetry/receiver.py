"""A real OTLP/HTTP receiver on loopback, which decodes what it is sent as the protocol says."""

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as WireSpan

Value = str | int | float | bool | tuple[object, ...]
KINDS = {WireSpan.SPAN_KIND_SERVER: "server", WireSpan.SPAN_KIND_CLIENT: "client"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One span as it came over the wire."""

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    is_error: bool
    state: str
    attributes: Mapping[str, Value]
    events: tuple[tuple[str, Mapping[str, Value]], ...]
    resource: Mapping[str, Value]
    schema_url: str


@dataclass(slots=True)
class Receiver:
    """What has come in; `url` is what `otlp_endpoint` takes."""

    url: str
    spans: list[Received] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def calls(self) -> list[Received]:
        """Return the spans of calls."""
        return [one for one in self.spans if one.kind == "server"]

    def attempts(self) -> list[Received]:
        """Return the spans of attempts, in the order in which they began."""
        found = [one for one in self.spans if one.kind == "client"]
        return sorted(found, key=lambda one: one.start_ns)


@contextmanager
def receiving() -> Iterator[Receiver]:
    """Listen on a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            receiver.paths.append(self.path)
            receiver.headers.append({key.lower(): value for key, value in self.headers.items()})
            receiver.bodies.append(body)
            receiver.spans += _decoded(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        receiver = Receiver(f"http://127.0.0.1:{server.server_address[1]}")
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()

        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join(5)


def _decoded(body: bytes) -> Iterator[Received]:
    request = ExportTraceServiceRequest.FromString(body)

    for group in request.resource_spans:
        resource = _attributes(group.resource.attributes)

        for scope in group.scope_spans:
            for span in scope.spans:
                yield Received(
                    name=span.name,
                    kind=KINDS[span.kind],
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    start_ns=span.start_time_unix_nano,
                    end_ns=span.end_time_unix_nano,
                    is_error=span.status.code == 2,
                    state=span.trace_state,
                    attributes=_attributes(span.attributes),
                    events=tuple((one.name, _attributes(one.attributes)) for one in span.events),
                    resource=resource,
                    schema_url=scope.schema_url,
                )


def _attributes(pairs: Iterable[KeyValue]) -> dict[str, Value]:
    return {one.key: _value(one.value) for one in pairs}


def _value(value: AnyValue) -> Value:
    kind = value.WhichOneof("value")

    if kind == "array_value":
        return tuple(_value(one) for one in value.array_value.values)

    found = getattr(value, str(kind))
    assert isinstance(found, str | int | float | bool)
    return found
