"""What operators are told, from a host's call to a receiver's door."""

import base64
import json
from pathlib import Path

import yaml

from mcp_router.sandbox.faults import Fault, FaultKind
from mcp_router.sandbox.fleet import Sandbox
from tests.alerts.receiver import receiving
from tests.end_to_end.harness import call, connected, settle, unique, until

SECRET = "whsec_" + base64.b64encode(b"a key of thirty-two bytes, by me!").decode()


async def test_a_fallback_is_told_at_once_and_nothing_that_the_customer_wrote(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    question = unique("Where is my parcel?")

    async with receiving(tmp_path) as receiver:
        place = settle(tmp_path, sandbox, ledger={"reconcile_every_s": 0.1})
        document = yaml.safe_load(place.file.read_text(encoding="utf-8"))
        document["alerts"] = {
            "sinks": {
                "watch": {
                    "kind": "webhook",
                    "url": receiver.url,
                    "secrets": [SECRET],
                    "events": ["router.fallback_triggered"],
                    "allow_private": True,
                    "ca_bundle": str(receiver.ca_file),
                }
            }
        }
        place.file.write_text(yaml.safe_dump(document), encoding="utf-8")

        async with connected(place) as client:
            sandbox.openai.faults.add(Fault(kind=FaultKind.REFUSE))
            answer = await call(client, "route_completion", {"input": question})
            await until(lambda: len(receiver.arrived) == 1)

    told = json.loads(receiver.arrived[0].body)
    assert told["type"] == "router.fallback_triggered"
    assert told["data"]["answered_by"] == answer["model"] == "gemini-2.5-flash-lite"
    assert told["data"]["decision_id"] == answer["decision_id"]
    assert question not in receiver.arrived[0].body.decode()
