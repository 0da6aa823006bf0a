"""The Python host keeps its promises over both transports."""

from tests.examples.hosts import EXAMPLES, run_example

SCRIPT = EXAMPLES / "python_host" / "run.py"

PROMISES = [
    "the model's lookup read our ticket",
    "the reply was written",
    "the retry was answered from the ledger",
    "the retry is the same action",
    "the ticket holds the reply exactly once",
    "the ledger says that the reply was applied",
    "it was sent once",
    "the record tells why that model was asked",
]


def test_every_promise_holds_over_stdio_and_over_http(environment: dict[str, str]) -> None:
    run = run_example(SCRIPT, environment)

    assert run.returncode == 0, run.stdout + run.stderr
    kept = [line.strip() for line in run.stdout.splitlines() if line.strip().startswith("ok: ")]
    assert kept == [f"ok: {promise}" for promise in PROMISES] * 2
    assert run.stdout.splitlines()[-1] == "all promises held"


def test_an_unexpected_error_ends_the_host_with_its_code(environment: dict[str, str]) -> None:
    run = run_example(SCRIPT, environment, "--ticket", "999999")

    assert run.returncode == 1
    assert run.stderr.splitlines()[-1].startswith("lookup_ticket failed: not_found: ")


def test_help_says_how_to_run_it(environment: dict[str, str]) -> None:
    run = run_example(SCRIPT, environment, "--help")

    assert run.returncode == 0
    assert "--config CONFIG" in run.stdout
