"""The walk of a completion: who is asked, with which request, and what the record keeps."""

from dataclasses import replace

import pytest

from mcp_router.domain.action import ActionState, Strategy
from mcp_router.domain.attempt import Evidence, Reason
from mcp_router.domain.completion import CompletionRequest, Message, Role
from mcp_router.domain.record import ModelAnswer
from mcp_router.errors import NoTarget, TargetsRefused
from mcp_router.router import Order
from mcp_router.signals.collect import CallerFacts
from mcp_router.testing.desks import ScriptedDesk, Step, lost_answer, refusal
from tests.decide.examples import LIMITS
from tests.execute.walks import House, completion
from tests.storage.rows import action

ASK = CompletionRequest(messages=(Message(role=Role.USER, content="Where is my parcel?"),))
ORDER = Order(request=ASK, facts=CallerFacts(), ticket_id="7")


async def test_an_answer_comes_with_its_decision_and_leaves_its_record() -> None:
    house = House(answers={"haiku": [completion()]})

    done = await house.router.complete(house.call("route_completion"), ORDER)

    assert done.completion == completion()
    assert (done.target, done.cost_microusd, done.decision.rule) == ("haiku", 10, "r-ask")
    assert done.attempts == house.record.attempts
    assert house.record.answer == ModelAnswer(
        model="model-1",
        finish_reason="stop",
        input_tokens=7,
        output_tokens=3,
        tool_calls=0,
        price_table="flat",
    )
    assert (house.record.outcome, house.record.target) == ("ok", "haiku")
    assert (house.record.ticket_id, house.record.cost_microusd) == ("7", 10)
    assert "parcel" not in repr(house.record)
    assert "Hello" not in repr(house.record)


async def test_the_next_model_takes_over_and_both_are_told() -> None:
    house = House(answers={"haiku": [lost_answer()], "gpt": [completion()]})

    done = await house.router.complete(house.call("route_completion"), ORDER)

    assert done.target == "gpt"
    assert [(one.target, one.evidence, one.reason) for one in house.record.attempts] == [
        ("haiku", Evidence.UNKNOWN, Reason.RESET),
        ("gpt", Evidence.APPLIED, Reason.OK),
    ]


async def test_when_every_model_fails_the_record_tells_each_attempt() -> None:
    house = House(answers={name: [refusal(Reason.UNAUTHORIZED, 401)] for name in ("a", "b")})

    with pytest.raises(TargetsRefused, match=r"\(a: unauthorized, b: unauthorized\)"):
        await house.router.complete(house.call("route_completion"), ORDER)

    assert house.record.error_code == "targets_refused"
    assert [one.target for one in house.record.attempts] == ["a", "b"]
    assert (house.record.target, house.record.answer) == (None, None)


async def test_without_a_model_nobody_is_asked() -> None:
    house = House()

    with pytest.raises(NoTarget):
        await house.router.complete(house.call("route_completion"), ORDER)

    assert house.record.error_code == "no_target"
    assert house.record.decision is not None


@pytest.mark.parametrize(("asked", "allowed", "sent"), [(1024, 800, 800), (10, 800, 10)])
async def test_an_answer_is_no_longer_than_the_rule_allows(
    asked: int, allowed: int, sent: int
) -> None:
    limits = replace(LIMITS, max_output_tokens=allowed)
    house = House(answers={"haiku": [completion()]}, limits=limits)
    order = replace(ORDER, request=replace(ASK, max_output_tokens=asked))

    await house.router.complete(house.call("route_completion"), order)

    ((_, request),) = house.providers["haiku"].asked
    assert request == replace(ASK, max_output_tokens=sent)


async def test_a_model_is_told_what_its_run_has_already_done() -> None:
    desk = ScriptedDesk("zendesk", Strategy.NONE, [Step.APPLY, Step.LOST, Step.REJECT])
    house = House(desks=(desk,), answers={"haiku": [completion(), completion()]})

    for key in ("one", "two", "three"):
        await house.write(house.call(key=key, run_id="run-1"))

    await house.router.complete(house.call("route_completion", run_id="run-1"), ORDER)
    await house.router.complete(house.call("route_completion", run_id="run-2"), ORDER)

    told, untold = [request.messages for _, request in house.providers["haiku"].asked]
    done = await house.store.by_key("acme", "one")
    assert done is not None
    assert told == (
        Message(
            role=Role.SYSTEM,
            content=(
                "Already done in this run, never to be repeated:\n"
                f"- reply_to_ticket at zendesk on 7: done, see made-by-{done.marker}\n"
                "- reply_to_ticket at zendesk on 7: sent, outcome not known yet"
            ),
        ),
        *ASK.messages,
    )
    assert untold == ASK.messages


async def test_a_run_of_another_tenant_is_nobodys_business() -> None:
    house = House(answers={"haiku": [completion()]})
    theirs = action(tenant="other", run_id="run-1", state=ActionState.SENDING)
    await house.ledger.reserve(theirs)

    await house.router.complete(house.call("route_completion", run_id="run-1"), ORDER)

    ((_, request),) = house.providers["haiku"].asked
    assert request.messages == ASK.messages


async def test_an_answer_leaves_while_the_store_is_away_and_its_record_is_kept_later() -> None:
    house = House(answers={"haiku": [completion()]})
    house.kept.broken = True

    done = await house.router.complete(house.call("route_completion"), ORDER)

    assert (done.completion, house.kept.records) == (completion(), ())
    house.kept.broken = False
    await house.log.catch_up()
    assert [(one.decision_id, one.outcome) for one in house.kept.records] == [("dec_1", "ok")]
