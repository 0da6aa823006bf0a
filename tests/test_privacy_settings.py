"""`privacy:` in router.yaml: its defaults, its limits, and where the master key comes from."""

import base64
from pathlib import Path

import pytest

from mcp_router.domain.secret import Secret
from mcp_router.errors import InvalidSettings
from mcp_router.privacy_settings import PrivacySettings, key_bytes
from mcp_router.settings import parse_settings

KEY = "a1" * 32


def parsed(text: str, tmp_path: Path, **environ: str) -> PrivacySettings:
    return parse_settings(text, file=str(tmp_path / "router.yaml"), environ=environ).privacy


@pytest.mark.parametrize("text", ["policy: support", "privacy:", "privacy: {}"])
def test_without_it_nothing_is_kept_and_everything_is_hidden(text: str, tmp_path: Path) -> None:
    assert parsed(text, tmp_path) == PrivacySettings(
        content=False,
        retention_days=30.0,
        redact=True,
        vault_hours=24.0,
        detectors=("builtin",),
        key=None,
    )


def test_what_it_names_is_taken(tmp_path: Path) -> None:
    text = (
        "privacy: {content: on, retention_days: 7, redact: off, vault_hours: 1, "
        "detectors: [builtin, presidio, builtin], key: ${SEALING}}"
    )

    assert parsed(text, tmp_path, SEALING=KEY, MCP_ROUTER_KEY="b2" * 32) == PrivacySettings(
        content=True,
        retention_days=7.0,
        redact=False,
        vault_hours=1.0,
        detectors=("builtin", "presidio"),
        key=Secret(KEY),
    )


@pytest.mark.parametrize(("written", "meant"), [("on", True), ("off", False), ("true", True)])
def test_a_switch_is_on_or_off(written: str, meant: bool, tmp_path: Path) -> None:
    both = parsed(f"privacy: {{content: {written}, redact: {written}}}", tmp_path)

    assert (both.content, both.redact) == (meant, meant)


def test_the_environment_gives_the_key(tmp_path: Path) -> None:
    assert parsed("policy: support", tmp_path, MCP_ROUTER_KEY=KEY).key == Secret(KEY)
    assert parsed("policy: support", tmp_path, MCP_ROUTER_KEY="").key is None
    assert KEY not in repr(parsed("policy: support", tmp_path, MCP_ROUTER_KEY=KEY))


def test_a_key_is_32_bytes_in_either_form() -> None:
    assert key_bytes(KEY) == b"\xa1" * 32
    assert key_bytes(base64.b64encode(b"\xa1" * 32).decode()) == b"\xa1" * 32
    assert [key_bytes(one) for one in ("", "a1", "x" * 64, "a1" * 31)] == [None] * 4


@pytest.mark.parametrize(
    "written",
    [
        "content: maybe",
        "retention_days: 0",
        "vault_hours: 721",
        "detectors: []",
        "detectors: [other]",
        "key: hunter2",
        "secret: 1",
    ],
)
def test_a_mistake_is_told_with_its_place_and_without_its_value(
    written: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidSettings) as refused:
        parsed(f"privacy: {{{written}}}", tmp_path)

    assert "1:" in refused.value.message
    assert "hunter2" not in refused.value.message


def test_a_key_of_the_environment_that_is_none_is_told_without_its_value(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="MCP_ROUTER_KEY") as refused:
        parsed("policy: support", tmp_path, MCP_ROUTER_KEY="hunter2")

    assert "hunter2" not in refused.value.message
