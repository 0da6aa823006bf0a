"""router.yaml: what it becomes, and how every mistake in it is told."""

from pathlib import Path

import pytest

from mcp_router.audit_settings import AuditSettings
from mcp_router.domain.caller import Scope
from mcp_router.domain.secret import Secret
from mcp_router.domain.target import ModelTarget, Price
from mcp_router.errors import InvalidSettings, MissingSecret, SettingsMissing
from mcp_router.settings import (
    ProviderKind,
    ProviderSettings,
    SalesforceSettings,
    Settings,
    TokenSettings,
    ZendeskSettings,
    load_settings,
    parse_settings,
)

ENVIRON = {
    "ANTHROPIC_API_KEY": "key-a",
    "OPENAI_API_KEY": "key-o",
    "GEMINI_API_KEY": "key-g",
    "ZENDESK_TOKEN": "key-z",
    "SALESFORCE_SECRET": "key-s",
}

WHOLE = """\
storage: sqlite:///data/router.db
policy: support@1
policies: ./policies
providers:
  anthropic: {kind: anthropic, api_key: ${ANTHROPIC_API_KEY}}
  openai:    {kind: openai, api_key: ${OPENAI_API_KEY}, base_url: https://127.0.0.1:8443/v1/}
  google:
    kind: gemini
    api_key: "${GEMINI_API_KEY}"
    ca_bundle: ca.pem
models:
  claude-haiku-4.5: {provider: anthropic, model: claude-haiku-4-5, family: claude}
  house-model:
    provider: openai
    model: house/large
    family: house
    context_tokens: 32000
    price: {input: 0.05, output: 1.10}
tokens:
  - name: copilot
    tenant: acme
    principal: copilot@acme
    scopes: [read, write]
    sha256: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
desks:
  zendesk: {kind: zendesk, subdomain: acme, email: agent@acme.example, token: ${ZENDESK_TOKEN}}
  salesforce:
    kind: salesforce
    instance_url: https://acme.my.salesforce.com
    client_id: 3MVG9
    client_secret: ${SALESFORCE_SECRET}
"""


def test_a_whole_file_becomes_settings(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "ca.pem").write_text("", encoding="utf-8")
    (tmp_path / "router.yaml").write_text(WHOLE, encoding="utf-8")

    assert load_settings(tmp_path / "router.yaml", ENVIRON) == Settings(
        storage=f"sqlite:///{tmp_path}/data/router.db",
        policy="support@1",
        policies=tmp_path / "policies",
        providers=(
            ProviderSettings(
                name="anthropic",
                kind=ProviderKind.ANTHROPIC,
                api_key=Secret("key-a"),
                base_url="https://api.anthropic.com",
            ),
            ProviderSettings(
                name="openai",
                kind=ProviderKind.OPENAI,
                api_key=Secret("key-o"),
                base_url="https://127.0.0.1:8443/v1",
            ),
            ProviderSettings(
                name="google",
                kind=ProviderKind.GEMINI,
                api_key=Secret("key-g"),
                base_url="https://generativelanguage.googleapis.com",
                ca_bundle=tmp_path / "ca.pem",
            ),
        ),
        models=(
            ModelTarget(
                name="claude-haiku-4.5",
                provider="anthropic",
                model="claude-haiku-4-5",
                family="claude",
            ),
            ModelTarget(
                name="house-model",
                provider="openai",
                model="house/large",
                family="house",
                context_tokens=32_000,
                price=Price(input=50_000, output=1_100_000),
            ),
        ),
        tokens=(
            TokenSettings(
                name="copilot",
                tenant="acme",
                principal="copilot@acme",
                scopes=frozenset({Scope.READ, Scope.WRITE}),
                sha256="a" * 64,
            ),
        ),
        desks=(
            ZendeskSettings(
                name="zendesk",
                email="agent@acme.example",
                token=Secret("key-z"),
                base_url="https://acme.zendesk.com",
            ),
            SalesforceSettings(
                name="salesforce",
                instance_url="https://acme.my.salesforce.com",
                client_id="3MVG9",
                client_secret=Secret("key-s"),
            ),
        ),
        audit=AuditSettings(key_file=tmp_path / "data" / "audit-key.pem"),
    )


def test_everything_has_a_default(tmp_path: Path) -> None:
    file = str(tmp_path / "router.yaml")

    assert parse_settings("tokens:\n", file=file, environ={}) == Settings(
        storage=f"sqlite:///{tmp_path}/router.db",
        policy="support",
        audit=AuditSettings(key_file=tmp_path / "audit-key.pem"),
    )


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://router:${DB_PASSWORD}@db.example:5432/router?sslmode=verify-full",
        "postgres://db-1,db-2/router?target_session_attrs=read-write",
        "postgresql://[::1]/router",
        "postgresql:///router?host=/var/run/postgresql",
        "postgresql://",
    ],
)
def test_a_postgresql_database_is_named_as_it_is_and_its_password_stays_unprinted(
    tmp_path: Path, url: str
) -> None:
    environ = {"DB_PASSWORD": "hunter2%40"}

    settings = parse_settings(f"storage: {url}", file=str(tmp_path / "r.yaml"), environ=environ)

    assert settings.storage == url.replace("${DB_PASSWORD}", "hunter2%40")
    assert "hunter2" not in repr(settings)


def test_an_absolute_database_stays_where_it_is(tmp_path: Path) -> None:
    text = "storage: sqlite:////var/lib/router.db"

    assert (
        parse_settings(text, file=str(tmp_path / "r.yaml"), environ={}).storage
        == "sqlite:////var/lib/router.db"
    )


def test_a_desk_may_be_anywhere(tmp_path: Path) -> None:
    text = (
        "desks:\n  zendesk: {kind: zendesk, base_url: https://127.0.0.1:9000,"
        " email: a@b.example, token: t}\n"
        "  local: {kind: salesforce, instance_url: 'http://localhost:9001', client_id: c,"
        " client_secret: s}"
    )

    desks = parse_settings(text, file=str(tmp_path / "r.yaml"), environ={}).desks

    assert [desk.name for desk in desks] == ["zendesk", "local"]
    assert isinstance(desks[0], ZendeskSettings)
    assert desks[0].base_url == "https://127.0.0.1:9000"
    assert isinstance(desks[1], SalesforceSettings)
    assert desks[1].instance_url == "http://localhost:9001"


@pytest.mark.parametrize(
    "written", ["${KEY}", "'${KEY}'", '"${KEY}"', "${KE}${Y}", "key-${TAIL}", "  ${KEY}  # why"]
)
def test_a_variable_stands_anywhere_in_a_value(written: str, tmp_path: Path) -> None:
    text = f"providers:\n  p:\n    kind: openai\n    api_key: {written}\n"
    environ = {"KEY": "key-1", "KE": "key", "Y": "-1", "TAIL": "1"}

    loaded = parse_settings(text, file=str(tmp_path / "r.yaml"), environ=environ)

    assert loaded.providers[0].api_key == Secret("key-1")


def test_a_variable_is_text_and_never_structure(tmp_path: Path) -> None:
    text = "providers: {p: {kind: openai, api_key: ${KEY}}}"
    environ = {"KEY": "x,base_url:{a}#${KEY}"}

    loaded = parse_settings(text, file=str(tmp_path / "r.yaml"), environ=environ)

    assert loaded.providers[0].api_key == Secret("x,base_url:{a}#${KEY}")
    assert loaded.providers[0].base_url == "https://api.openai.com/v1"


def test_every_missing_variable_is_named_with_its_place(tmp_path: Path) -> None:
    environ = ENVIRON | {"ZENDESK_TOKEN": ""}
    del environ["OPENAI_API_KEY"]
    text = WHOLE.replace("./policies", ".").replace("ca.pem", "router.yaml")
    (tmp_path / "router.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(MissingSecret) as caught:
        load_settings(tmp_path / "router.yaml", environ)

    assert caught.value.code == "missing_secret"
    assert caught.value.message.replace(f"{tmp_path}/", "").splitlines() == [
        "router.yaml:6:38: providers.openai.api_key: "
        "expected the environment variable OPENAI_API_KEY to be set",
        "router.yaml:26:79: desks.zendesk.token: "
        "expected the environment variable ZENDESK_TOKEN to be set",
    ]


def test_a_variable_in_a_comment_is_not_needed(tmp_path: Path) -> None:
    parse_settings("policy: support  # ${NONE}", file=str(tmp_path / "r.yaml"), environ={})


def test_a_file_that_is_not_there_is_its_own_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsMissing) as caught:
        load_settings(tmp_path / "router.yaml", {})

    assert caught.value.code == "settings_missing"


def test_a_folder_is_not_a_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load_settings(tmp_path, {})

    assert caught.value.message == f"{tmp_path} cannot be read: Is a directory."


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "router.yaml").write_bytes(b"#" * 2_000_000)

    with pytest.raises(InvalidSettings) as caught:
        load_settings(tmp_path / "router.yaml", {})

    assert caught.value.message == f"{tmp_path}/router.yaml:1:1: expected a file of at most 1 MiB"
