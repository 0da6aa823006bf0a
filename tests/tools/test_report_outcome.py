"""What a host tells of an answer afterwards: it counts once, and only where it can teach."""

from dataclasses import replace
from pathlib import Path

import pytest
from mcp import Client

from mcp_router.canonical import JsonValue
from mcp_router.domain.decision import Decision
from mcp_router.domain.learning import Estimate, OutcomeReport
from mcp_router.domain.record import Record
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.mcp import build_server
from tests.end_to_end.harness import call, connected, opened, settle
from tests.learning.test_reward import attempt, completion, decided


def answered(decision: Decision | None = None) -> Record:
    """Return a completion of the local tenant that was answered."""
    done = completion(attempt(), decision=decision or decided())
    return replace(done, tenant="local", ticket_id="4711")


async def test_each_thing_that_is_told_counts_once(sandbox: Sandbox, tmp_path: Path) -> None:
    place = settle(tmp_path, sandbox)

    async with opened(place) as app, Client(build_server(app)) as client:
        await app.store.decisions.append(answered())
        first = await call(client, "report_outcome", {"decision_id": "dec_1", "resolved": True})
        more = await call(
            client,
            "report_outcome",
            {"decision_id": "dec_1", "resolved": False, "reopened": False, "csat": 3},
        )
        [kept] = await app.store.estimates.learned()

    assert first == {
        "decision_id": first["decision_id"],
        "about": "dec_1",
        "target": "small",
        "intent": "refund",
        "learning": True,
        "counted": [{"kind": "resolved", "counted": True}],
        "expected_reward": pytest.approx(6 / 7),
        "evidence": 5.0,
    }
    assert more["counted"] == [
        {"kind": "resolved", "counted": False},
        {"kind": "reopened", "counted": True},
        {"kind": "csat", "counted": True},
    ]
    assert (more["expected_reward"], more["evidence"]) == (pytest.approx(13.5 / 17), 15.0)
    assert (kept.policy, kept.intent, kept.target) == ("support", "refund", "small")
    assert kept.estimate == Estimate(successes=13.5, failures=3.5)


async def test_a_report_leaves_a_record_of_what_was_told(sandbox: Sandbox, tmp_path: Path) -> None:
    place = settle(tmp_path, sandbox)

    async with opened(place) as app, Client(build_server(app)) as client:
        await app.store.decisions.append(answered())
        told = await call(client, "report_outcome", {"decision_id": "dec_1", "csat": 5})

    _, record = place.records()
    assert record.decision_id == told["decision_id"]
    assert (record.tool, record.outcome) == ("report_outcome", "ok")
    assert (record.target, record.ticket_id) == ("small", "4711")
    assert record.report == OutcomeReport(decision_id="dec_1", csat=5)


async def test_a_policy_that_does_not_learn_is_told_nothing(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)

    async with connected(place) as client:
        answer = await call(client, "route_completion", {"input": "Good morning"})
        told = await call(
            client,
            "report_outcome",
            {"decision_id": str(answer["decision_id"]), "resolved": True, "csat": 1},
        )

    assert told["target"] == answer["model"]
    assert told["learning"] is False
    assert told["counted"] == [
        {"kind": "resolved", "counted": False},
        {"kind": "csat", "counted": False},
    ]
    assert (told["expected_reward"], told["evidence"]) == (0.5, 0.0)


@pytest.mark.parametrize(
    "other",
    [
        replace(answered(), outcome="escalated"),
        replace(answered(), outcome="error", error_code="targets_exhausted"),
        replace(answered(), outcome="incomplete"),
        replace(answered(), tool="lookup_ticket"),
        replace(answered(), decision=None),
        replace(answered(), target=None),
    ],
    ids=["escalated", "failed", "incomplete", "a read", "undecided", "unserved"],
)
async def test_what_was_no_answer_cannot_be_reported_on(
    other: Record, sandbox: Sandbox, tmp_path: Path
) -> None:
    async with opened(settle(tmp_path, sandbox)) as app, Client(build_server(app)) as client:
        await app.store.decisions.append(other)
        told = await call(client, "report_outcome", {"decision_id": "dec_1", "resolved": True})
        kept = await app.store.estimates.learned()

    assert told["code"] == "invalid_arguments"
    assert told["message"] == (
        "decision_id: expected a completion that was answered, and that call was none."
    )
    assert kept == ()


async def test_decisions_of_other_tenants_are_unknown(sandbox: Sandbox, tmp_path: Path) -> None:
    async with opened(settle(tmp_path, sandbox)) as app, Client(build_server(app)) as client:
        await app.store.decisions.append(replace(answered(), tenant="acme"))
        told = await call(client, "report_outcome", {"decision_id": "dec_1", "resolved": True})

    assert told["code"] == "unknown_decision"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "arguments: give at least one of resolved, reopened and csat."),
        ({"csat": 0}, "csat: input should be greater than or equal to 1."),
        ({"csat": 6}, "csat: input should be less than or equal to 5."),
        ({"resolved": True, "comment": "x"}, "comment: is not an argument of this tool."),
    ],
)
async def test_a_report_that_makes_no_sense_is_refused(
    arguments: dict[str, JsonValue], message: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    async with connected(settle(tmp_path, sandbox)) as client:
        told = await call(client, "report_outcome", {"decision_id": "dec_1", **arguments})

    assert (told["code"], told["message"]) == ("invalid_arguments", message)


async def test_what_the_calls_of_a_policy_have_taught_outlives_the_router(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)

    async with opened(place) as app:
        app.services.estimates.observe(answered())

    async with opened(place) as app:
        await app.services.estimates.refresh()
        known = app.services.estimates.of("support", "refund")

    assert known == {"small": Estimate().after(0.85, 0.15)}
