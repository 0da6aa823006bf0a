"""`audit:` in router.yaml."""

from pathlib import Path

import pytest

from mcp_router.audit_settings import AuditSettings, FileAnchor, OutputAnchor, WebhookAnchor
from mcp_router.domain.secret import Secret
from mcp_router.errors import InvalidSettings
from mcp_router.settings import parse_settings

SEED = "A" * 64
WHOLE = """\
audit:
  key_file: keys/log.pem
  key: ${AUDIT_KEY}
  head_every_s: 600
  head_every_rows: 500
  anchors:
    - {kind: file, path: anchors/heads.jsonl}
    - {kind: stdout}
    - {kind: webhook, url: "https://anchor.example/heads/"}
"""


def test_every_part_of_it_is_read(tmp_path: Path) -> None:
    file = str(tmp_path / "router.yaml")

    assert parse_settings(WHOLE, file=file, environ={"AUDIT_KEY": SEED}).audit == AuditSettings(
        key_file=tmp_path / "keys" / "log.pem",
        key=Secret("a" * 64),
        head_every_s=600.0,
        head_every_rows=500,
        anchors=(
            FileAnchor(path=tmp_path / "anchors" / "heads.jsonl"),
            OutputAnchor(),
            WebhookAnchor(url="https://anchor.example/heads"),
        ),
    )


def test_the_key_lies_beside_the_settings_of_a_postgresql_database(tmp_path: Path) -> None:
    settings = parse_settings("storage: postgresql://", file=str(tmp_path / "r.yaml"), environ={})

    assert settings.audit == AuditSettings(key_file=tmp_path / "audit-key.pem")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("audit: {anchors: [{kind: pigeon}]}", "file, stdout or webhook"),
        ("audit: {anchors: [{kind: file}]}", "path"),
        ("audit: {anchors: [{kind: webhook, url: 'http://x.example/'}]}", "https://"),
        ("audit: {head_every_s: 0}", "head_every_s"),
        ("audit: {key: abc}", "64 hexadecimal digits"),
    ],
)
def test_a_mistake_is_told(text: str, told: str) -> None:
    with pytest.raises(InvalidSettings, match=told):
        parse_settings(text, file="router.yaml", environ={})
