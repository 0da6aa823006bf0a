"""The documents that the pages show are documents that the router takes."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from mcp_router.errors import InvalidSettings, MissingSecret
from mcp_router.marked_yaml import parse_yaml
from mcp_router.policy.schema import policy_schema
from mcp_router.policy.source import PolicySource, examine
from mcp_router.settings import Settings, parse_settings
from mcp_router.signals.intent import NAMED_FROM
from tests.docs.pages import Block, blocks, text
from tests.source_tree import CHECKOUT

SCHEMA = json.loads(policy_schema())
_README = (CHECKOUT / "README.md").read_text(encoding="utf-8")
_VARIABLES = re.findall(r"\$\{(\w+)\}", text("configuration.md") + _README)
ENVIRON = {
    **dict.fromkeys(_VARIABLES, "a-secret"),
    "ALERTS_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def of(page: str) -> list[Block]:
    return [block for block in blocks("yaml") if block.page == CHECKOUT / page]


def completed(first: Block, block: Block) -> str:
    """Return the first block of a page with the parts that another one replaces."""
    whole: dict[str, object] = yaml.safe_load(first.code)
    part: Mapping[str, object] = yaml.safe_load(block.code)
    return yaml.safe_dump({**whole, **part}, sort_keys=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with the files that the examples speak of."""
    (tmp_path / "certificates").mkdir()
    (tmp_path / "certificates" / "acme-ca.pem").write_text("", encoding="utf-8")
    (tmp_path / "policies").mkdir()
    return tmp_path


def settings(document: str, folder: Path) -> Settings:
    return parse_settings(document, file=str(folder / "router.yaml"), environ=ENVIRON)


@pytest.mark.parametrize("block", of("docs/configuration.md"), ids=str)
def test_settings_of_the_page_load(block: Block, folder: Path) -> None:
    loaded = settings(completed(of("docs/configuration.md")[0], block), folder)

    assert loaded.policy.partition("@")[0] == "support"
    assert loaded.desks


def test_the_settings_to_copy_have_every_target_of_the_packaged_policy(folder: Path) -> None:
    loaded = settings(of("docs/configuration.md")[0].code, folder)
    have = {one.name for one in (*loaded.models, *loaded.desks)}

    pools = PolicySource(None).load("support").pools
    assert {one.target for pool in pools for one in pool.targets} == have


def test_settings_of_the_readme_load(folder: Path) -> None:
    [block] = of("README.md")

    loaded = settings(block.code, folder)

    assert [one.name for one in loaded.providers] == ["anthropic", "openai", "google"]
    assert [one.name for one in loaded.desks] == ["zendesk", "salesforce"]


def test_a_missing_variable_stops_the_start() -> None:
    [first, *_] = of("docs/configuration.md")

    with pytest.raises(MissingSecret):
        parse_settings(first.code, file="router.yaml", environ={**ENVIRON, "ZENDESK_TOKEN": ""})


def test_defaults_are_what_the_page_says(folder: Path) -> None:
    loaded = settings("{}", folder)
    page = text("configuration.md")

    assert loaded.storage == f"sqlite:///{folder / 'router.db'}"
    assert "| `storage` | `sqlite:///router.db` |" in page
    assert loaded.policy == "support"
    assert "| `policy` | `support` |" in page
    assert loaded.policies is None
    assert "| `policies` | the packaged ones |" in page
    assert (loaded.providers, loaded.models, loaded.desks, loaded.tokens) == ((), (), (), ())


REQUIRED = {
    "providers": ("kind", "api_key"),
    "models": ("provider", "model", "family"),
    "tokens": ("name", "tenant", "principal", "scopes", "sha256"),
}


@pytest.mark.parametrize("section", REQUIRED)
def test_what_the_page_calls_required_is_required(section: str, folder: Path) -> None:
    document = f"{section}: [{{}}]" if section == "tokens" else f"{section}: {{one: {{}}}}"

    with pytest.raises(InvalidSettings) as refused:
        settings(document, folder)

    missing = re.findall(r"the key `(\w+)`, which is missing", refused.value.message)
    assert missing == list(REQUIRED[section])
    part = text("configuration.md").partition(f"\n## {section.title()}\n")[2].partition("\n## ")[0]
    assert re.findall(r"^\| `(\w+)` \| required \|", part, re.MULTILINE) == missing


POLICY_PAGES = ("policies.md", "policy-guards.md")
POLICY_BLOCKS = [block for page in POLICY_PAGES for block in of(f"docs/{page}")]


@pytest.mark.parametrize("block", POLICY_BLOCKS, ids=str)
def test_policies_of_the_page_load_and_fulfil_the_schema(block: Block) -> None:
    document = completed(of("docs/policies.md")[0], block).encode()
    value = parse_yaml(document, file=str(block)).value

    assert examine(document, file=str(block)).problems == ()
    assert [one.message for one in Draft202012Validator(SCHEMA).iter_errors(value)] == []


def test_the_smallest_policy_stands_in_the_place_that_the_page_names(tmp_path: Path) -> None:
    place = tmp_path / "support" / "1.yaml"
    place.parent.mkdir()
    place.write_text(of("docs/policies.md")[0].code, encoding="utf-8")

    policy = PolicySource(tmp_path).load("support")

    assert policy.label == "support@1"
    assert [rule.id for rule in policy.rules] == [
        "routine",
        "everything-else",
        "tool:lookup_ticket",
        "tool:reply_to_ticket",
    ]


def test_numbers_about_intents_are_those_of_the_code() -> None:
    sizes = [len(one.examples) for one in PolicySource(None).load("support").intents]

    assert (min(sizes), max(sizes)) == (8, 13)
    assert "the packaged policy has 8 to 13 an intent" in text("policies.md")
    assert NAMED_FROM == 0.25
    assert "Below 0.25 none is named" in text("policies.md")


def test_the_longest_deadline_of_the_packaged_policy_is_what_hosts_are_told() -> None:
    rules = PolicySource(None).load("support").rules

    assert max(rule.limits.deadline_s for rule in rules) == 60
    assert "the packaged policy's longest is 60 seconds" in text("hosts.md")
