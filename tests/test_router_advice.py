"""A stronger model's judgement: asked for where an answer is unsure, and paid by the call."""

from dataclasses import replace

import pytest

from mcp_router.domain.attempt import Attempt, Purpose
from mcp_router.domain.budget import BudgetPlan
from mcp_router.domain.completion import Usage
from mcp_router.domain.guardrails import (
    AdvisorPlan,
    AnswerChecks,
    AnswerConfidence,
    ConfidencePlan,
    ConfidenceSource,
)
from mcp_router.execute.gate import OpenGate
from mcp_router.testing.budgets import MemoryBudgets
from mcp_router.testing.desks import lost_answer
from tests.decide.examples import LIMITS, rule
from tests.execute.walks import House, completion
from tests.test_router_guardrails import RATED, ask, house, one_rule


async def test_an_unsure_answer_is_finished_with_a_stronger_models_judgement() -> None:
    advisor = AdvisorPlan(pool="advisors", below=0.5, max_microusd=50_000)
    asked = replace(rule("ask", "ask"), confidence=RATED, advisor=advisor)
    one = house(
        one_rule(asked),
        small=[
            completion("Perhaps tomorrow.\nConfidence: 0.2"),
            completion("Tomorrow, by noon.\nConfidence: 0.9"),
        ],
        big=[completion("Name the time.")],
    )

    done = await ask(one)

    assert (done.target, done.completion.text) == ("small", "Tomorrow, by noon.")
    assert [(a.target, a.purpose) for a in done.attempts] == [
        ("small", Purpose.ANSWER),
        ("big", Purpose.ADVICE),
        ("small", Purpose.FINISH),
    ]
    assert done.confidence == AnswerConfidence(value=0.9, source=ConfidenceSource.SELF_RATING)
    assert done.advice is not None
    assert (done.advice.target, done.advice.followed, done.advice.cost_microusd) == (
        "big",
        True,
        10,
    )
    judged = one.providers["big"].asked[0][1].messages[-1].content
    assert "Where is my parcel?" in judged
    assert "Perhaps tomorrow." in judged
    finished = one.providers["small"].asked[1][1].messages
    assert finished[-2].content == "Perhaps tomorrow."
    assert finished[-1].content.endswith("Name the time.")


async def test_a_sure_answer_asks_nobody_for_advice() -> None:
    advisor = AdvisorPlan(pool="advisors", below=0.5, max_microusd=50_000)
    asked = replace(rule("ask", "ask"), confidence=RATED, advisor=advisor)
    one = house(one_rule(asked), small=[completion("Tomorrow.\nConfidence: 0.8")])

    done = await ask(one)

    assert (done.completion.text, done.advice, len(done.attempts)) == ("Tomorrow.", None, 1)


async def test_an_advisor_that_fails_leaves_the_first_answer_and_the_record_says_so() -> None:
    advisor = AdvisorPlan(pool="advisors", below=0.5, max_microusd=50_000)
    asked = replace(rule("ask", "ask"), confidence=RATED, advisor=advisor)
    one = house(
        one_rule(asked), small=[completion("Perhaps.\nConfidence: 0.2")], big=[lost_answer()]
    )

    done = await ask(one)

    assert done.completion.text == "Perhaps."
    assert done.advice is not None
    assert (done.advice.followed, done.advice.reason) == (False, "it could not be had (reset)")
    assert one.record.advice == done.advice


async def test_advice_is_paid_from_the_calls_one_budget() -> None:
    advisor = AdvisorPlan(pool="advisors", below=0.5, max_microusd=50_000, max_output_tokens=900)
    tight = replace(LIMITS, budget_microusd=830, max_output_tokens=800)
    asked = replace(rule("ask", "ask", limits=tight), confidence=RATED, advisor=advisor)
    one = house(one_rule(asked), small=[completion("Perhaps.\nConfidence: 0.2")])

    done = await ask(one)

    assert done.completion.text == "Perhaps."
    assert done.advice is not None
    assert done.advice.reason == "it could not be had (over_budget)"


@pytest.mark.parametrize("attempts", [1, 2])
async def test_advice_for_which_no_attempt_is_left_takes_no_answer_away(attempts: int) -> None:
    advisor = AdvisorPlan(pool="advisors", below=0.5, max_microusd=50_000)
    few = replace(LIMITS, attempts=attempts)
    asked = replace(rule("ask", "ask", limits=few), confidence=RATED, advisor=advisor)
    one = house(
        one_rule(asked),
        small=[completion("Perhaps.\nConfidence: 0.2")],
        big=[completion("Name the time.")],
    )

    done = await ask(one)

    assert (done.target, done.completion.text) == ("small", "Perhaps.")
    assert done.advice is not None
    assert done.advice.followed is False
    assert len(done.attempts) == attempts


async def test_an_advisor_that_costs_more_than_advice_may_is_not_asked() -> None:
    # The prompt alone would be within it, the draft that has to be judged is not.
    advisor = AdvisorPlan(pool="advisors", below=0.5, max_microusd=260, max_output_tokens=200)
    asked = replace(rule("ask", "ask"), confidence=RATED, advisor=advisor)
    draft = replace(
        completion("Perhaps.\nConfidence: 0.2"), usage=Usage(input_tokens=7, output_tokens=700)
    )
    one = house(one_rule(asked), small=[draft])

    done = await ask(one)

    assert done.completion.text == "Perhaps."
    assert done.advice is not None
    assert (done.advice.target, done.advice.cost_microusd) == ("big", 0)
    assert done.advice.reason == "the call's limits left no room for it"


class Parting(OpenGate):
    """A gate with which the store of money goes away as soon as the first answer is there."""

    money: MemoryBudgets | None = None

    async def observe(
        self, attempt: Attempt, *, retry_after_s: float | None = None, cut_short: bool = False
    ) -> None:
        if self.money is not None:
            self.money.broken = True


async def test_a_store_that_goes_away_before_the_advice_takes_no_answer_away() -> None:
    advisor = AdvisorPlan(pool="advisors", below=0.5, max_microusd=50_000, max_output_tokens=3_000)
    rich = replace(LIMITS, budget_microusd=50_000)
    asked = replace(rule("ask", "ask", limits=rich), confidence=RATED, advisor=advisor)
    gate = Parting()
    one = House(
        answers={"small": [completion("Perhaps.\nConfidence: 0.2")], "other": [], "big": []},
        only=one_rule(asked, budgets=BudgetPlan(ticket_microusd=100_000)),
        gate=gate,
    )
    gate.money = one.money

    done = await ask(one)

    assert done.completion.text == "Perhaps."
    assert done.advice is not None
    assert (done.advice.followed, done.advice.cost_microusd) == (False, 0)


async def test_a_judgement_is_no_answer_that_failed_its_checks() -> None:
    checked = ConfidencePlan(sources=(ConfidenceSource.CHECKS,), floor=0.4)
    advisor = AdvisorPlan(pool="advisors", below=0.6, max_microusd=50_000)
    checks = AnswerChecks(forbidden_phrases=("i guarantee",))
    asked = replace(rule("ask", "ask"), checks=checks, confidence=checked, advisor=advisor)
    one = house(
        one_rule(asked),
        small=[completion("I guarantee it.")],
        other=[completion("Perhaps."), completion("By noon.")],
        big=[completion("Name the time.")],
    )

    done = await ask(one)

    assert done.completion.text == "By noon."
    assert done.confidence is not None
    assert done.confidence.source is ConfidenceSource.CHECKS
    assert done.confidence.value == pytest.approx(2 / 3)  # of three answers two have passed
