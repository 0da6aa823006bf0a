import socket
import ssl
import threading
import time
from pathlib import Path

import httpx2
import pytest

from mcp_router.audit_settings import AuditSettings
from mcp_router.domain.completion import CompletionRequest, FinishReason, Message, Role
from mcp_router.domain.secret import Secret
from mcp_router.domain.target import ModelTarget
from mcp_router.errors import SandboxFailed
from mcp_router.providers.provider import open_provider
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.settings import (
    ProviderKind,
    ProviderSettings,
    SalesforceSettings,
    Settings,
    ZendeskSettings,
    parse_settings,
)


def settings_of(sandbox: Sandbox, folder: Path) -> Settings:
    text = sandbox.router_yaml(storage="sqlite:///here.db")
    return parse_settings(text, file=str(folder / "router.yaml"), environ={})


def model(name: str, provider: str, family: str, known_as: str | None = None) -> ModelTarget:
    return ModelTarget(name=name, provider=provider, model=known_as or name, family=family)


def test_router_yaml_is_complete_and_points_at_the_servers(tmp_path: Path) -> None:
    with Sandbox.start() as sandbox:
        trust = sandbox.certificate.ca_file

        assert settings_of(sandbox, tmp_path) == Settings(
            storage=f"sqlite:///{tmp_path}/here.db",
            policy="support",
            audit=AuditSettings(key_file=tmp_path / "audit-key.pem"),
            providers=(
                ProviderSettings(
                    name="anthropic",
                    kind=ProviderKind.ANTHROPIC,
                    api_key=Secret("sandbox-anthropic-key"),
                    base_url=f"https://127.0.0.1:{sandbox.anthropic.port}",
                    ca_bundle=trust,
                ),
                ProviderSettings(
                    name="openai",
                    kind=ProviderKind.OPENAI,
                    api_key=Secret("sandbox-openai-key"),
                    base_url=f"https://127.0.0.1:{sandbox.openai.port}/v1",
                    ca_bundle=trust,
                ),
                ProviderSettings(
                    name="google",
                    kind=ProviderKind.GEMINI,
                    api_key=Secret("sandbox-gemini-key"),
                    base_url=f"https://127.0.0.1:{sandbox.gemini.port}",
                    ca_bundle=trust,
                ),
            ),
            models=(
                model("claude-haiku-4.5", "anthropic", "claude", "claude-haiku-4-5"),
                model("claude-sonnet-4.5", "anthropic", "claude", "claude-sonnet-4-5"),
                model("claude-opus-4.5", "anthropic", "claude", "claude-opus-4-5"),
                model("gpt-5-nano", "openai", "gpt"),
                model("gpt-5-mini", "openai", "gpt"),
                model("gpt-5.1", "openai", "gpt"),
                model("gemini-2.5-flash-lite", "google", "gemini"),
                model("gemini-2.5-flash", "google", "gemini"),
                model("gemini-2.5-pro", "google", "gemini"),
            ),
            desks=(
                ZendeskSettings(
                    name="zendesk",
                    email="copilot@sandbox.test",
                    token=Secret("sandbox-zendesk-token"),
                    base_url=f"https://127.0.0.1:{sandbox.zendesk.port}",
                    ca_bundle=trust,
                ),
                SalesforceSettings(
                    name="salesforce",
                    instance_url=f"https://127.0.0.1:{sandbox.salesforce.port}",
                    client_id="sandbox-salesforce-client",
                    client_secret=Secret("sandbox-salesforce-secret"),
                    ca_bundle=trust,
                ),
            ),
        )


async def test_every_model_of_router_yaml_answers_the_routers_own_client(tmp_path: Path) -> None:
    request = CompletionRequest(messages=(Message(role=Role.USER, content="I want a refund"),))

    with Sandbox.start() as sandbox:
        settings = settings_of(sandbox, tmp_path)
        providers = {one.name: open_provider(one) for one in settings.providers}
        answers = {
            target.name: await providers[target.provider].complete(target, request, timeout_s=10)
            for target in settings.models
        }

        for provider in providers.values():
            await provider.aclose()

        counts = [server.effects.count("completion") for server in sandbox.servers]

    assert {answer.finish_reason for answer in answers.values()} == {FinishReason.STOP}
    assert {name: answer.usage.output_tokens for name, answer in answers.items()} == {
        "claude-haiku-4.5": 37,
        "claude-sonnet-4.5": 97,
        "claude-opus-4.5": 135,
        "gpt-5-nano": 37,
        "gpt-5-mini": 97,
        "gpt-5.1": 135,
        "gemini-2.5-flash-lite": 37,
        "gemini-2.5-flash": 97,
        "gemini-2.5-pro": 135,
    }
    assert counts == [0, 0, 3, 3, 3]


def test_each_server_has_its_own_faults_and_counters() -> None:
    with Sandbox.start() as sandbox, client_of(sandbox) as client:
        shown = [client.get(f"{one.url}/_sandbox/effects").json() for one in sandbox.servers]
        sandbox.anthropic.go_down()

        with pytest.raises(httpx2.ConnectError):
            client.get(f"{sandbox.anthropic.url}/v1/models")

        statuses = [client.get(f"{one.url}/v1/models").status_code for one in sandbox.servers[3:]]

    assert [server.name for server in sandbox.servers] == [
        "zendesk",
        "salesforce",
        "anthropic",
        "openai",
        "gemini",
    ]
    assert shown == [{"effects": {}, "received": 0, "requests": {}}] * 5
    assert statuses == [401, 404]
    assert [server.received.count() for server in sandbox.servers] == [0, 0, 0, 1, 1]


def test_latencies_reach_desks_and_models() -> None:
    with Sandbox.start(desk_latency_ms=11, model_latency_ms=12) as sandbox:
        assert sandbox.zendesk.latency_ms == 11
        assert sandbox.salesforce.latency_ms == 11
        assert sandbox.openai.latency_ms == 0
        assert sandbox.models_state.latency_of("gpt-5-mini") == 12


def test_description_names_every_server_and_the_certificate() -> None:
    with Sandbox.start() as sandbox:
        described = sandbox.describe()
        ca_file = sandbox.certificate.ca_file

    assert described.splitlines() == [
        "Sandbox: embedded servers on this machine; nothing leaves it.",
        f"  zendesk     {sandbox.zendesk.url}",
        f"  salesforce  {sandbox.salesforce.url}",
        f"  anthropic   {sandbox.anthropic.url}",
        f"  openai      {sandbox.openai.url}",
        f"  gemini      {sandbox.gemini.url}",
        f"  They show a certificate signed by {ca_file}",
        "  GET /_sandbox/effects counts what a server did; POST a list such as",
        '  [{"kind": "drop_after", "method": "PUT"}] to /_sandbox/faults to make it fail.',
    ]


def test_stopped_sandbox_leaves_no_thread_file_or_port() -> None:
    before_files = len(list(Path("/dev/fd").iterdir()))
    before_threads = set(threading.enumerate())
    sandbox = Sandbox.start()
    folder = sandbox.certificate.ca_file.parent

    with client_of(sandbox) as client:
        for server in sandbox.servers:
            client.get(f"{server.url}/_sandbox/effects")

        started_s = time.monotonic()
        sandbox.close()
        took_s = time.monotonic() - started_s
        sandbox.close()

    assert took_s < 5
    assert not folder.exists()
    assert set(threading.enumerate()) <= before_threads
    assert len(list(Path("/dev/fd").iterdir())) == before_files

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", sandbox.zendesk.port), timeout=5)


def test_failed_start_leaves_nothing_behind() -> None:
    before_files = len(list(Path("/dev/fd").iterdir()))
    before_threads = set(threading.enumerate())

    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))

        with pytest.raises(SandboxFailed) as failed:
            Sandbox.start(first_port=other.getsockname()[1])

    assert failed.value.message == "The port for the embedded zendesk server is taken."
    assert set(threading.enumerate()) <= before_threads
    assert len(list(Path("/dev/fd").iterdir())) == before_files


def test_fixed_ports_follow_each_other() -> None:
    for _ in range(50):  # some of the ports after a free one may be taken
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            first = free.getsockname()[1]

        try:
            with Sandbox.start(first_port=first) as sandbox:
                ports = [server.port for server in sandbox.servers]
        except (SandboxFailed, OverflowError):
            continue

        assert ports == [first, first + 1, first + 2, first + 3, first + 4]
        return

    raise AssertionError("no five free ports in a row in 50 tries")


def client_of(sandbox: Sandbox) -> httpx2.Client:
    trust = ssl.create_default_context(cafile=str(sandbox.certificate.ca_file))
    return httpx2.Client(verify=trust, timeout=10)
