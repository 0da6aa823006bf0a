"""What a replay says of recorded calls: exact where the log knows, silent where it does not."""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from mcp_router.audit.export import Format, lines
from mcp_router.audit.exported import exported_records
from mcp_router.decide.decide import decide
from mcp_router.domain.decision import Decision
from mcp_router.domain.evaluation import (
    REFUSED,
    Against,
    CacheFigures,
    CostFigures,
    LatencyFigures,
    Move,
    OffPolicyFigures,
    ReplayReport,
)
from mcp_router.domain.guardrails import CachePlan, CacheState, CacheUse
from mcp_router.domain.health import BreakerState, TargetHealth
from mcp_router.domain.learning import Estimate, LearningMode, LearningPlan
from mcp_router.domain.policy import Condition, Policy, PolicyIntent, PoolStrategy
from mcp_router.domain.record import Record, StoredRecord
from mcp_router.domain.rollout import Arm, PolicyChange, PolicyEvent
from mcp_router.domain.signals import Intent, Signals
from mcp_router.domain.target import TargetFacts, TargetKind
from mcp_router.replay import replay
from tests.decide.examples import (
    COMPLETION,
    LIMITS,
    LOOKUP,
    configured,
    desk,
    model,
    policy,
    pool,
    rule,
)
from tests.storage.rows import export_rows, record

REFUND = Condition(intents=("refund_dispute",))
POOLS = (
    pool("cheap", PoolStrategy.COST_OPTIMIZED, ("acme-small", 0.5), ("beta-small", 0.5)),
    pool("strong", PoolStrategy.QUALITY_FIRST, ("acme-large", 0.9), ("beta-large", 0.8)),
)
INTENTS = (PolicyIntent(name="refund_dispute", examples=("I want my money back",)),)
OLD = replace(
    policy((rule("refunds", "strong", when=REFUND), rule("rest", "cheap")), POOLS), intents=INTENTS
)
NEW = replace(
    policy((rule("rest", "cheap", fallback=("strong",)),), POOLS),
    intents=INTENTS,
    version=4,
    digest="d2",
)
FACTS = configured(
    model("acme-small", 100),
    model("beta-small", 200),
    model("acme-large", 1_000),
    model("beta-large", 2_000),
)
OTHER = replace(COMPLETION, intent=Intent(confidence=0.0))


def stored(decision: Decision | None, seq: int = 1, cost_microusd: int = 0) -> StoredRecord:
    return StoredRecord(seq=seq, record=called(decision, cost_microusd))


def called(decision: Decision | None, cost_microusd: int = 0) -> Record:
    return replace(record(tool="route_completion"), decision=decision, cost_microusd=cost_microusd)


def by(
    decided: Policy, signals: Signals = COMPLETION, facts: dict[str, TargetFacts] | None = None
) -> Decision:
    return decide(decided, signals, FACTS if facts is None else facts)


def replayed(changed: Policy, *records: StoredRecord) -> ReplayReport:
    """Replay records as an export brings them back."""
    return replay(changed, read_back(records))


def read_back(records: Iterable[StoredRecord]) -> Iterable[StoredRecord]:
    return exported_records(line.encode() for line in lines(export_rows(*records), Format.JSONL))


def test_moved_decisions_are_counted_from_pool_to_pool_and_target_to_target() -> None:
    report = replayed(NEW, stored(by(OLD), 1), stored(by(OLD, OTHER), 2), stored(by(OLD, OTHER), 3))

    assert (report.policy, report.digest) == ("support@4", "d2")
    assert report.against == (Against(policy="support@3", digest="d1", decisions=3),)
    assert report.pools == (
        Move(before="cheap", after="cheap", decisions=2),
        Move(before="strong", after="cheap", decisions=1),
    )
    assert report.targets == (
        Move(before="acme-small", after="acme-small", decisions=2),
        Move(before="acme-large", after="acme-small", decisions=1),
    )
    assert (report.counts.replayed, report.counts.moved, report.counts.other_rule) == (3, 1, 1)
    assert (report.counts.same_document, report.counts.same_decision) == (0, 0)


SHARES = st.floats(0, 1)
COUNTS = st.integers(0, 200_000)
MAYBE = st.none()
HEALTH = st.builds(
    TargetHealth,
    breaker=st.sampled_from(BreakerState),
    attempts=COUNTS,
    success=MAYBE | SHARES,
    passed=MAYBE | SHARES,
    p50_ms=MAYBE | COUNTS,
    p95_ms=MAYBE | COUNTS,
    cost_microusd=MAYBE | COUNTS,
)
SEEN = st.builds(
    Signals,
    tool=st.sampled_from(["route_completion", "lookup_ticket"]),
    tenant=st.just("acme"),
    intent=st.builds(Intent, name=st.sampled_from([None, "refund_dispute"]), confidence=SHARES),
    prompt_tokens=COUNTS,
    answer_tokens=MAYBE | COUNTS,
    complexity=SHARES,
    deadline_s=MAYBE | st.floats(0.001, 3_600),
    ticket_spend_microusd=st.integers(0, 2**60),
)


@given(
    signals=SEEN,
    health=st.lists(HEALTH, min_size=4, max_size=4),
    strategy=st.sampled_from(PoolStrategy),
    arm=MAYBE | st.sampled_from(Arm),
)
def test_the_same_document_decides_the_same_bit_for_bit(
    signals: Signals, health: list[TargetHealth], strategy: PoolStrategy, arm: Arm | None
) -> None:
    ranked = replace(OLD, pools=tuple(replace(one, strategy=strategy) for one in POOLS))
    known = configured(
        *(replace(fact, health=one) for fact, one in zip(FACTS.values(), health, strict=True))
    )

    report = replayed(ranked, stored(decide(ranked, signals, known, arm=arm)))

    assert (report.counts.same_document, report.counts.same_decision) == (1, 1)
    assert (report.counts.moved, report.counts.other_rule) == (0, 0)
    assert report.cost.estimate_before == report.cost.estimate_after


def test_a_draw_is_repeated_and_not_drawn_again() -> None:
    learning = replace(OLD, learning=LearningPlan(mode=LearningMode.ON))
    decisions = [decide(learning, COMPLETION, FACTS, draw=place / 20) for place in range(20)]

    report = replayed(learning, *map(stored, decisions))

    assert len({one.candidates[0].target for one in decisions}) == 2
    assert (report.counts.same_decision, report.counts.moved) == (20, 0)


def test_a_decision_that_was_tampered_with_is_not_the_same() -> None:
    decision = by(OLD)
    first, second = decision.candidates

    report = replayed(OLD, stored(replace(decision, candidates=(second, first))))

    assert (report.counts.same_document, report.counts.same_decision) == (1, 0)
    assert report.counts.moved == 1


def test_what_cannot_be_decided_again_is_counted_and_left_out() -> None:
    event = PolicyEvent(
        change=PolicyChange.PROMOTED, policy="support@3", who="lead", why="It is better."
    )
    report = replayed(
        NEW,
        stored(None),
        stored(replace(by(OLD), facts=())),
        stored(replace(by(OLD), policy="sales@1")),
        StoredRecord(seq=4, record=replace(record(), event=event)),
        stored(by(OLD)),
    )

    counts = report.counts
    assert (counts.records, counts.replayed) == (5, 1)
    assert (counts.without_decision, counts.not_replayable, counts.of_other_policies) == (2, 1, 1)


def test_an_intent_that_the_policy_does_not_have_is_none() -> None:
    renamed = replace(NEW, intents=(), rules=(rule("refunds", "strong", when=REFUND), *NEW.rules))

    report = replayed(renamed, stored(by(OLD)))

    assert report.counts.unknown_intent == 1
    assert report.pools == (Move(before="strong", after="cheap", decisions=1),)


def test_the_cost_is_estimated_and_what_was_paid_is_scaled_by_it() -> None:
    report = replayed(
        NEW,
        stored(by(OLD), cost_microusd=400),  # 1,000 before, 100 now
        stored(by(OLD, OTHER), cost_microusd=30),  # 100 on both sides
    )

    assert report.cost == CostFigures(
        estimate_before=1_100, estimate_after=200, actual_before=430, actual_after=70
    )


def test_a_call_that_nobody_served_costs_as_much_of_its_estimate_as_the_others() -> None:
    without = {name: fact for name, fact in FACTS.items() if not name.endswith("large")}
    served = stored(by(OLD, OTHER), cost_microusd=50)  # half of its estimate
    refused = stored(by(OLD, COMPLETION, without))

    report = replayed(NEW, served, refused)

    assert (report.counts.refused_before, report.counts.refused_after) == (1, 0)
    assert report.pools[0] == Move(before=REFUSED, after="cheap", decisions=1)
    assert (report.cost.estimate_after, report.cost.actual_after) == (200, 100)


def test_a_call_that_nobody_would_serve_costs_nothing() -> None:
    poor = replace(LIMITS, budget_microusd=1)
    strict = replace(NEW, rules=(rule("rest", "cheap", limits=poor),))

    report = replayed(strict, stored(by(OLD), cost_microusd=400))

    assert (report.counts.refused_before, report.counts.refused_after) == (0, 1)
    assert (report.cost.estimate_after, report.cost.actual_after) == (0, 0)


def test_latency_is_that_of_the_first_targets_as_the_log_knew_it() -> None:
    quick, slow = TargetHealth(p50_ms=300, p95_ms=700), TargetHealth(p50_ms=900, p95_ms=2_000)
    measured = configured(
        *(
            replace(fact, health=slow if name.endswith("large") else quick)
            for name, fact in FACTS.items()
        )
    )

    report = replayed(NEW, stored(by(OLD, COMPLETION, measured)), stored(by(OLD)))

    assert report.latency == LatencyFigures(
        decisions=1, p50_before_ms=900, p50_after_ms=300, p95_before_ms=2_000, p95_after_ms=700
    )


def test_the_cache_is_what_was_used_and_what_the_rule_would_allow() -> None:
    kept = replace(NEW, rules=(replace(NEW.rules[0], cache=CachePlan(ttl_s=60.0)),))
    plain_call = by(OLD, replace(COMPLETION, tools_offered=0, turns=1))
    hit = replace(
        called(plain_call), cache=CacheUse(state=CacheState.HIT, reason="the same question")
    )

    report = replayed(
        kept,
        StoredRecord(seq=1, record=hit),
        stored(plain_call),
        stored(by(OLD)),  # with tools, on whose results its answer depends
    )

    assert report.cache == CacheFigures(
        completions=3, used_before=1, hits_before=1, may_use_after=2
    )


def test_desk_calls_move_too_and_cost_nothing() -> None:
    desks = (
        pool("helpdesk", PoolStrategy.AS_LISTED, ("zendesk", 0.5), kind=TargetKind.DESK),
        pool("crm", PoolStrategy.AS_LISTED, ("salesforce", 0.5), kind=TargetKind.DESK),
    )
    known = configured(desk("zendesk"), desk("salesforce"))
    before = policy((rule("tool:lookup_ticket", "helpdesk"),), desks)
    after = policy((rule("tool:lookup_ticket", "crm"),), desks)

    report = replayed(after, stored(by(before, LOOKUP, known)))

    assert report.targets == (Move(before="zendesk", after="salesforce", decisions=1),)
    assert report.cache.completions == 0
    assert report.cost.estimate_before == 0


def test_a_target_that_the_log_never_saw_is_named() -> None:
    others = pool("cheap", PoolStrategy.COST_OPTIMIZED, ("acme-small", 0.5), ("gamma-new", 0.5))

    helpdesk = pool("helpdesk", PoolStrategy.AS_LISTED, ("zendesk", 0.5), kind=TargetKind.DESK)

    report = replayed(replace(NEW, pools=(others, POOLS[1], helpdesk)), stored(by(OLD)))

    assert report.unknown_targets == ("gamma-new",)


def test_drawn_calls_estimate_how_many_the_policy_would_answer() -> None:
    learning = replace(NEW, learning=LearningPlan(mode=LearningMode.ON, exploration=0.5))
    told = {
        name: replace(fact, estimate=Estimate(successes=1.0, failures=1.0))
        for name, fact in FACTS.items()
    }
    drawn = [decide(learning, OTHER, told, draw=(place + 0.5) / 10) for place in range(10)]
    calls = [
        StoredRecord(
            seq=1,
            record=replace(
                called(one),
                outcome="ok" if one.candidates[0].target == "acme-small" else "error",
            ),
        )
        for one in drawn
    ]

    report = replayed(replace(NEW, version=5), *calls)

    assert report.off_policy == OffPolicyFigures(
        decisions=10, effective=5.0, success_before=0.5, success_after=1.0
    )


def test_without_draws_there_is_no_estimate() -> None:
    assert replayed(NEW, stored(by(OLD))).off_policy is None


def test_a_report_names_the_records_it_rests_on() -> None:
    records = [stored(by(OLD), 7), stored(None, 8), stored(by(OLD, OTHER), 12)]
    text = "".join(lines(export_rows(*records), Format.JSONL))

    log = replay(NEW, read_back(records)).log

    assert log is not None
    assert log.sha256 == hashlib.sha256(text.encode()).hexdigest()
    assert (log.first_seq, log.last_seq) == (7, 12)
    assert (log.first_at_ms, log.last_at_ms) == (record().at_ms, record().at_ms)


def test_an_empty_log_is_an_empty_report() -> None:
    report = replayed(NEW)

    assert (report.log, report.counts.records, report.pools) == (None, 0, ())
