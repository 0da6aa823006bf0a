"""What the router's own layers cost: server CPU and p50 of `tools/call` over HTTP, as ratios.

    python -m benchmarks.overhead [--calls 200] [--callers 1] [--rounds 7] [--json]

Four things are measured in one run, round by round, each in a process of its own so that the CPU
time of one is never another's: a bare echo tool on the MCP SDK; `lookup_ticket`;
`route_completion` with a model that answers at once; and one raw completion through the provider
client alone. The embedded servers run in a fifth process. Several callers keep one connection
each; their calls then share commits of the decision log. Figures are medians over the rounds;
milliseconds depend on the machine, ratios much less.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

PROTOCOL = "2026-07-28"
TICKS = os.sysconf("SC_CLK_TCK")
HERE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of call: which server, which tool, with what."""

    name: str
    server: str
    tool: str
    arguments: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """Medians over the rounds, per call."""

    name: str
    cpu_ms: float
    p50_ms: float
    cpu_of_echo: float
    p50_of_echo: float


CASES = (
    Case(name="echo (bare SDK)", server="echo", tool="echo", arguments={"text": "hello"}),
    Case(name="lookup_ticket", server="router", tool="lookup_ticket", arguments={"ticket_id": 101}),
    Case(
        name="route_completion",
        server="router",
        tool="route_completion",
        arguments={"input": "How do I reset my password?"},
    ),
)
RAW = "provider client alone"


class Child:
    """A server in a process of its own, which says its port and, when asked, its CPU time."""

    def __init__(self, role: str, *arguments: str) -> None:
        """Start `role` and wait for the line that says it is ready."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.overhead_roles", role, *arguments],
            cwd=HERE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.ready = self.process.stdout.readline().strip()

    def ask(self, line: str) -> str:
        """Send a line and return the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().strip()

    def cpu_s(self) -> float:
        """Return the CPU seconds of the process and all its threads so far."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
        fields = stat.rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def stop(self) -> None:
        """End the process."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)
        self.process.stdout.close()


@contextmanager
def children() -> Iterator[dict[str, Child]]:
    """Start the sandbox, the bare server, the router and the raw client."""
    with TemporaryDirectory() as folder, ExitStack() as stack:

        def start(role: str, *arguments: str) -> Child:
            child = Child(role, *arguments)
            stack.callback(child.stop)
            return child

        sandbox = start("sandbox", folder)
        yield {
            "sandbox": sandbox,
            "echo": start("echo"),
            "router": start("router", sandbox.ready),
            "raw": start("raw", sandbox.ready),
        }


def call_many(port: int, case: Case, calls: int, callers: int) -> list[float]:
    """Let `callers` send the calls between them; return each call's milliseconds."""
    with ThreadPoolExecutor(callers) as pool:
        shares = pool.map(lambda _: call_one_by_one(port, case, calls // callers), range(callers))
        return [time_ms for share in shares for time_ms in share]


def call_one_by_one(port: int, case: Case, calls: int) -> list[float]:
    """Send the calls one after the other over one connection; return each one's milliseconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps(
        {
            "jsonrpc": "2.0",
            "id": 1,
            "method": "tools/call",
            "params": {
                "name": case.tool,
                "arguments": case.arguments,
                "_meta": {
                    "io.modelcontextprotocol/protocolVersion": PROTOCOL,
                    "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
                    "io.modelcontextprotocol/clientCapabilities": {},
                },
            },
        }
    )
    headers = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": PROTOCOL,
        "Mcp-Method": "tools/call",
        "Mcp-Name": case.tool,
    }
    times = []

    for _ in range(calls):
        started = time.perf_counter()
        connection.request("POST", "/mcp", body, headers)
        answer = json.loads(connection.getresponse().read())
        times.append((time.perf_counter() - started) * 1000)

        if answer.get("result", {}).get("isError", True):
            raise SystemExit(f"{case.name} failed: {json.dumps(answer)[:300]}")

    connection.close()
    return times


def measure(calls: int, rounds: int, callers: int) -> list[Figure]:
    """Return a figure for each case and for the raw client."""
    cpu: dict[str, list[float]] = {}
    p50: dict[str, list[float]] = {}

    with children() as started:
        for number in range(rounds + 1):
            for case in CASES:
                server = started[case.server]
                before = server.cpu_s()
                times = call_many(int(server.ready), case, calls, callers)

                if number:  # the first round warms caches and connections up
                    cpu.setdefault(case.name, []).append((server.cpu_s() - before) / calls * 1000)
                    p50.setdefault(case.name, []).append(statistics.median(times))

            before = started["raw"].cpu_s()
            raw_p50 = float(started["raw"].ask(f"{calls} {callers}"))

            if number:
                spent = started["raw"].cpu_s() - before
                cpu.setdefault(RAW, []).append(spent / calls * 1000)
                p50.setdefault(RAW, []).append(raw_p50)

    echo = CASES[0].name
    return [
        Figure(
            name=name,
            cpu_ms=round(statistics.median(cpu[name]), 3),
            p50_ms=round(statistics.median(p50[name]), 3),
            cpu_of_echo=round(statistics.median(cpu[name]) / statistics.median(cpu[echo]), 2),
            p50_of_echo=round(statistics.median(p50[name]) / statistics.median(p50[echo]), 2),
        )
        for name in cpu
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--calls", type=int, default=200, help="calls of each kind in a round")
    parser.add_argument("--callers", type=int, default=1, help="connections at the same time")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.calls, options.rounds, options.callers)
    by_name = {figure.name: figure for figure in figures}
    own_ms = round(
        by_name["route_completion"].cpu_ms - by_name[CASES[0].name].cpu_ms - by_name[RAW].cpu_ms, 3
    )

    if options.json:
        print(json.dumps({"figures": [asdict(one) for one in figures], "own_cpu_ms": own_ms}))
        return

    print(f"{'':24} {'CPU ms':>8} {'p50 ms':>8} {'CPU / echo':>11} {'p50 / echo':>11}")

    for one in figures:
        print(
            f"{one.name:24} {one.cpu_ms:8.3f} {one.p50_ms:8.3f} "
            f"{one.cpu_of_echo:11.2f} {one.p50_of_echo:11.2f}"
        )

    print(f"\nour own layers in a completion (route - echo - provider client): {own_ms} ms CPU")


if __name__ == "__main__":
    main()
