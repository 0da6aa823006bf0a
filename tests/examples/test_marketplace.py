"""The simulated marketplace runs, keeps its promises on a thin day too, and says what it is."""

import json

from mcp_router.policy.source import PolicySource
from tests.examples.hosts import EXAMPLES, run_example

FOLDER = EXAMPLES / "marketplace"
SCRIPT = FOLDER / "run.py"
THIN = ("--requests", "300", "--seed", "1")


def test_a_thin_day_is_cheaper_faster_and_doubles_no_ticket(environment: dict[str, str]) -> None:
    run = run_example(SCRIPT, environment, *THIN, "--json")

    assert run.returncode == 0, run.stdout + run.stderr
    report = json.loads(run.stdout)
    before, after = report["before"], report["after"]
    assert report["simulation"] is True
    assert (before["requests"], after["requests"]) == (300, 300)
    assert (before["policy"], before["places"].keys()) == ("support@1", {"quality"})
    assert after["places"].keys() >= {"cost", "balanced", "quality"}
    assert after["cost_usd"] < before["cost_usd"]
    assert after["p95_s"] < before["p95_s"]
    assert before["doubled"] > 0
    assert after["actions"] > 0
    assert (after["doubled"], after["lost"]) == (0, 0)
    assert all(aim["reached"] for aim in report["aims"])


def test_a_long_outage_doubles_no_ticket(environment: dict[str, str]) -> None:
    run = run_example(SCRIPT, environment, *THIN, "--outage")

    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.startswith("A SIMULATION")
    assert "45 minutes without openai:" in run.stdout
    assert "ok: every ticket exactly once" in run.stdout


def test_no_request_is_no_day(environment: dict[str, str]) -> None:
    run = run_example(SCRIPT, environment, "--requests", "0")

    assert run.returncode == 2
    assert "invalid _count value" in run.stderr


def test_the_policy_before_is_one_model_for_everything() -> None:
    policy = PolicySource(FOLDER / "before").load("support")

    assert [rule.pool for rule in policy.rules] == ["quality"]
    assert [target.target for target in policy.pool("quality").targets] == ["gpt-5.1"]
