"""What the code offers, the docs name: nothing can be added without a word about it."""

import re
from collections.abc import Iterator
from dataclasses import fields

import click
import pytest

from mcp_router.alerts_settings import SinkKind
from mcp_router.audit.export import COLUMNS
from mcp_router.cli.main import main
from mcp_router.desks.salesforce_package import ACTION_OBJECT, FIELDS
from mcp_router.desks.salesforce_records import TIER_FIELD
from mcp_router.domain.action import ActionState, Outcome, Strategy
from mcp_router.domain.alert import AlertKind
from mcp_router.domain.caller import Scope
from mcp_router.domain.guardrails import ConfidenceSource
from mcp_router.domain.learning import LearningMode
from mcp_router.domain.policy import FallbackOrder, PoolStrategy
from mcp_router.domain.record import Record
from mcp_router.errors import RouterError
from mcp_router.ledger.keys import KeySource
from mcp_router.policy.source import examine
from mcp_router.sandbox import credentials
from mcp_router.sandbox.faults import FaultKind
from mcp_router.serve.door import CALL_META, KEY_META, RUN_META
from mcp_router.settings import ProviderKind, parse_settings
from mcp_router.telemetry.metrics import HELP
from mcp_router.tools.registry import REGISTRY
from tests.docs.pages import named, text
from tests.source_tree import PACKAGE, modules


def everything(kind: type[RouterError]) -> Iterator[type[RouterError]]:
    yield kind

    for child in kind.__subclasses__():
        yield from everything(child)


def leaves(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    yield path, command

    if isinstance(command, click.Group):
        for name, child in command.commands.items():
            yield from leaves(child, f"{path} {name}")


@pytest.mark.parametrize(("path", "command"), list(leaves(main, "mcp-router")))
def test_every_command_and_option_has_a_place_and_a_help_text(
    path: str, command: click.Command
) -> None:
    _, found, after = text("cli.md").partition(f"## {path}\n")
    section = after.partition("\n## ")[0]
    options = [name for one in command.params for name in (*one.opts, *one.secondary_opts)]

    assert found
    assert (command.help or "").strip()
    assert [name for name in options if name.startswith("-") and name not in section] == []


def test_every_tool_is_told() -> None:
    assert [tool.name for tool in REGISTRY if f"## {tool.name}\n" not in text("tools.md")] == []


def test_every_error_code_is_told() -> None:
    assert {one.code for one in everything(RouterError)} - named("errors.md") == set()


def test_groups_of_errors_are_never_raised_themselves() -> None:
    groups = [one.__name__ for one in everything(RouterError) if one.__subclasses__()]
    raised = re.compile(rf"raise ({'|'.join(groups)})\(")

    assert {"CallRefused", "TargetError"} <= set(groups)
    assert [str(module.path) for module in modules() if raised.search(module.text)] == []


def known_keys(told: str) -> set[str]:
    """Return what a complaint about an unknown key says that it could have been."""
    return {
        key.strip()
        for line in told.splitlines()
        if "a known key: " in line
        for key in line.partition("a known key: ")[2].strip(". ").split(",")
    }


SETTINGS = """
zzzz: 1
providers: {one: {zzzz: 1}}
models: {one: {zzzz: 1, price: {zzzz: 1}}}
tokens: [{zzzz: 1}]
ledger: {zzzz: 1}
telemetry: {zzzz: 1}
alerts: {zzzz: 1, sinks: {one: {zzzz: 1}}}
desks: {one: {kind: zendesk, zzzz: 1}, two: {kind: salesforce, zzzz: 1}}
"""


def test_every_setting_is_told() -> None:
    with pytest.raises(RouterError) as refused:
        parse_settings(SETTINGS, file="router.yaml", environ={})

    known = known_keys(refused.value.message)
    assert {"storage", "api_key", "output", "sha256", "subdomain", "instance_url"} <= known
    assert {"lease_s", "reconcile_every_s", "retention_days"} <= known
    assert {"otlp_endpoint", "headers", "service_name", "sample_ratio"} <= known
    assert {"sinks", "digest_hour", "allow_private", "secrets"} <= known
    assert known - named("configuration.md") == set()
    assert set(ProviderKind) | set(Scope) | {"MCP_ROUTER_CONFIG"} <= named("configuration.md")


POLICY = """
zzzz: 1
limits: {zzzz: 1}
budgets: {zzzz: 1}
learning: {zzzz: 1}
intents: {one: {zzzz: 1}}
pools: {one: {zzzz: 1, weights: {zzzz: 1}, targets: [{zzzz: 1}]}}
rules:
  - zzzz: 1
    when: {zzzz: 1}
    limits: {zzzz: 1}
    requires: {zzzz: 1}
    checks: {zzzz: 1}
    confidence: {zzzz: 1}
    advisor: {zzzz: 1}
    cache: {zzzz: 1}
tools: {lookup_ticket: {zzzz: 1}}
tests: [{zzzz: 1, given: {zzzz: 1}, expect: {zzzz: 1}}]
"""


def test_every_policy_field_and_signal_is_told() -> None:
    told = "\n".join(map(str, examine(POLICY.encode(), file="1.yaml").problems))

    known = known_keys(told)
    assert {"owner", "deadline_s", "examples", "strategy", "quality", "fallback"} <= known
    assert {"intent", "tenant", "prompt_tokens_at_most", "tools_offered"} <= known
    assert {"ticket_usd", "mode", "latency", "residency", "citations", "from"} <= known
    assert {"below", "ttl_s", "safety_flag", "refused"} <= known
    assert known - named("policies.md", "policy-guards.md") == set(), "the guide tells every key"
    assert known - named("policy-fields.md") == set()
    words = {*PoolStrategy, *FallbackOrder, *LearningMode, *ConfidenceSource}
    assert words - named("policies.md", "policy-guards.md") == set()


def test_every_fault_kind_and_credential_is_told() -> None:
    secrets = {value for name, value in vars(credentials).items() if name.isupper()}

    assert (set(FaultKind) | secrets) - named("sandbox.md") == set()


def test_every_event_and_fact_of_an_alert_is_told() -> None:
    facts = re.compile(r'^ +\("([a-z_]+)", ', re.MULTILINE)
    rooms = [one for one in modules() if one.room == "alerts" and "facts_of" in one.text]
    wanted = {name for one in rooms for name in facts.findall(one.text)}

    assert {"answered_by", "limit_microusd", "usual", "unknown_actions"} <= wanted
    assert (wanted | set(AlertKind)) - named("alerts.md") == set()
    assert set(SinkKind) - named("configuration.md") == set()


def test_every_metric_is_told() -> None:
    assert set(HELP) - named("metrics.md") == set()


def test_every_outcome_state_strategy_and_source_of_a_key_is_told() -> None:
    metas = {KEY_META, RUN_META, CALL_META}
    wanted = {*Outcome, *ActionState, *KeySource, *Strategy, *metas}
    wanted |= {ACTION_OBJECT, TIER_FIELD, *(field.name for field in FIELDS)}
    shown = {code.removeprefix("_meta[").strip('"]') for code in named("ledger.md")}

    assert wanted - shown == set()


def test_every_field_of_a_record_and_every_column_is_told() -> None:
    wanted = {field.name for field in fields(Record)} | set(COLUMNS)

    assert wanted - named("decision-log.md") == set()


def test_every_room_of_the_house_is_told() -> None:
    rooms = {
        f"{path.name}/" if path.is_dir() else path.name
        for path in PACKAGE.iterdir()
        if path.name not in {"__init__.py", "__pycache__", "py.typed"}
    }

    assert rooms - named("architecture.md") == set()
