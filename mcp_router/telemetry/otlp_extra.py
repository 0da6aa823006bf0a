"""The door to the optional OTLP exporter; the only file that imports it, and late."""

from collections.abc import Callable
from importlib.util import find_spec

from mcp_router.errors import InvalidSettings
from mcp_router.telemetry.exporting import Exporting, SpanExporter

_PARTS = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def require_extra(find: Callable[[str], object | None] = find_spec) -> None:
    """Return if the exporter is there.

    Raises:
        InvalidSettings: `telemetry.otlp_endpoint` is set and the extra is not installed.
    """
    if any(_is_missing(package, find) for package in _PARTS):
        raise InvalidSettings(
            "telemetry.otlp_endpoint: spans need the OTLP exporter, which is not installed.",
            next_step="Run `pip install 'mcp-support-router[otlp]'` and start again.",
        )


def open_exporter(exporting: Exporting) -> SpanExporter:
    """Return the exporter, not connected yet.

    Raises:
        InvalidSettings: the extra is not installed.
    """
    require_extra()
    from mcp_router.telemetry.otlp import OtlpExporter  # noqa: PLC0415  # an extra

    return OtlpExporter(exporting)


def _is_missing(package: str, find: Callable[[str], object | None]) -> bool:
    """Return whether a package is not there; a parent that is missing raises."""
    try:
        return find(package) is None
    except ModuleNotFoundError:
        return True
