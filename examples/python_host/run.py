"""A support copilot's host: a model plans, the host acts, and no retry ever acts twice.

    python examples/python_host/run.py                       # on embedded servers, no account
    python examples/python_host/run.py --config router.yaml --ticket 42    # replies to YOUR ticket

It needs `mcp` (2.3 or newer) and mcp-router, and plays the same story over stdio and over HTTP:

1. offer two tools to a model through `route_completion`, and carry out what the model proposes;
2. name every write by an idempotency key of our own, never by one that a model made up;
3. send the write again, as a host does after a timeout: the first result is replayed;
4. ask `get_action` what became of the write, and `explain_decision` why a model was chosen.

Exits with 1 and one line if anything is not as promised.
"""

import argparse
import asyncio
import json
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from mcp.client import Client
from mcp.client.stdio import StdioServerParameters
from mcp.shared.exceptions import MCPError

ROUTER = [sys.executable, "-m", "mcp_router"]  # or the path of the `mcp-router` command
OFFERED = ("lookup_ticket", "reply_to_ticket")
OURS = ("idempotency_key", "run_id", "dry_run")  # the host's business, not the model's


class BrokenPromise(Exception):
    """Something was not as this program expects; the message says what."""


async def call(client: Client, tool: str, arguments: dict) -> dict:
    """Call a tool and return its structured result; no step expects an error."""
    result = await client.call_tool(tool, arguments)
    content = result.structured_content or {}

    if result.is_error:
        raise BrokenPromise(
            f"{tool} failed: {content['code']}: {content['message']} {content['next']}"
        )

    return content


async def offered_tools(client: Client) -> list[dict]:
    """Return two of the server's tools as a model is offered them, without what is ours to say."""
    listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    offers = []

    for name in OFFERED:
        schema = dict(listed[name].input_schema)
        schema["properties"] = {k: v for k, v in schema["properties"].items() if k not in OURS}
        offers.append({"name": name, "description": listed[name].description, "parameters": schema})

    return offers


async def turn(client: Client, run_id: str, messages: list[dict], said: str) -> list[dict]:
    """Add one turn of the user; plan and act until the model has no more tools to call.

    Returns the calls that were made, each with its arguments and its result.
    """
    tools = await offered_tools(client)
    messages.append({"role": "user", "content": said})
    done = []

    while True:
        request = {"messages": messages, "tools": tools, "run_id": run_id}
        answer = await call(client, "route_completion", request)
        print(f"    {answer['model']} ({answer['pool']}, ${answer['cost_usd']:.6f})", end=" ")

        if not answer["tool_calls"]:
            print(f"says: {answer['output'][:60]}…")
            messages.append({"role": "assistant", "content": answer["output"]})
            return done

        proposed = [
            {**one, "arguments": json.loads(one["arguments"])} for one in answer["tool_calls"]
        ]
        messages.append({"role": "assistant", "content": answer["output"], "tool_calls": proposed})

        for one in proposed:
            print(f"proposes {one['name']}")
            arguments = dict(one["arguments"])

            if one["name"] == "reply_to_ticket":
                # One reply in this turn of this run, however often and in whatever words a model
                # proposes it.
                arguments["idempotency_key"] = f"{run_id}/turn-{len(messages)}/reply"

            result = await call(client, one["name"], arguments)
            messages.append(
                {"role": "tool", "tool_call_id": one["id"], "content": json.dumps(result)}
            )
            done.append(
                {
                    "tool": one["name"],
                    "arguments": arguments,
                    "result": result,
                    "decision_id": answer["decision_id"],
                }
            )


async def story(client: Client, ticket_id: str, run_id: str) -> None:
    """Play the four steps and check each promise."""
    messages: list[dict] = []
    [looked_up] = await turn(client, run_id, messages, f"Please look up ticket {ticket_id}.")
    expect(looked_up["result"]["id"] == ticket_id, "the model's lookup read our ticket")

    said = f"Reply to ticket {ticket_id}: your refund was sent on Monday. ({run_id})"
    [replied] = await turn(client, run_id, messages, said)
    first = replied["result"]
    expect(first["outcome"] == "succeeded", "the reply was written")

    again = await call(client, "reply_to_ticket", replied["arguments"])
    expect(again["outcome"] == "replayed", "the retry was answered from the ledger")
    expect(again["action_id"] == first["action_id"], "the retry is the same action")

    ticket = await call(client, "lookup_ticket", {"ticket_id": ticket_id, "max_comments": 20})
    bodies = [comment["body"] for comment in ticket["comments"]]
    written = replied["arguments"]["body"]
    expect(bodies.count(written) == 1, "the ticket holds the reply exactly once")

    action = await call(client, "get_action", {"action_id": first["action_id"]})
    expect(action["state"] == "succeeded", "the ledger says that the reply was applied")
    expect(action["attempts"] == 1, "it was sent once")

    why = await call(client, "explain_decision", {"decision_id": replied["decision_id"]})
    expect(why["tool"] == "route_completion", "the record tells why that model was asked")
    print("\n".join(f"      {line}" for line in why["story"].splitlines()))


def expect(holds: bool, promise: str) -> None:
    """Print a promise that holds; stop at one that does not."""
    if not holds:
        raise BrokenPromise(f"not so: {promise}")

    print(f"    ok: {promise}")


@asynccontextmanager
async def http_server(arguments: list[str]) -> AsyncIterator[str]:
    """Start the server over HTTP on a free port and yield its URL; stop it afterwards."""
    command = [*ROUTER, "serve", "--transport", "http", "--port", "0", *arguments]
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    url = asyncio.get_running_loop().create_future()

    async def follow_the_log() -> None:
        async for line in process.stderr:
            if b"serving http://" in line:
                url.set_result(line.decode().split("serving ")[1].split()[0])

        if not url.done():
            url.set_exception(BrokenPromise("the server did not start"))

    following = asyncio.create_task(follow_the_log())

    try:
        yield await url
    finally:
        if process.returncode is None:
            process.terminate()

        await process.wait()
        await following


async def main(arguments: list[str], ticket_id: str) -> None:
    """Play the story over both transports."""
    print("over stdio: this program starts the server")
    stdio = StdioServerParameters(command=ROUTER[0], args=[*ROUTER[1:], "serve", *arguments])

    async with Client(stdio) as client:
        await story(client, ticket_id, f"example-{uuid.uuid4().hex[:8]}")

    print("over HTTP: the server runs by itself")

    async with http_server(arguments) as url, Client(url) as client:
        await story(client, ticket_id, f"example-{uuid.uuid4().hex[:8]}")

    print("all promises held")


def first_of(failures: BaseExceptionGroup) -> BaseException:
    """Return the first failure of a group; the SDK's client wraps what happens inside it."""
    first = failures.exceptions[0]
    return first_of(first) if isinstance(first, BaseExceptionGroup) else first


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", help="your router.yaml; without it, the embedded servers")
    parser.add_argument("--ticket", default="105", help="the ticket to reply to (default: 105)")
    options = parser.parse_args()
    source = ["--config", options.config] if options.config else ["--sandbox"]
    failure = None

    try:
        asyncio.run(main(source, options.ticket))
    except* (BrokenPromise, MCPError) as failures:
        failure = first_of(failures)

    sys.exit(failure and str(failure))
