"""A policy's life through the real server: shares, a guard that rolls back, fixed texts."""

from pathlib import Path

import anyio
import pytest
from mcp import Client

from mcp_router.app import App
from mcp_router.domain.rollout import Bucket, PolicyChange
from mcp_router.errors import PolicyEdited
from mcp_router.policy.rollout import read_guards
from mcp_router.policy.source import PolicySource
from mcp_router.rollout.stages import GUARD, Stages, Wish
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.serve.mcp import build_server
from mcp_router.storage.store import open_archive
from tests.end_to_end.harness import Place, call, opened, settle

CUSTOMERS = 60
WHO, WHY = "ana", "tried on a tenth"


def policies(place: Place) -> Path:
    return place.file.parent / "policies" / "support"


def add_version(place: Place, version: int, *, change: tuple[str, str]) -> None:
    """Write another version of the tests' policy with one thing changed."""
    text = (policies(place) / "1.yaml").read_text(encoding="utf-8")
    assert change[0] in text
    text = text.replace("version: 1\n", f"version: {version}\n").replace(*change)
    (policies(place) / f"{version}.yaml").write_text(text, encoding="utf-8")


def wish(place: Place, version: int, percent: float, guards: str = "") -> Wish:
    source = PolicySource(policies(place).parent)
    return Wish(
        candidate=source.load(f"support@{version}"),
        serving=1,
        percent=percent,
        by=Bucket.CUSTOMER,
        guards=read_guards(guards) if guards else (),
    )


def operator(app: App) -> Stages:
    """Return what the command line works with: another view of the same store."""
    return Stages(app.store.stages, app.clock, app.entropy, transport="cli")


async def ask(client: Client, customer: int) -> dict[str, object]:
    arguments = {"input": "Where is my parcel?", "customer_id": f"c-{customer}"}
    return await call(client, "route_completion", arguments)


def changes(place: Place) -> list[tuple[PolicyChange, str, str]]:
    with open_archive(place.storage) as archive:
        events = [stored.record.event for stored in archive.records()]

    return [(one.change, one.policy, one.who) for one in events if one is not None]


async def test_a_share_of_customers_meets_the_candidate_and_stays_with_it(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)
    add_version(place, 2, change=("max_output_tokens: 300", "max_output_tokens: 250"))

    async with opened(place) as app, Client(build_server(app)) as client:
        await operator(app).roll_out(wish(place, 2, 30), who=WHO, why=WHY)
        await until_arms(client, running=True)
        first = [await ask(client, customer) for customer in range(CUSTOMERS)]
        again = [await ask(client, customer) for customer in range(CUSTOMERS)]

    arms = [(one["policy"], one["arm"]) for one in first]
    candidates = arms.count(("support@2", "candidate"))
    assert set(arms) == {("support@1", "stable"), ("support@2", "candidate")}
    assert 5 <= candidates <= 35
    assert [(one["policy"], one["arm"]) for one in again] == arms


async def test_a_customer_that_is_not_named_is_served_by_the_stable_version(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)
    add_version(place, 2, change=("max_output_tokens: 300", "max_output_tokens: 250"))

    async with opened(place) as app, Client(build_server(app)) as client:
        await operator(app).roll_out(wish(place, 2, 99), who=WHO, why=WHY)
        await until_arms(client, running=True)
        unnamed = await call(client, "route_completion", {"input": "Where is my parcel?"})
        named = await call(client, "route_completion", {"input": "Hello", "policy": "support@2"})

    assert (unnamed["policy"], unnamed["arm"]) == ("support@1", "stable")
    assert (named["policy"], named["arm"]) == ("support@2", None)


async def test_a_candidate_that_fails_is_taken_back_by_its_guard_and_the_log_says_so(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)
    # No model may serve the candidate's calls: nothing costs as little as it allows.
    add_version(place, 2, change=("budget_usd: 0.05", "budget_usd: 0.0000001"))

    async with opened(place) as app, Client(build_server(app)) as client:
        await operator(app).roll_out(wish(place, 2, 50, "success>=0.9"), who=WHO, why=WHY)
        await until_arms(client, running=True)

        for customer in range(CUSTOMERS):
            await client.call_tool(
                "route_completion", {"input": "Hello", "customer_id": f"c-{customer}"}
            )

        await until_arms(client, running=False)
        after = [await ask(client, customer) for customer in range(10)]

    assert {one["policy"] for one in after} == {"support@1"}
    assert changes(place) == [
        (PolicyChange.RELEASED, "support@2", "server"),
        (PolicyChange.ROLLED_OUT, "support@2", WHO),
        (PolicyChange.RELEASED, "support@1", "server"),
        (PolicyChange.ROLLED_BACK, "support@2", GUARD),
    ]


async def until_arms(client: Client, *, running: bool) -> None:
    """Wait until the server has learned that a rollout began, or ended."""
    with anyio.fail_after(30):
        while True:
            answer = await call(client, "route_completion", {"input": "Hello"})

            if (answer.get("arm") is not None) is running:
                return

            await anyio.sleep(0.05)


async def test_a_text_that_changed_after_its_first_use_is_refused(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    place = settle(tmp_path, sandbox)

    async with opened(place):
        pass

    file = policies(place) / "1.yaml"
    edited = file.read_text(encoding="utf-8").replace("deadline_s: 8", "deadline_s: 9")
    file.write_text(edited, encoding="utf-8")

    with pytest.raises(PolicyEdited, match="support@1 was changed"):
        async with opened(place):
            pass
