"""What explain_decision gives a host: the record in fields, nothing of it left out."""

from dataclasses import replace

from mcp_router.domain.budget import Account, Balance, BudgetScope
from mcp_router.domain.guardrails import (
    Advice,
    AnswerConfidence,
    CacheState,
    CacheUse,
    ConfidenceSource,
)
from mcp_router.domain.learning import Choice, LearningMode
from mcp_router.domain.record import Record
from mcp_router.domain.rollout import Arm
from mcp_router.tools.explain_decision import told
from tests.decide.test_tell import ANSWERED

assert ANSWERED.decision is not None
BEST, SECOND = ANSWERED.decision.candidates
RICH = replace(
    ANSWERED,
    decision=replace(
        ANSWERED.decision,
        arm=Arm.CANDIDATE,
        candidates=(replace(BEST, propensity=0.75), SECOND),
        choice=Choice(mode=LearningMode.OBSERVE, draw=0.5, target="a-nano"),
    ),
    cache=CacheUse(state=CacheState.MISS, reason="nothing alike is kept"),
    confidence=AnswerConfidence(value=0.4, source=ConfidenceSource.CHECKS),
    advice=Advice(
        target="d-large", followed=True, cost_microusd=2_500, latency_ms=900, reason="unsure"
    ),
    escalation="not sure enough",
    budgets=(
        Balance(
            account=Account(scope=BudgetScope.RUN, key="run-7", limit_microusd=50_000),
            spent_microusd=1_000,
            held_microusd=500,
        ),
    ),
)


def test_a_record_is_given_in_fields() -> None:
    result = told(7, RICH).model_dump(mode="json", exclude={"story"})

    assert result == {
        "decision_id": "dec_1",
        "seq": 7,
        "tool": "route_completion",
        "outcome": "ok",
        "code": None,
        "policy": "support@3",
        "arm": "candidate",
        "rule": "all",
        "why": "Because all.",
        "pool": "cost",
        "target": "b-mini",
        "action_id": None,
        "candidates": [
            {
                "target": "a-nano",
                "pool": "cost",
                "score": 0.839654,
                "factors": [
                    {"name": "checks", "value": 1.0, "weight": 0.6},
                    {"name": "cost", "value": 0.599136, "weight": 0.4},
                ],
                "estimated_usd": 0.0001,
                "propensity": 0.75,
            },
            {
                "target": "b-mini",
                "pool": "cost",
                "score": 0.815744,
                "factors": [
                    {"name": "checks", "value": 1.0, "weight": 0.6},
                    {"name": "cost", "value": 0.539361, "weight": 0.4},
                ],
                "estimated_usd": 0.0002,
                "propensity": None,
            },
        ],
        "rejections": [],
        "draw": {"mode": "observe", "draw": 0.5, "target": "a-nano"},
        "attempts": [
            {
                "target": "a-nano",
                "purpose": "answer",
                "outcome": "not_applied",
                "reason": "refused",
                "failed_checks": [],
                "latency_ms": 12,
                "cost_usd": 0.0,
            },
            {
                "target": "b-mini",
                "purpose": "answer",
                "outcome": "applied",
                "reason": "ok",
                "failed_checks": [],
                "latency_ms": 1400,
                "cost_usd": 0.000812,
            },
        ],
        "cache": {"state": "miss", "reason": "nothing alike is kept"},
        "confidence": {"value": 0.4, "source": "checks"},
        "advisor": {
            "target": "d-large",
            "followed": True,
            "reason": "unsure",
            "latency_ms": 900,
            "cost_usd": 0.0025,
        },
        "escalation": "not sure enough",
        "budgets": [{"scope": "run", "spent_usd": 0.001, "held_usd": 0.0005, "limit_usd": 0.05}],
        "cost_usd": 0.000812,
        "latency_ms": 1432,
    }


def test_what_a_call_did_not_have_is_empty() -> None:
    refused = Record(
        decision_id="dec_3",
        at_ms=0,
        tenant="local",
        principal="stdio",
        transport="stdio",
        tool="create_ticket",
        outcome="error",
        latency_ms=0,
        error_code="invalid_arguments",
    )
    result = told(1, refused)

    assert (result.arm, result.draw, result.cache, result.confidence, result.advisor) == (
        None,
        None,
        None,
        None,
        None,
    )
    assert (result.candidates, result.attempts, result.budgets) == ([], [], [])
