"""`telemetry:` in router.yaml: where spans are sent, under which name, and how many of them."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from mcp_router.domain.secret import Secret
from mcp_router.fields import Key, Text, Url, matching
from mcp_router.review import Form, Review

HeaderName = Annotated[str, matching(r"[A-Za-z0-9-]{1,64}", "the name of an HTTP header")]


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderSettings:
    """One HTTP header that every export carries; its value may be a credential."""

    name: str
    value: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings:
    """Without an `otlp_endpoint` no span is made and no trace begun.

    `sample_ratio` is the share of the traces begun here that is sent; a host that tells its own
    trace decides for it.
    """

    otlp_endpoint: str | None = None
    headers: tuple[HeaderSettings, ...] = ()
    service_name: str = "mcp-router"
    sample_ratio: float = 1.0


class _TelemetryForm(Form):
    otlp_endpoint: Url | None = None
    headers: dict[HeaderName, Key] = Field(default_factory=dict)
    service_name: Text = "mcp-router"
    sample_ratio: float = Field(default=1.0, ge=0, le=1)


def read_telemetry(review: Review) -> TelemetrySettings:
    """Return the section's settings; what it does not name has its default."""
    if review.document.at(("telemetry",)) is None:
        return TelemetrySettings()

    form = review.read(_TelemetryForm, ("telemetry",)) or _TelemetryForm()
    return TelemetrySettings(
        otlp_endpoint=form.otlp_endpoint,
        headers=tuple(
            HeaderSettings(name=name, value=Secret(value)) for name, value in form.headers.items()
        ),
        service_name=form.service_name,
        sample_ratio=form.sample_ratio,
    )
