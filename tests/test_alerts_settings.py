"""`alerts:` in router.yaml: who is told of what, and how a mistake in it is told."""

import base64
from pathlib import Path

import pytest

from mcp_router.alerts_settings import AlertSettings, SinkKind, SinkSettings
from mcp_router.domain.alert import AlertKind
from mcp_router.domain.secret import Secret
from mcp_router.errors import InvalidSettings
from mcp_router.settings import parse_settings

KEY = "whsec_" + base64.b64encode(bytes(24)).decode()
SHORT = "whsec_" + base64.b64encode(bytes(23)).decode()
LONG = "whsec_" + base64.b64encode(bytes(65)).decode()


def parsed(text: str, tmp_path: Path) -> AlertSettings:
    return parse_settings(text, file=str(tmp_path / "router.yaml"), environ={"KEY": KEY}).alerts


def sink(text: str) -> str:
    return f"alerts:\n  sinks:\n    ops: {{{text}}}"


@pytest.mark.parametrize(
    "text", ["policy: support", "alerts:", "alerts: {}", "alerts: {sinks: {}}"]
)
def test_without_sinks_nobody_is_told(text: str, tmp_path: Path) -> None:
    assert parsed(text, tmp_path) == AlertSettings(sinks=(), digest_hour=7)


def test_every_setting_is_taken(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").touch()
    text = """
alerts:
  digest_hour: 0
  sinks:
    ops:
      kind: webhook
      url: http://pager.inside:8080/hooks?token=${KEY}
      secrets: ["${KEY}", "${KEY}"]
      events: [action.unknown, router.daily_digest]
      allow_private: true
      ca_bundle: ca.pem
    chat: {kind: slack, url: "https://hooks.slack.com/services/T0/B0/x"}
"""
    assert parsed(text, tmp_path) == AlertSettings(
        digest_hour=0,
        sinks=(
            SinkSettings(
                name="ops",
                kind=SinkKind.WEBHOOK,
                url=Secret(f"http://pager.inside:8080/hooks?token={KEY}"),
                events=frozenset({AlertKind.ACTION_UNKNOWN, AlertKind.DAILY_DIGEST}),
                secrets=(Secret(KEY), Secret(KEY)),
                allow_private=True,
                ca_bundle=tmp_path / "ca.pem",
            ),
            SinkSettings(
                name="chat",
                kind=SinkKind.SLACK,
                url=Secret("https://hooks.slack.com/services/T0/B0/x"),
                events=frozenset(AlertKind),
            ),
        ),
    )


def test_neither_a_url_nor_a_secret_is_in_the_text_of_the_settings(tmp_path: Path) -> None:
    text = sink(f"kind: webhook, url: 'https://h.example/t0ken', secrets: ['{KEY}']")
    shown = repr(parsed(text, tmp_path))

    assert "t0ken" not in shown
    assert KEY not in shown


A_SECRET = "expected whsec_ and the base64 of 24 to 64 bytes"
URL = "url: 'https://h.example/'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alerts: 7", "1:9: alerts: expected keys and values"),
        ("alerts: {digest: 7}", "1:10: alerts: expected a known key; did you mean `digest_hour`?"),
        (
            "alerts: {digest_hour: 24}",
            "1:23: alerts.digest_hour: expected a number of at most 23",
        ),
        ("alerts: {sinks: []}", "1:17: alerts.sinks: expected keys and values"),
        (
            sink(f"kind: mail, {URL}"),
            "3:17: alerts.sinks.ops.kind: expected one of 'webhook' or 'slack'",
        ),
        (
            sink(f"kind: webhook, {URL}"),
            "3:10: alerts.sinks.ops: expected the key `secrets`, which is missing",
        ),
        (
            sink(f"kind: slack, {URL}, secrets: ['{KEY}']"),
            "3:60: alerts.sinks.ops.secrets: expected nothing: Slack's messages are not signed",
        ),
        (
            sink("kind: slack, url: 'http://h.example/'"),
            "3:29: alerts.sinks.ops.url: expected an https:// URL "
            "(http:// only with `allow_private: true`)",
        ),
        (
            sink("kind: slack, url: 'https://me:pw@h.example/'"),
            "3:29: alerts.sinks.ops.url: expected an https:// URL of a host, a path and perhaps "
            "a query",
        ),
        (
            sink("kind: slack, url: 'https://h.example/é'"),
            "3:29: alerts.sinks.ops.url: expected an https:// URL without spaces and without "
            "letters beyond ASCII",
        ),
        (
            sink("kind: slack, url: 'https://h.example:x/'"),
            "3:29: alerts.sinks.ops.url: expected an https:// URL",
        ),
        *(
            (
                sink(f"kind: webhook, {URL}, secrets: ['{wrong}']"),
                f"3:63: alerts.sinks.ops.secrets[0]: {A_SECRET}",
            )
            for wrong in (SHORT, LONG, KEY.removeprefix("whsec_"), "whsec_?", "hunter2")
        ),
        (
            sink(f"kind: slack, {URL}, ca_bundle: nowhere.pem"),
            "3:62: alerts.sinks.ops.ca_bundle: expected a file that exists, as seen from the "
            "folder of this file",
        ),
        (
            f"alerts:\n  sinks: {{'a b': {{kind: slack, {URL}}}}}",
            "2:11: alerts.sinks: expected a name of letters, digits, dots, dashes and underscores",
        ),
    ],
)
def test_a_mistake_is_told_with_line_and_column(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parsed(text, tmp_path)

    assert caught.value.message == f"{tmp_path}/router.yaml:{expected}"


def test_an_unknown_event_is_told_with_all_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        parsed(sink(f"kind: slack, {URL}, events: [router.fallback]"), tmp_path)

    assert all(kind.value in caught.value.message for kind in AlertKind)
