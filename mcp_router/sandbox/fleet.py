"""The sandbox: two desks and three model providers on loopback, started and stopped as one."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType

import yaml
from starlette.types import ASGIApp

from mcp_router.clock import Clock, SystemClock
from mcp_router.sandbox import credentials
from mcp_router.sandbox.certificate import Certificate, make_certificate
from mcp_router.sandbox.effects import Effects
from mcp_router.sandbox.introduction import introduce
from mcp_router.sandbox.loop_thread import LoopThread
from mcp_router.sandbox.models.app import create_app as create_models_app
from mcp_router.sandbox.models.catalog import CATALOG
from mcp_router.sandbox.models.state import ModelsState
from mcp_router.sandbox.salesforce.app import create_app as create_salesforce_app
from mcp_router.sandbox.salesforce.state import SalesforceState
from mcp_router.sandbox.server import SandboxServer
from mcp_router.sandbox.zendesk.app import create_app as create_zendesk_app
from mcp_router.sandbox.zendesk.state import ZendeskState
from mcp_router.settings import ProviderKind

_PROVIDERS = {
    ProviderKind.ANTHROPIC: "anthropic",
    ProviderKind.OPENAI: "openai",
    ProviderKind.GEMINI: "google",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sandbox:
    """Five running servers and what they hold. `with Sandbox.start() as sandbox:` stops them."""

    certificate: Certificate
    zendesk: SandboxServer
    salesforce: SandboxServer
    anthropic: SandboxServer
    openai: SandboxServer
    gemini: SandboxServer
    zendesk_state: ZendeskState
    salesforce_state: SalesforceState
    models_state: ModelsState
    _stopping: ExitStack

    @classmethod
    def start(
        cls,
        *,
        seeded: bool = True,
        desk_latency_ms: int = 0,
        model_latency_ms: int = 0,
        first_port: int = 0,
        clock: Clock | None = None,
    ) -> "Sandbox":
        """Return once all servers accept connections.

        `seeded` fills the desks with customers and tickets. `first_port` puts the servers on that
        port and the four after it (Zendesk, Salesforce, Anthropic, OpenAI, Gemini); 0 takes free
        ones. `clock` dates what the servers store and answer; delays are in real time.

        Raises:
            SandboxFailed: a port is taken.
        """
        clock = clock or SystemClock()
        zendesk_state = ZendeskState(clock=clock, seeded=seeded)
        salesforce_state = SalesforceState(clock=clock, seeded=seeded)
        models_state = ModelsState(latency_ms=model_latency_ms, clock=clock)

        if seeded:
            introduce(zendesk_state, salesforce_state)

        with ExitStack() as stopping:
            yard = _Yard(stopping, first_port, clock)
            effects = Effects()
            zendesk = yard.launch("zendesk", create_zendesk_app(zendesk_state, effects), effects)
            zendesk.latency_ms = desk_latency_ms
            effects = Effects()
            salesforce = yard.launch(
                "salesforce", create_salesforce_app(salesforce_state, effects), effects
            )
            salesforce.latency_ms = desk_latency_ms
            return cls(
                certificate=yard.certificate,
                zendesk=zendesk,
                salesforce=salesforce,
                anthropic=yard.launch_models(ProviderKind.ANTHROPIC, models_state),
                openai=yard.launch_models(ProviderKind.OPENAI, models_state),
                gemini=yard.launch_models(ProviderKind.GEMINI, models_state),
                zendesk_state=zendesk_state,
                salesforce_state=salesforce_state,
                models_state=models_state,
                _stopping=stopping.pop_all(),
            )

    def close(self) -> None:
        """Stop the servers, whatever they are doing, and remove the certificate; harmless twice."""
        self._stopping.close()

    def __enter__(self) -> "Sandbox":
        """Return the sandbox itself, which runs already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop the servers."""
        self.close()

    @property
    def servers(self) -> tuple[SandboxServer, ...]:
        """All five, desks first."""
        return (self.zendesk, self.salesforce, self.anthropic, self.openai, self.gemini)

    def router_yaml(self, storage: str = "sqlite:///router.db") -> str:
        """Return a complete router.yaml for these servers; `storage` is the caller's choice."""
        document = {
            "storage": storage,
            "policy": "support",
            "providers": {
                "anthropic": self._provider("anthropic", self.anthropic.url),
                "openai": self._provider("openai", f"{self.openai.url}/v1"),
                "google": self._provider("gemini", self.gemini.url),
            },
            "models": {
                one.name: {
                    "provider": _PROVIDERS[one.kind],
                    "model": one.model,
                    "family": one.family,
                }
                for one in CATALOG
            },
            "desks": self._desks(),
        }
        return yaml.safe_dump(document, sort_keys=False, width=100)

    def describe(self) -> str:
        """Return a few lines for people: where the servers are and how to play with them."""
        lines = [f"  {server.name:<11} {server.url}" for server in self.servers]
        return "\n".join(
            [
                "Sandbox: embedded servers on this machine; nothing leaves it.",
                *lines,
                f"  They show a certificate signed by {self.certificate.ca_file}",
                "  GET /_sandbox/effects counts what a server did; POST a list such as",
                '  [{"kind": "drop_after", "method": "PUT"}] to /_sandbox/faults to make it fail.',
            ]
        )

    def _provider(self, kind: str, base_url: str) -> dict[str, str]:
        keys = {
            "anthropic": credentials.ANTHROPIC_KEY,
            "openai": credentials.OPENAI_KEY,
            "gemini": credentials.GEMINI_KEY,
        }
        trust = str(self.certificate.ca_file)
        return {"kind": kind, "api_key": keys[kind], "base_url": base_url, "ca_bundle": trust}

    def _desks(self) -> dict[str, dict[str, str]]:
        trust = str(self.certificate.ca_file)
        return {
            "zendesk": {
                "kind": "zendesk",
                "base_url": self.zendesk.url,
                "email": credentials.ZENDESK_EMAIL,
                "token": credentials.ZENDESK_TOKEN,
                "ca_bundle": trust,
            },
            "salesforce": {
                "kind": "salesforce",
                "instance_url": self.salesforce.url,
                "client_id": credentials.SALESFORCE_CLIENT_ID,
                "client_secret": credentials.SALESFORCE_CLIENT_SECRET,
                "ca_bundle": trust,
            },
        }


class _Yard:
    """Launches servers on one thread, and has `stopping` undo everything in reverse order."""

    def __init__(self, stopping: ExitStack, first_port: int, clock: Clock) -> None:
        folder = stopping.enter_context(TemporaryDirectory(prefix="mcp-router-sandbox-"))
        # By the machine's clock, whatever `clock` is: that is what clients check it against.
        self.certificate = make_certificate(Path(folder))
        self._thread = LoopThread()
        self._thread.start()
        self._stopping = stopping
        self._next_port = first_port
        self._clock = clock
        stopping.callback(self._thread.stop)

    def launch(self, name: str, app: ASGIApp, effects: Effects) -> SandboxServer:
        server = SandboxServer(
            name,
            app,
            thread=self._thread,
            certificate=self.certificate,
            effects=effects,
            port=self._next_port,
            clock=self._clock,
        )
        self._stopping.callback(server.close)
        self._next_port += 1 if self._next_port else 0
        return server

    def launch_models(self, kind: ProviderKind, state: ModelsState) -> SandboxServer:
        effects = Effects()
        return self.launch(kind.value, create_models_app(kind, state, effects), effects)
