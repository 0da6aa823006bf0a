"""What operators are told, from a host's call to a receiver's door."""

import asyncio
import base64
import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import yaml

from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from tests.alerts.receiver import HANG, Receiver, receiving
from tests.cli.running import run
from tests.end_to_end.harness import (
    Place,
    call,
    connected,
    old_ticket,
    settle,
    unique,
    until,
)

SECRET = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, by me!").decode()


def watch(place: Place, receiver: Receiver, *events: str, name: str = "watch") -> None:
    """Let the receiver be told of some kinds of events."""
    document = yaml.safe_load(place.file.read_text(encoding="utf-8"))
    sink = {
        "kind": "webhook",
        "url": receiver.url,
        "secrets": [SECRET],
        "events": list(events),
        "allow_private": True,
        "ca_bundle": str(receiver.ca_file),
    }
    document.setdefault("alerts", {"sinks": {}})["sinks"][name] = sink
    place.file.write_text(yaml.safe_dump(document), encoding="utf-8")


async def test_a_fallback_is_told_at_once_and_nothing_that_the_customer_wrote(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    question = unique("Where is my parcel?")

    async with receiving(tmp_path) as receiver:
        place = settle(tmp_path, sandbox, ledger={"reconcile_every_s": 0.1})
        watch(place, receiver, "router.fallback_triggered")

        async with connected(place) as client:
            sandbox.openai.faults.add(Fault(kind=FaultKind.REFUSE))
            answer = await call(client, "route_completion", {"input": question})
            await until(lambda: len(receiver.arrived) == 1)

    told = json.loads(receiver.arrived[0].body)
    assert told["type"] == "router.fallback_triggered"
    assert told["data"]["answered_by"] == answer["model"] == "gemini-2.5-flash-lite"
    assert told["data"]["decision_id"] == answer["decision_id"]
    assert question not in receiver.arrived[0].body.decode()


async def test_what_is_noted_while_a_receiver_hangs_is_told_to_the_others(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    kinds = ("router.fallback_triggered", "action.unknown")
    (tmp_path / "other").mkdir()

    async with receiving(tmp_path) as slow, receiving(tmp_path / "other") as quick:
        slow.answers += [HANG]
        place = settle(tmp_path, sandbox, ledger={"reconcile_every_s": 0.1})
        watch(place, slow, *kinds, name="slow")
        watch(place, quick, *kinds, name="quick")

        async with connected(place) as client:
            sandbox.openai.faults.add(Fault(kind=FaultKind.REFUSE))
            await call(client, "route_completion", {"input": unique("Where is my parcel?")})
            await until(lambda: len(slow.arrived) == len(quick.arrived) == 1)

            sandbox.zendesk.faults.add(Fault(kind=FaultKind.DROP_BEFORE, method="PUT", times=500))
            reply = {"ticket_id": old_ticket(sandbox), "body": "On its way.", "run_id": "run-1"}
            await call(client, "reply_to_ticket", reply)
            await until(lambda: len(quick.arrived) == 2)

    assert json.loads(quick.arrived[1].body)["type"] == "action.unknown"
    assert len(slow.arrived) == 1, "it still hangs"


def test_a_log_that_does_not_verify_is_told(tmp_path: Path, sandbox: Sandbox) -> None:
    async def calls(place: Place) -> None:
        async with connected(place) as client:
            await call(client, "lookup_ticket", {"ticket_id": "101"})

    async def check(place: Place) -> Alarm:
        async with receiving(tmp_path) as receiver:
            watch(place, receiver, "audit.verification_failed")
            code = await asyncio.to_thread(
                lambda: run("audit", "verify", "--config", place.file).exit_code
            )
            told = [json.loads(one.body) for one in receiver.arrived]
            return Alarm(
                code=code,
                kinds=[one["type"] for one in told],
                facts=[one["data"] for one in told],
            )

    place = settle(tmp_path, sandbox)
    asyncio.run(calls(place))
    forge(place)
    alarm = asyncio.run(check(place))

    assert alarm.code == 1
    assert alarm.kinds == ["audit.verification_failed"]
    assert alarm.facts[0]["seq"] == 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """How a verification ended, and what was told of it."""

    code: int
    kinds: list[str]
    facts: list[dict[str, object]]


def forge(place: Place) -> None:
    """Change the second row of the log, past the triggers."""
    with closing(sqlite3.connect(place.database)) as database, database:
        for (name,) in database.execute(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'decisions'"
        ).fetchall():
            database.execute(f"DROP TRIGGER {name}")

        database.execute(
            "UPDATE decisions SET record = replace(record, 'lookup', 'lookin') WHERE seq = 2"
        )
