"""An auditor's morning: calls of every kind, the log taken out, checked, and summed up.

    python examples/auditor/run.py                    # everything in a folder that is thrown away
    python examples/auditor/run.py --keep audit/      # keep the export and the report

It needs `mcp` and mcp-router, and no account: two desks and three model providers are embedded.

1. a host makes calls of all kinds: answered, from the cache, after a fallback, with advice, handed
   to a person, refused, failed, and writes of which one is repeated;
2. the log is exported, and checked against what the host was told: nothing missing, nothing twice;
3. the export is verified with the stand-alone verifier, and once more with one digit changed;
4. one decision is taken apart, and every completion is found to be as it was told;
5. a report says what it all cost, before and after a policy's change.

Exits with 1 and one line if anything is not as promised.
"""

import argparse
import asyncio
import csv
import json
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client

from mcp_router.sandbox.fleet import Sandbox

ROUTER = [sys.executable, "-m", "mcp_router"]  # or the path of the `mcp-router` command
VERIFIER = Path(__file__).parents[1] / "verify_export.py"
QUESTION = "I forgot my password"
SECRET = "Your new card is on its way; nobody else has been told. (7f3a)"


class BrokenPromise(Exception):
    """Something was not as this program expects; the message says what."""


def expect(holds: bool, promise: str) -> None:
    """Print a promise that holds; stop at one that does not."""
    if not holds:
        raise BrokenPromise(f"not so: {promise}")

    print(f"    ok: {promise}")


async def call(client: Client, told: list[dict], tool: str, **arguments: object) -> dict:
    """Call a tool, note what the host is told, and return it; an error is an answer too."""
    result = await client.call_tool(tool, arguments)
    content = dict(result.structured_content or {})
    told.append(
        {"tool": tool, "error": content.get("code") if result.is_error else None, **content}
    )
    return content


async def day(client: Client, sandbox: Sandbox) -> list[dict]:
    """Make calls of every kind and return what the host was told of each."""
    told: list[dict] = []
    routine = {"input": QUESTION, "subject": QUESTION}
    careful = {"input": "Is this really you?", "intent": "identity_verification"}

    await call(client, told, "route_completion", policy="support@1", **routine)
    await call(client, told, "route_completion", **routine)
    await call(client, told, "route_completion", **routine)  # from the cache
    sandbox.openai.go_down()
    await call(client, told, "route_completion", input="How do I reset my password?")
    sandbox.openai.come_up()
    unsure = {"retrieval_confidence": 0.2, "ticket_id": "101", "customer_id": "cus-7"}
    await call(client, told, "route_completion", input="It is all a bit odd lately", **unsure)
    unsafe = {"intent_confidence": 0.9, "retrieval_confidence": 0.05, "ticket_id": "102"}
    await call(client, told, "route_completion", **careful, **unsafe)

    await call(client, told, "lookup_ticket", ticket_id="101")
    await call(client, told, "lookup_ticket", ticket_id="999999")
    await call(client, told, "lookup_ticket", nonsense=True)

    for _ in range(2):  # the same reply again, as a host sends it after a timeout
        await call(
            client,
            told,
            "reply_to_ticket",
            ticket_id="105",
            body=SECRET,
            idempotency_key="morning/reply-1",
        )

    return told


def command(*arguments: str | Path) -> str:
    """Run a command of the router and return what it printed."""
    done = subprocess.run(
        [*ROUTER, *map(str, arguments)], capture_output=True, encoding="utf-8", check=False
    )

    if done.returncode:
        raise BrokenPromise(f"{arguments[0]} {arguments[1]}: {done.stderr.strip()}")

    return done.stdout


def check_export(folder: Path, config: Path, told: list[dict]) -> list[dict]:
    """Export in two formats and compare with what the host knows; return the records."""
    exported = folder / "decisions.jsonl"
    command("audit", "export", "--config", config, "--output", exported)
    text = exported.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in text.splitlines()]
    records = [line["record"] for line in lines]
    calls = [one for one in records if one["decision_id"].startswith("dec_")]  # the rest: events

    expect([one["seq"] for one in lines] == list(range(1, len(lines) + 1)), "no place is missing")
    expect(
        [one["decision_id"] for one in calls] == [one["decision_id"] for one in told],
        f"each of the {len(told)} calls has its record, in order, and nothing else has one",
    )
    expect(
        [one.get("error_code") for one in calls] == [one["error"] for one in told],
        "every refusal and failure is in it, with the code that the host was given",
    )
    expect(SECRET not in text and QUESTION not in text, "no word of a customer or of an answer is")

    with_comma = folder / "decisions.csv"
    command("audit", "export", "--config", config, "--format", "csv", "--output", with_comma)

    with with_comma.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))

    expect(
        [row["decision_id"] for row in rows[: len(records)]]
        == [one["decision_id"] for one in records],
        "a spreadsheet sees the same calls",
    )
    interrupted = exported.read_bytes()
    exported.write_bytes(interrupted[: len(interrupted) // 2])
    command("audit", "export", "--config", config, "--output", exported, "--resume")
    expect(
        exported.read_bytes().startswith(interrupted),
        "an export that broke off goes on to the same file, and to what happened since",
    )
    return records


def check_kinds(records: list[dict]) -> None:
    """Find a record of every kind of call."""
    outcomes = Counter((one["tool"], one["outcome"]) for one in records)
    answers = [one for one in records if one["tool"] == "route_completion"]
    kinds = {
        "answered": outcomes["route_completion", "ok"] >= 4,
        "from the cache": any(one.get("cache", {}).get("state") == "hit" for one in answers),
        "after a fallback": any(
            one["attempts"] and one.get("target") != one["attempts"][0]["target"]
            for one in answers
            if one["outcome"] == "ok"
        ),
        "with advice": any("advice" in one for one in answers),
        "handed to a person": outcomes["route_completion", "escalated"] == 1,
        "not found": outcomes["lookup_ticket", "error"] == 2,
        "written once": outcomes["reply_to_ticket", "succeeded"] == 1,
        "repeated": outcomes["reply_to_ticket", "replayed"] == 1,
    }
    missing = [name for name, found in kinds.items() if not found]
    expect(missing == [], f"there is one of each: {', '.join(kinds)} {missing or ''}".strip())


def verify(exported: Path, key: str) -> bool:
    """Return whether the stand-alone verifier finds the export whole, and signed with the key."""
    arguments = [str(VERIFIER), str(exported), "--public-key", key]
    done = subprocess.run([sys.executable, "-I", *arguments], capture_output=True, check=False)
    return done.returncode == 0


def check_proof(folder: Path, config: Path) -> None:
    """Verify the export, and see that a changed digit is noticed, and a row left out."""
    if not VERIFIER.exists():
        print("    there is no examples/verify_export.py here: nothing was proved")
        return

    exported = folder / "decisions.jsonl"
    key = command("audit", "key", "--config", config).strip()
    expect(verify(exported, key), "a program that shares no code with the router finds it whole")
    kept = exported.read_bytes()
    exported.write_bytes(kept.replace(b'"cost_microusd":', b'"cost_microusd":1', 1))
    caught = not verify(exported, key)
    exported.write_bytes(kept)
    expect(caught, "it finds one changed digit")
    part = folder / "part.jsonl"
    command("audit", "export", "--config", config, "--tenant", "local", "--output", part)
    expect(not verify(part, key), "it does not take a part of the log for all of it")


async def take_apart(client: Client, records: list[dict]) -> None:
    """Have the dearest decision told, and compare it with its record."""
    dearest = max(records, key=lambda one: one["cost_microusd"])
    story = await call(client, [], "explain_decision", decision_id=dearest["decision_id"])
    expect(story["tool"] == dearest["tool"], "the dearest decision can be told in sentences")
    ranked = [one["target"] for one in dearest["decision"]["candidates"]]
    expect(bool(ranked), f"its {len(ranked)} candidates are on record with their scores")
    spent = sum(one["cost_microusd"] for one in dearest["attempts"])
    expect(spent == dearest["cost_microusd"], "what it cost is what its attempts cost")
    print("\n".join(f"      {line}" for line in story["story"].splitlines()[:14]))


def check_report(folder: Path, config: Path, records: list[dict]) -> None:
    """Make the report, and compare its sums with the export's."""
    page = folder / "report.html"
    versions = ("--compare", "support@1", "support@2")
    options = ("--config", config, *versions, "--html", page, "--json")
    report = json.loads(command("audit", "report", *options))
    spent = sum(one["cost_microusd"] for one in records) / 1e6
    told = report["completions"]
    expect(round(told["cost_usd"] - spent, 9) == 0, f"the report adds up to ${spent:.6f}")
    expect(told["escalated"] == 1, "it knows who was handed to a person")
    expect(report["customers"][0]["name"] == "cus-7", "it names the customer that cost most")
    compared = report["comparison"]
    expect(
        (compared["before"]["calls"], compared["after"]["calls"]) == (1, told["calls"] - 1),
        "it tells both versions of the policy apart",
    )
    text = page.read_text(encoding="utf-8")
    expect(
        "<svg" in text and "http" not in text.lower().replace("http-equiv", ""),
        "its page is one file",
    )


@asynccontextmanager
async def server(config: Path, folder: Path) -> AsyncIterator[Client]:
    """Start the real server as a host would, and connect; its log goes to a file."""
    arguments = [*ROUTER[1:], "serve", "--config", str(config)]
    parameters = StdioServerParameters(command=ROUTER[0], args=arguments)

    with (folder / "server.log").open("w", encoding="utf-8") as log:
        async with Client(stdio_client(parameters, errlog=log)) as client:
            yield client


async def main(folder: Path) -> None:
    """Play the morning."""
    with Sandbox.start() as sandbox:
        config = folder / "router.yaml"
        config.write_text(sandbox.router_yaml(), encoding="utf-8")

        async with server(config, folder) as client:
            print("a host makes calls of every kind")
            told = await day(client, sandbox)
            print("the log is taken out")
            records = check_export(folder, config, told)
            check_kinds(records)
            print("the export is verified")
            check_proof(folder, config)
            print("one decision is taken apart")
            await take_apart(client, records)
            print("a report is made")
            check_report(folder, config, records)

    print("all promises held")


def first_of(failures: BaseExceptionGroup) -> BaseException:
    """Return the first failure of a group; the SDK's client wraps what happens inside it."""
    first = failures.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=Path, help="a folder for the export and the report")
    keep = parser.parse_args().keep
    failure = None

    with TemporaryDirectory() as throwaway:
        place = keep or Path(throwaway)
        place.mkdir(parents=True, exist_ok=True)

        try:
            asyncio.run(main(place))
        except* BrokenPromise as failures:
            failure = first_of(failures)

    sys.exit(failure and str(failure))
