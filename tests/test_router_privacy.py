"""No model sees personal data, the requester has it back, and the log has neither."""

from dataclasses import replace

import pytest

from mcp_router.domain.completion import CompletionRequest, Message, Role
from mcp_router.domain.guardrails import (
    AdvisorPlan,
    CachePlan,
    CacheState,
    CacheUse,
    ConfidencePlan,
    ConfidenceSource,
)
from mcp_router.domain.policy import Policy, PoolStrategy, Rule
from mcp_router.domain.privacy import ContentKind, KnownFields, PiiCount, PiiKind
from mcp_router.domain.secret import Secret
from mcp_router.privacy.veil import EXPLANATION
from mcp_router.privacy_settings import PrivacySettings
from mcp_router.router import Completed, Order
from mcp_router.signals.collect import CallerFacts
from mcp_router.testing.desks import lost_answer
from tests.decide.examples import policy, pool, rule
from tests.execute.walks import House, completion

TEXT = "I am Anna Li, a@example.com, card 4111 1111 1111 1111."
HIDDEN = "I am [NAME_1], [EMAIL_1], card [CARD_1]."
KNOWN = KnownFields(names=("Anna Li",))
FACTS = CallerFacts(customer_id="4711")
VALUES = ("Anna", "a@example.com", "4111")


def order(text: str = TEXT, *, system: str | None = None, facts: CallerFacts = FACTS) -> Order:
    turns = [Message(role=Role.USER, content=text)]

    if system:
        turns.insert(0, Message(role=Role.SYSTEM, content=system))

    return Order(
        request=CompletionRequest(messages=tuple(turns)), facts=facts, ticket_id="7", known=KNOWN
    )


def asked(house: House, name: str, at: int = -1) -> str:
    """Return all that a model was sent."""
    _, request = house.providers[name].asked[at]
    return "\n".join(one.content for one in request.messages)


async def test_a_model_gets_placeholders_and_the_requester_the_values() -> None:
    house = House(answers={"haiku": [completion("Dear [NAME_1], see [EMAIL_1] and [CARD_1].")]})

    done = await house.router.complete(house.call("route_completion"), order())

    assert asked(house, "haiku") == f"{EXPLANATION}\n{HIDDEN}"
    assert done.completion.text == "Dear Anna Li, see a@example.com and [CARD_1]."


async def test_the_log_has_kinds_and_keyed_digests_and_no_value() -> None:
    house = House(answers={"haiku": [completion("Dear [NAME_1]."), completion("Dear [NAME_1].")]})

    for _ in range(2):
        await house.router.complete(house.call("route_completion"), order())

    first, second = house.kept.records
    assert first.pii == (
        PiiCount(kind=PiiKind.CARD, values=1),
        PiiCount(kind=PiiKind.EMAIL, values=1),
        PiiCount(kind=PiiKind.NAME, values=1),
    )
    assert first.prompt_digest is not None
    assert first.answer_digest is not None
    assert first.prompt_digest != first.answer_digest
    assert (first.prompt_digest, first.answer_digest) == (
        second.prompt_digest,
        second.answer_digest,
    )
    assert [value for value in VALUES if value in repr(first)] == []


async def test_the_next_model_gets_the_same_placeholders() -> None:
    house = House(answers={"a": [lost_answer()], "b": [completion("To [EMAIL_1].")]})

    done = await house.router.complete(house.call("route_completion"), order())

    assert asked(house, "a") == asked(house, "b") == f"{EXPLANATION}\n{HIDDEN}"
    assert done.completion.text == "To a@example.com."


def one_rule(asked: Rule) -> Policy:
    return policy(
        (asked,),
        (
            pool("ask", PoolStrategy.AS_LISTED, ("small", 0.5)),
            pool("advisors", PoolStrategy.AS_LISTED, ("big", 0.9)),
        ),
    )


@pytest.mark.parametrize("redact", [True, False])
async def test_what_a_requester_is_known_by_is_neither_given_to_another_nor_kept(
    redact: bool,
) -> None:
    asked_by = replace(rule("ask", "ask"), cache=CachePlan(ttl_s=60, min_similarity=0.85))
    answers = [completion("Sure Maria Lopez, open Settings."), completion("Sure, open Settings.")]
    house = House(
        only=one_rule(asked_by),
        answers={"small": answers, "big": ()},
        private=PrivacySettings(redact=redact),
    )

    async def ask(name: str) -> Completed:
        said = order(f"i am {name}, how do i reset my password for the online account?")
        call = house.call("route_completion")
        return await house.router.complete(call, replace(said, known=KnownFields(names=(name,))))

    await ask("maria lopez")
    done = await ask("mario lopez")

    assert done.completion.text == "Sure, open Settings."
    assert done.cache == CacheUse(
        state=CacheState.BYPASS, reason="the question holds personal data (name)"
    )
    assert "lopez" not in repr(house.record)


async def test_an_answer_that_names_its_requester_is_not_kept() -> None:
    asked_by = replace(rule("ask", "ask"), cache=CachePlan(ttl_s=60))
    house = House(
        only=one_rule(asked_by),
        answers={"small": [completion("Dear Anna, click."), completion("Click.")], "big": ()},
        private=PrivacySettings(redact=False),
    )
    said = order("How do I reset my password?")

    done = [await house.router.complete(house.call("route_completion"), said) for _ in range(3)]

    assert [(one.completion.text, one.cache and one.cache.state) for one in done] == [
        ("Dear Anna, click.", CacheState.MISS),
        ("Click.", CacheState.MISS),
        ("Click.", CacheState.HIT),
    ]


async def test_an_advisor_gets_placeholders_as_well() -> None:
    asked_by = replace(
        rule("ask", "ask"),
        confidence=ConfidencePlan(sources=(ConfidenceSource.SELF_RATING,)),
        advisor=AdvisorPlan(pool="advisors", below=0.9, max_microusd=50_000),
    )
    house = House(
        only=one_rule(asked_by),
        answers={
            "small": [completion("Dear [NAME_1].\nConfidence: 0.2"), completion("To [EMAIL_1].")],
            "big": [completion("Name [EMAIL_1].")],
        },
    )

    done = await house.router.complete(house.call("route_completion"), order())

    sent = asked(house, "big") + asked(house, "small")
    assert "Draft:\nDear [NAME_1]." in asked(house, "big")
    assert [value for value in VALUES if value in sent] == []
    assert done.completion.text == "To a@example.com."


async def test_streamed_text_has_its_values_and_no_half_placeholder() -> None:
    told: list[str] = []

    async def emit(piece: str) -> None:
        told.append(piece)

    house = House(answers={"haiku": [completion("[EMAIL_1]")]})  # the script splits it in two
    call = replace(house.call("route_completion"), emit=emit)

    done = await house.router.complete(call, order())

    assert "".join(told) == done.completion.text == "a@example.com"


async def test_an_answer_with_somebodys_values_is_given_to_nobody_else() -> None:
    house = House(
        only=one_rule(replace(rule("ask", "ask"), cache=CachePlan(ttl_s=60))),
        answers={
            "small": [completion("Dear [EMAIL_1]."), completion("Hello."), completion("Again.")],
            "big": [],
        },
    )
    facts = replace(FACTS, pii_kinds=())  # a host that is wrong about it

    async def ask() -> str:
        asked_for = order("What now?", system="The customer is a@example.com.", facts=facts)
        done = await house.router.complete(house.call("route_completion"), asked_for)
        return done.completion.text

    assert await ask() == "Dear a@example.com."
    assert await ask() == "Hello."
    assert await ask() == "Hello.", "that one was kept"


async def test_content_is_kept_under_the_customers_key_where_it_is_on() -> None:
    settings = PrivacySettings(content=True, key=Secret("a1" * 32))
    house = House(answers={"haiku": [completion("To [EMAIL_1].")]}, private=settings)
    await house.router.complete(house.call("route_completion"), order())

    kept = dict(await house.privacy.read("acme", "dec_1"))
    assert "Anna Li, a@example.com, card [CARD_1]" in kept[ContentKind.PROMPT]
    assert kept[ContentKind.ANSWER] == '["To a@example.com.",[]]'

    erased = await house.privacy.erase("acme", "customer:4711", who="maya", why="asked")
    assert (erased.contents, erased.vaults) == (2, 1)
    assert await house.privacy.read("acme", "dec_1") == ()


async def test_nothing_is_hidden_where_that_is_off() -> None:
    house = House(
        answers={"haiku": [completion("To [EMAIL_1].")]}, private=PrivacySettings(redact=False)
    )

    done = await house.router.complete(house.call("route_completion"), order())

    assert asked(house, "haiku") == TEXT
    assert done.completion.text == "To [EMAIL_1]."
    assert [one.kind for one in house.record.pii] == ["card", "email", "name"]


async def test_a_store_that_is_away_is_no_reason_not_to_hide() -> None:
    house = House(answers={"haiku": [completion("To [EMAIL_1].")]})
    house.sealed.broken = True

    done = await house.router.complete(house.call("route_completion"), order())

    assert asked(house, "haiku") == f"{EXPLANATION}\n{HIDDEN}"
    assert done.completion.text == "To a@example.com."
    assert (house.record.prompt_digest, house.record.answer_digest) == (None, None)
