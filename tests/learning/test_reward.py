"""What outcomes are worth, and what a record or a host's word teaches."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcp_router.domain.attempt import Attempt, Evidence, Purpose, Reason
from mcp_router.domain.decision import ChainLimits, Decision
from mcp_router.domain.learning import Estimate, Lesson, LessonKind, OutcomeReport
from mcp_router.domain.record import Record
from mcp_router.domain.signals import Intent, Signals
from mcp_router.domain.target import TargetFacts, TargetKind
from mcp_router.learning.reward import learns, lessons_from, lessons_of, policy_of, reward
from tests.storage.rows import record

LIMITS = ChainLimits(
    deadline_s=30.0,
    attempt_timeout_s=10.0,
    attempts=3,
    budget_microusd=2_000,
    max_output_tokens=100,
)


def attempt(
    target: str = "small",
    *,
    reason: Reason = Reason.OK,
    latency_ms: int = 5_000,
    cost_microusd: int = 500,
    purpose: Purpose = Purpose.ANSWER,
    failed_checks: tuple[str, ...] = (),
) -> Attempt:
    return Attempt(
        target=target,
        evidence=Evidence.APPLIED,
        reason=reason,
        latency_ms=latency_ms,
        cost_microusd=cost_microusd,
        purpose=purpose,
        failed_checks=failed_checks,
    )


def decided(*, intent: str | None = "refund", learning: bool = True) -> Decision:
    known = TargetFacts(
        name="small",
        kind=TargetKind.MODEL,
        provider="openai",
        family="gpt",
        estimate=Estimate() if learning else None,
    )
    return Decision(
        policy="support@4",
        policy_digest="d",
        rule="r",
        why="w",
        pool="cost",
        signals=Signals(
            tool="route_completion", tenant="acme", intent=Intent(name=intent, confidence=0.9)
        ),
        candidates=(),
        rejections=(),
        limits=LIMITS,
        facts=(known,),
    )


def completion(*attempts: Attempt, decision: Decision | None = None) -> Record:
    return replace(
        record("1", tool="route_completion"),
        decision=decision or decided(),
        attempts=attempts,
        target="small",
    )


def lesson(kind: LessonKind, worth: float, *, target: str = "small", weight: float = 1.0) -> Lesson:
    return Lesson(
        decision_id="dec_1",
        policy="support",
        intent="refund",
        target=target,
        kind=kind,
        reward=worth,
        weight=weight,
    )


def rounded(lessons: Iterable[Lesson]) -> list[Lesson]:
    return [replace(one, reward=round(one.reward, 6)) for one in lessons]


@pytest.mark.parametrize(
    ("one", "worth"),
    [
        (attempt(latency_ms=0, cost_microusd=0), 1.0),
        (attempt(), 0.6 + 0.2 * 0.5 + 0.2 * 0.75),
        (attempt(latency_ms=10_000, cost_microusd=2_000), 0.6),
        (attempt(latency_ms=99_000, cost_microusd=9_000), 0.6),
        (attempt(reason=Reason.CHECKS_FAILED), 0.2 * 0.5 + 0.2 * 0.75),
        (attempt(failed_checks=("language",)), 0.2 * 0.5 + 0.2 * 0.75),
        (attempt(reason=Reason.TIMEOUT, latency_ms=0, cost_microusd=0), 0.0),
        (attempt(reason=Reason.INCOMPLETE, latency_ms=0, cost_microusd=0), 0.0),
    ],
)
def test_an_attempt_is_worth_its_answer_its_speed_and_its_thrift(
    one: Attempt, worth: float
) -> None:
    assert reward(one, LIMITS) == pytest.approx(worth)


def test_without_a_budget_or_time_nothing_of_them_is_left() -> None:
    limits = replace(LIMITS, attempt_timeout_s=0.0, budget_microusd=0)

    assert reward(attempt(latency_ms=0, cost_microusd=0), limits) == 0.6


@given(
    st.sampled_from(Reason),
    st.integers(0, 10**6),
    st.integers(0, 10**9),
    st.lists(st.sampled_from(["language", "citations"]), unique=True),
)
def test_a_reward_is_a_share_and_an_answer_to_publish_beats_every_other(
    reason: Reason, latency_ms: int, cost_microusd: int, failed: list[str]
) -> None:
    one = attempt(
        reason=reason,
        latency_ms=latency_ms,
        cost_microusd=cost_microusd,
        failed_checks=tuple(failed),
    )

    worth = reward(one, LIMITS)

    assert 0.0 <= worth <= 1.0
    assert (worth >= 0.6) is (reason is Reason.OK and not failed)
    assert worth <= 0.4 or worth >= 0.6


def test_a_record_teaches_about_each_target_that_was_asked() -> None:
    done = completion(attempt("small", reason=Reason.TIMEOUT), attempt("large"))

    assert rounded(lessons_of(done)) == [
        lesson(LessonKind.SERVED, 0.0),
        lesson(LessonKind.SERVED, 0.85, target="large"),
    ]


def test_a_target_that_was_asked_again_is_worth_the_average() -> None:
    done = completion(
        attempt(reason=Reason.SERVER_ERROR),
        attempt(),
        attempt(purpose=Purpose.FINISH, latency_ms=0, cost_microusd=0),
    )

    assert rounded(lessons_of(done)) == [lesson(LessonKind.SERVED, 0.616667)]


@pytest.mark.parametrize(
    "reason",
    [
        Reason.OVER_BUDGET,
        Reason.BREAKER_OPEN,
        Reason.CANCELLED,
        Reason.UNAUTHORIZED,
        Reason.REJECTED,
    ],
)
def test_what_says_nothing_about_a_target_teaches_nothing(reason: Reason) -> None:
    assert lessons_of(completion(attempt(reason=reason))) == ()


def test_advice_is_no_answer() -> None:
    assert lessons_of(completion(attempt("large", purpose=Purpose.ADVICE))) == ()


def test_a_policy_that_does_not_learn_and_a_call_without_a_decision_teach_nothing() -> None:
    assert lessons_of(completion(attempt(), decision=decided(learning=False))) == ()
    assert lessons_of(record()) == ()
    assert learns(decided(learning=False)) is False
    assert learns(decided()) is True


def test_a_report_teaches_about_the_target_that_served_the_customer() -> None:
    done = completion(attempt())

    assert lessons_from(
        done, OutcomeReport(decision_id="dec_1", resolved=True, reopened=False, csat=4)
    ) == (
        lesson(LessonKind.RESOLVED, 1.0, weight=5.0),
        lesson(LessonKind.REOPENED, 1.0, weight=5.0),
        lesson(LessonKind.CSAT, 0.75, weight=5.0),
    )
    assert lessons_from(
        done, OutcomeReport(decision_id="dec_1", resolved=False, reopened=True, csat=1)
    ) == (
        lesson(LessonKind.RESOLVED, 0.0, weight=5.0),
        lesson(LessonKind.REOPENED, 0.0, weight=5.0),
        lesson(LessonKind.CSAT, 0.0, weight=5.0),
    )
    assert lessons_from(done, OutcomeReport(decision_id="dec_1")) == ()


def test_what_one_version_has_taught_serves_the_next() -> None:
    assert policy_of(decided()) == "support"
