"""`telemetry:` in router.yaml: its defaults, its secrets, and how a mistake in it is told."""

from pathlib import Path

import pytest

from mcp_router.domain.secret import Secret
from mcp_router.errors import InvalidSettings
from mcp_router.settings import parse_settings
from mcp_router.telemetry_settings import HeaderSettings, TelemetrySettings

WHOLE = """
telemetry:
  otlp_endpoint: https://otlp.acme.example/
  headers: {x-api-key: "${OTLP_KEY}"}
  service_name: support
  sample_ratio: 0.25
"""


def parsed(text: str, tmp_path: Path) -> TelemetrySettings:
    file = str(tmp_path / "router.yaml")
    return parse_settings(text, file=file, environ={"OTLP_KEY": "hunter2"}).telemetry


@pytest.mark.parametrize("text", ["policy: support", "telemetry:", "telemetry: {}"])
def test_without_it_nothing_is_sent(text: str, tmp_path: Path) -> None:
    assert parsed(text, tmp_path) == TelemetrySettings(
        otlp_endpoint=None, headers=(), service_name="mcp-router", sample_ratio=1.0
    )


def test_what_it_names_is_taken_and_a_header_is_a_secret(tmp_path: Path) -> None:
    found = parsed(WHOLE, tmp_path)

    assert found == TelemetrySettings(
        otlp_endpoint="https://otlp.acme.example",
        headers=(HeaderSettings(name="x-api-key", value=Secret("hunter2")),),
        service_name="support",
        sample_ratio=0.25,
    )
    assert "hunter2" not in repr(found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "telemetry: {otlp_endpoint: http://otlp.acme.example}",
            "1:28: telemetry.otlp_endpoint: expected an https:// URL (http:// only for this "
            "machine)",
        ),
        (
            "telemetry: {sample_ratio: 1.5}",
            "1:27: telemetry.sample_ratio: expected a number of at most 1",
        ),
        (
            "telemetry: {sample_ratio: -1}",
            "1:27: telemetry.sample_ratio: expected a number of at least 0",
        ),
    ],
)
def test_a_mistake_is_told_with_line_and_column(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parsed(text, tmp_path)

    assert caught.value.message == f"{tmp_path}/router.yaml:{expected}"


@pytest.mark.parametrize("header", ['"a b": key', 'key: "a b"'])
def test_a_header_that_could_break_the_request_is_refused(header: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parsed(f"telemetry: {{headers: {{{header}}}}}", tmp_path)

    assert "a b" not in caught.value.message.partition("router.yaml")[2].partition(": ")[2]
