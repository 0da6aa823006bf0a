"""One deadline, one budget, one cap: what a chain spends, in which order, and what it tells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mcp_router.domain.attempt import Attempt, Evidence, Reason
from mcp_router.domain.completion import Usage
from mcp_router.domain.decision import Candidate, ChainLimits
from mcp_router.errors import DeadlineExceeded, SendFailed, TargetsExhausted, TargetsRefused
from mcp_router.execute.chain import BACKOFF_BASE_S, BACKOFF_CAP_S, Answer, Chain
from mcp_router.testing.clock import ManualClock

LIMITS = ChainLimits(
    deadline_s=30,
    attempt_timeout_s=12,
    attempts=4,
    budget_microusd=1_000,
    max_output_tokens=100,
)
FINAL = {Reason.UNAUTHORIZED, Reason.REJECTED, Reason.NOT_FOUND, Reason.REDIRECTED}
FINAL |= {Reason.OVER_BUDGET, Reason.CHECKS_FAILED}
ANSWER = Answer(
    value="yes", cost_microusd=70, usage=Usage(input_tokens=1, output_tokens=2), model="m"
)


def candidate(name: str, estimated_microusd: int = 100) -> Candidate:
    return Candidate(
        target=name,
        pool="cost",
        provider=name,
        family=name,
        score=1.0,
        factors=(),
        estimated_microusd=estimated_microusd,
    )


def failed(
    reason: Reason = Reason.SERVER_ERROR,
    evidence: Evidence = Evidence.UNKNOWN,
    retry_after_s: float | None = None,
) -> SendFailed:
    return SendFailed(
        "no", evidence=evidence, reason=reason, status=503, retry_after_s=retry_after_s
    )


@dataclass(kw_only=True)
class Run:
    """A chain over scripted targets: what each answers, send by send, its last word for ever."""

    says: Mapping[str, Sequence[Answer[str] | SendFailed]]
    limits: ChainLimits = LIMITS
    takes_s: float = 0.25
    jitter: float = 1.0
    clock: ManualClock = field(default_factory=ManualClock)
    asked: list[tuple[str, float]] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)

    async def send(self, one: Candidate, timeout_s: float) -> Answer[str]:
        nth = [name for name, _ in self.asked].count(one.target)
        self.asked.append((one.target, timeout_s))
        self.clock.advance(min(self.takes_s, timeout_s))
        words = self.says[one.target]
        word = words[min(nth, len(words) - 1)]

        if isinstance(word, SendFailed):
            raise word

        return word

    async def go(self, *candidates: Candidate) -> tuple[str, Answer[str]]:
        chain = Chain(
            self.limits,
            clock=self.clock,
            jitter=lambda: self.jitter,
            report=self.attempts.append,
        )
        return await chain.run(candidates or tuple(map(candidate, self.says)), self.send)

    def order(self) -> list[str]:
        return [name for name, _ in self.asked]


async def test_the_best_candidate_answers_and_nobody_else_is_asked() -> None:
    run = Run(says={"a": [ANSWER], "b": [ANSWER]})

    assert await run.go() == ("a", ANSWER)
    assert run.asked == [("a", 12)]
    assert run.attempts == [
        Attempt(
            target="a",
            evidence=Evidence.APPLIED,
            reason=Reason.OK,
            latency_ms=250,
            cost_microusd=70,
            usage=Usage(input_tokens=1, output_tokens=2),
            model="m",
        )
    ]


@pytest.mark.parametrize("evidence", [Evidence.UNKNOWN, Evidence.NOT_APPLIED])
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.OK])
async def test_whatever_went_wrong_the_next_candidate_is_asked_at_once(
    reason: Reason, evidence: Evidence
) -> None:
    run = Run(says={"a": [failed(reason, evidence)], "b": [ANSWER]})

    assert await run.go() == ("b", ANSWER)
    assert run.clock.slept_s == []
    assert run.attempts[0] == Attempt(
        target="a", evidence=evidence, reason=reason, latency_ms=250, status=503
    )


@pytest.mark.parametrize("reason", sorted(FINAL))
async def test_what_is_final_is_never_asked_again(reason: Reason) -> None:
    run = Run(says={"a": [failed(reason, Evidence.NOT_APPLIED)]})
    # The next call has a budget of its own, and another answer.
    passing = reason in {Reason.OVER_BUDGET, Reason.CHECKS_FAILED}
    expected = TargetsExhausted if passing else TargetsRefused

    with pytest.raises(expected, match=rf"\(a: {reason}\)"):
        await run.go()

    assert run.order() == ["a"]
    assert run.clock.slept_s == []


@pytest.mark.parametrize("reason", sorted(set(Reason) - FINAL - {Reason.OK}))
async def test_what_may_pass_is_asked_again_up_to_the_cap(reason: Reason) -> None:
    run = Run(says={"a": [failed(reason)]})

    with pytest.raises(TargetsExhausted, match="attempt"):
        await run.go()

    assert run.order() == ["a"] * 4
    assert len(run.attempts) == 4


async def test_the_order_is_kept_in_every_round_without_those_that_are_final() -> None:
    run = Run(
        says={"a": [failed()], "b": [failed(Reason.REJECTED)], "c": [failed(), ANSWER]},
        limits=replace(LIMITS, attempts=9),
    )

    assert await run.go() == ("c", ANSWER)
    assert run.order() == ["a", "b", "c", "a", "c"]


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
async def test_pauses_double_up_to_a_cap_with_full_jitter(jitter: float) -> None:
    run = Run(
        says={"a": [failed()]},
        limits=replace(LIMITS, attempts=9, deadline_s=600, budget_microusd=10**6),
        jitter=jitter,
    )

    with pytest.raises(TargetsExhausted):
        await run.go()

    full = [min(BACKOFF_BASE_S * 2**n, BACKOFF_CAP_S) for n in range(8)]
    assert run.clock.slept_s == pytest.approx([pause * jitter for pause in full])


async def test_a_target_is_not_asked_before_the_time_it_asked_for() -> None:
    run = Run(says={"a": [failed(Reason.RATE_LIMITED, retry_after_s=7), ANSWER]})

    assert await run.go() == ("a", ANSWER)
    assert run.clock.slept_s == [7]


async def test_one_that_asks_for_time_does_not_hold_up_the_others() -> None:
    patient = [failed(Reason.RATE_LIMITED, retry_after_s=3600)]
    run = Run(says={"a": patient, "b": [failed(Reason.RESET), ANSWER]})

    assert await run.go() == ("b", ANSWER)
    assert run.order() == ["a", "b", "b"]
    assert run.clock.slept_s == [BACKOFF_BASE_S]


async def test_nobody_waits_for_a_time_beyond_the_deadline() -> None:
    run = Run(says={"a": [failed(Reason.RATE_LIMITED, retry_after_s=29.9)]})

    with pytest.raises(DeadlineExceeded):
        await run.go()

    assert run.order() == ["a"]
    assert run.clock.slept_s == []


async def test_an_attempt_gets_no_more_time_than_the_chain_has_left() -> None:
    run = Run(says={"a": [failed(Reason.TIMEOUT)], "b": [failed(Reason.TIMEOUT)], "c": [ANSWER]})
    run.takes_s = 99

    assert await run.go() == ("c", ANSWER)
    assert run.asked == [("a", 12), ("b", 12), ("c", 6)]
    assert run.clock.monotonic_s() == 30


async def test_after_the_deadline_nobody_is_asked() -> None:
    run = Run(says={name: [failed(Reason.TIMEOUT)] for name in "abcd"}, takes_s=10)

    with pytest.raises(DeadlineExceeded):
        await run.go()

    assert run.order() == ["a", "b", "c"]
    assert run.clock.monotonic_s() == 30


async def test_a_candidate_that_the_budget_does_not_cover_is_passed_over_and_reported() -> None:
    run = Run(says={"dear": [ANSWER], "cheap": [ANSWER]})

    assert await run.go(candidate("dear", 1_001), candidate("cheap", 1_000)) == ("cheap", ANSWER)
    assert run.order() == ["cheap"]
    assert run.attempts[0] == Attempt(
        target="dear", evidence=Evidence.NOT_APPLIED, reason=Reason.OVER_BUDGET, latency_ms=0
    )


async def test_an_answer_that_was_lost_may_have_been_billed_and_counts() -> None:
    run = Run(says={"a": [failed(Reason.TIMEOUT)], "b": [ANSWER]})

    with pytest.raises(TargetsExhausted):
        await run.go(candidate("a", 600), candidate("b", 600))

    assert [one.reason for one in run.attempts] == [
        Reason.TIMEOUT,
        Reason.OVER_BUDGET,
        Reason.OVER_BUDGET,
    ]


async def test_a_refusal_is_not_billed() -> None:
    run = Run(says={"a": [failed(Reason.RATE_LIMITED, Evidence.NOT_APPLIED)], "b": [ANSWER]})

    assert await run.go(candidate("a", 600), candidate("b", 600)) == ("b", ANSWER)


async def test_without_candidates_every_target_has_failed() -> None:
    with pytest.raises(TargetsRefused):
        await Chain(LIMITS, clock=ManualClock(), jitter=lambda: 1.0, report=lambda _: None).run(
            (), Run(says={}).send
        )


WORDS = st.lists(
    st.one_of(
        st.just(ANSWER),
        st.builds(
            failed,
            st.sampled_from([reason for reason in Reason if reason is not Reason.OK]),
            st.sampled_from([Evidence.UNKNOWN, Evidence.NOT_APPLIED]),
            st.none() | st.floats(0, 60),
        ),
    ),
    min_size=1,
    max_size=3,
)


@given(
    st.dictionaries(st.sampled_from("abcd"), WORDS, min_size=1),
    st.integers(1, 6),
    st.floats(0.1, 40),
    st.integers(0, 500),
    st.floats(0, 15),
    st.floats(0, 1),
)
@settings(max_examples=150, deadline=None)
async def test_whatever_happens_no_limit_is_broken_and_everything_is_told(
    says: dict[str, list[Answer[str] | SendFailed]],
    attempts: int,
    deadline_s: float,
    budget_microusd: int,
    takes_s: float,
    jitter: float,
) -> None:
    limits = replace(
        LIMITS, attempts=attempts, deadline_s=deadline_s, budget_microusd=budget_microusd
    )
    run = Run(says=says, limits=limits, takes_s=takes_s, jitter=jitter)

    try:
        answered, _ = await run.go()
    except (TargetsExhausted, TargetsRefused, DeadlineExceeded):
        answered = None

    sent = [one for one in run.attempts if one.reason is not Reason.OVER_BUDGET or one.latency_ms]
    lost = [one for one in run.attempts if one.evidence is Evidence.UNKNOWN]
    finals = [one.target for one in run.attempts if one.reason in FINAL]
    assert len(run.asked) <= attempts
    assert run.clock.monotonic_s() <= deadline_s + 1e-6
    assert all(0 < timeout_s <= 12 for _, timeout_s in run.asked)
    assert 100 * len(lost) + sum(one.cost_microusd for one in sent) <= budget_microusd
    assert len(finals) == len(set(finals))
    assert (answered is not None) == any(one.reason is Reason.OK for one in run.attempts)
    assert answered is None or run.attempts[-1].target == answered
