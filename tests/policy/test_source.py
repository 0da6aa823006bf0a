"""Where policies come from: names, versions, what a document becomes, and what is refused."""

import hashlib
from pathlib import Path

import pytest

from mcp_router.domain.decision import ChainLimits
from mcp_router.domain.policy import (
    Condition,
    Policy,
    PolicyIntent,
    Pool,
    PoolStrategy,
    PoolTarget,
    Rule,
)
from mcp_router.domain.target import TargetKind
from mcp_router.errors import PolicyRejected, UnknownPolicy
from mcp_router.policy.source import PolicySource, examine
from tests.policy.documents import VALID, changed

DEFAULT = ChainLimits(
    deadline_s=30.0,
    attempt_timeout_s=10.0,
    attempts=4,
    budget_microusd=50_000,
    max_output_tokens=600,
)

SHOP = Policy(
    name="shop",
    version=2,
    owner="support",
    description="A small shop.",
    changes="Returns go to the cheap pool.",
    digest=hashlib.sha256(VALID.encode()).hexdigest(),
    intents=(
        PolicyIntent(name="returns", examples=("can I return this", "how do I send it back")),
        PolicyIntent(name="dispute", examples=("I want my money back",)),
    ),
    pools=(
        Pool(
            name="cheap",
            kind=TargetKind.MODEL,
            goal="cost",
            strategy=PoolStrategy.COST_OPTIMIZED,
            targets=(
                PoolTarget(target="nano", quality=0.5),
                PoolTarget(target="haiku", quality=0.7),
            ),
        ),
        Pool(
            name="strong",
            kind=TargetKind.MODEL,
            goal="quality",
            strategy=PoolStrategy.QUALITY_FIRST,
            targets=(PoolTarget(target="opus", quality=0.95),),
        ),
        Pool(
            name="helpdesk",
            kind=TargetKind.DESK,
            goal="stability",
            strategy=PoolStrategy.AS_LISTED,
            targets=(PoolTarget(target="zendesk"),),
        ),
        Pool(
            name="crm",
            kind=TargetKind.DESK,
            goal="stability",
            strategy=PoolStrategy.AS_LISTED,
            targets=(PoolTarget(target="salesforce"),),
        ),
    ),
    rules=(
        Rule(
            id="disputes",
            why="Money is at stake.",
            when=Condition(tools=("route_completion",), intents=("dispute",)),
            pool="strong",
            limits=ChainLimits(
                deadline_s=60.0,
                attempt_timeout_s=20.0,
                attempts=4,
                budget_microusd=200_000,
                max_output_tokens=600,
            ),
        ),
        Rule(
            id="returns",
            why="The answer is a known rule.",
            when=Condition(
                tools=("route_completion",),
                intents=("returns",),
                min_confidence=0.6,
                max_prompt_tokens=4000,
            ),
            pool="cheap",
            fallback=("strong",),
            limits=DEFAULT,
        ),
        Rule(
            id="rest",
            why="Everything else.",
            when=Condition(tools=("route_completion",)),
            pool="strong",
            limits=DEFAULT,
        ),
        Rule(
            id="tool:lookup_ticket",
            why="The policy's tools send lookup_ticket to helpdesk.",
            when=Condition(tools=("lookup_ticket",)),
            pool="helpdesk",
            limits=DEFAULT,
        ),
        Rule(
            id="tool:find_customer",
            why="The policy's tools send find_customer to crm.",
            when=Condition(tools=("find_customer",)),
            pool="crm",
            fallback=("helpdesk",),
            limits=ChainLimits(
                deadline_s=30.0,
                attempt_timeout_s=10.0,
                attempts=2,
                budget_microusd=50_000,
                max_output_tokens=600,
            ),
        ),
        Rule(
            id="tool:create_ticket",
            why="The policy's tools send create_ticket to helpdesk.",
            when=Condition(tools=("create_ticket",)),
            pool="helpdesk",
            limits=DEFAULT,
        ),
    ),
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with shop@2, shop@10, and things that are no policies."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "2.yaml").write_text(VALID, encoding="utf-8")
    newer = changed("version: 2", "version: 10")
    (tmp_path / "shop" / "10.yaml").write_text(newer, encoding="utf-8")
    (tmp_path / "shop" / "draft.yaml").write_text("{", encoding="utf-8")
    (tmp_path / "shop" / "011.yaml").write_text("{", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "Not-A-Name").mkdir()
    (tmp_path / "notes.txt").write_text("", encoding="utf-8")
    return tmp_path


def test_a_document_becomes_a_policy(folder: Path) -> None:
    assert PolicySource(folder).load("shop@2") == SHOP


def test_every_condition_of_a_document_reaches_its_rule() -> None:
    when = (
        "customer_tier: [vip, gold], tenant: acme, locale: no, channel: voice, "
        "prompt_tokens_at_least: 10, turns_at_least: 3, turns_at_most: 9, tools_offered: false, "
        "tools_required: false, retrieval_confidence_at_least: 0.1, "
        "retrieval_confidence_at_most: 0.9, safety_flag: threat, sensitive_topic: [legal, press], "
        "pii_kind: card, ticket_status: [new, open], ticket_priority: urgent, "
        "complexity_at_least: 0.2, complexity_at_most: 0.8, cache_similarity_at_least: 0.7, "
        "deadline_s_at_least: 1, deadline_s_at_most: 9.5, ticket_spend_usd_at_least: 0.25"
    )

    policy = examine(changed("intent: dispute", when).encode(), file="x").policy

    assert policy is not None
    assert policy.rules[0].when == Condition(
        tools=("route_completion",),
        customer_tiers=("vip", "gold"),
        tenants=("acme",),
        locales=("no",),
        channels=("voice",),
        min_prompt_tokens=10,
        min_turns=3,
        max_turns=9,
        tools_offered=False,
        tools_required=False,
        min_retrieval_confidence=0.1,
        max_retrieval_confidence=0.9,
        safety_flags=("threat",),
        sensitive_topics=("legal", "press"),
        pii_kinds=("card",),
        ticket_statuses=("new", "open"),
        ticket_priorities=("urgent",),
        min_complexity=0.2,
        max_complexity=0.8,
        min_cache_similarity=0.7,
        min_deadline_s=1,
        max_deadline_s=9.5,
        min_ticket_spend_microusd=250_000,
    )


def test_a_name_alone_means_its_highest_version(folder: Path) -> None:
    source = PolicySource(folder)

    assert source.names() == ("shop",)
    assert source.versions("shop") == (2, 10)
    assert source.versions("../shop") == ()
    assert source.load("shop").label == "shop@10"


def test_a_reference_keeps_its_meaning_while_the_process_runs(folder: Path) -> None:
    source = PolicySource(folder)
    first = source.load("shop")
    (folder / "shop" / "11.yaml").write_text("broken: [", encoding="utf-8")
    (folder / "shop" / "10.yaml").unlink()

    assert source.load("shop") is first
    assert PolicySource(folder).versions("shop") == (2, 11)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("store", "There is no policy of that name; the policies are: shop."),
        ("empty", "There is no policy of that name; the policies are: shop."),
        ("", "There is no policy of that name; the policies are: shop."),
        ("Shop", "There is no policy of that name; the policies are: shop."),
        ("../shop", "There is no policy of that name; the policies are: shop."),
        ("shop/../shop", "There is no policy of that name; the policies are: shop."),
        ("/etc/passwd", "There is no policy of that name; the policies are: shop."),
        ("shop\n", "There is no policy of that name; the policies are: shop."),
        ("shop@", "There is no policy of that name; the policies are: shop."),
        ("shop@latest", "There is no policy of that name; the policies are: shop."),
        ("shop@02", "There is no policy of that name; the policies are: shop."),
        ("shop@3", "shop has no such version; it has: 2, 10."),
        ("shop@11", "shop has no such version; it has: 2, 10."),
    ],
)
def test_what_is_not_there_is_unknown_and_not_echoed(
    folder: Path, reference: str, message: str
) -> None:
    with pytest.raises(UnknownPolicy) as caught:
        PolicySource(folder).load(reference)

    assert caught.value.code == "unknown_policy"
    assert caught.value.message == message


def test_a_folder_that_is_not_there_has_no_policies(tmp_path: Path) -> None:
    source = PolicySource(tmp_path / "nowhere")

    assert source.names() == ()
    with pytest.raises(UnknownPolicy) as caught:
        source.load("support")

    assert caught.value.message == "There is no policy of that name; the policies are: none."


def test_a_broken_document_is_rejected_with_every_problem(folder: Path) -> None:
    text = changed("version: 2", "version: 3").replace("pool: cheap", "pool: chaep")
    (folder / "shop" / "4.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(PolicyRejected) as caught:
        PolicySource(folder).load("shop@4")

    file = folder / "shop" / "4.yaml"
    assert caught.value.code == "policy_rejected"
    assert caught.value.message.splitlines() == [
        f"{file}:2:10: version: expected 4, the number in the file's name",
        f"{file}:37:11: rules[1].pool: expected a pool of this policy; did you mean `cheap`?",
    ]


def test_broken_yaml_is_rejected_with_its_place(folder: Path) -> None:
    (folder / "shop" / "4.yaml").write_text("name: [shop", encoding="utf-8")

    with pytest.raises(PolicyRejected) as caught:
        PolicySource(folder).load("shop@4")

    assert caught.value.message == (
        f"{folder}/shop/4.yaml:1:12: expected valid YAML: "
        "expected ',' or ']', but got '<stream end>'"
    )


def test_a_folder_named_like_a_document_is_rejected(folder: Path) -> None:
    (folder / "shop" / "12.yaml").mkdir()

    with pytest.raises(PolicyRejected) as caught:
        PolicySource(folder).load("shop")

    assert caught.value.message == f"{folder}/shop/12.yaml cannot be read: Is a directory."


def test_a_rejected_document_is_read_again_after_it_was_corrected(folder: Path) -> None:
    document = folder / "shop" / "11.yaml"
    document.write_text("{}", encoding="utf-8")
    source = PolicySource(folder)
    with pytest.raises(PolicyRejected):
        source.load("shop")

    document.write_text(changed("version: 2", "version: 11"), encoding="utf-8")

    assert source.load("shop").label == "shop@11"
