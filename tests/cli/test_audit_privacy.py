"""Content is erased and read on the command line, beside a server that may be running."""

import json
import sqlite3
import threading
from contextlib import aclosing, closing
from pathlib import Path

import anyio
import pytest

from mcp_router.domain.completion import (
    Completion,
    CompletionRequest,
    FinishReason,
    Message,
    Role,
    Usage,
)
from mcp_router.domain.record import StoredRecord
from mcp_router.privacy.keeper import Privacy
from mcp_router.privacy.talk import Talk
from mcp_router.settings import load_settings
from mcp_router.storage.store import open_archive, open_store
from mcp_router.testing.clock import ManualClock
from tests.cli.running import run, told

KEY = "a1" * 32
ASK = CompletionRequest(messages=(Message(role=Role.USER, content="a@example.com asks"),))
ANSWER = Completion(
    text="Hello.",
    tool_calls=(),
    finish_reason=FinishReason.STOP,
    usage=Usage(input_tokens=1, output_tokens=1),
    model="m",
)


async def keep(config: Path, talk: Talk) -> None:
    """Keep a call's content in the store of these settings."""
    settings = load_settings(config, {"MCP_ROUTER_KEY": KEY})

    async with aclosing(open_store(settings.storage)) as store:
        privacy = Privacy(store.privacy, ManualClock(), lambda size: b"r" * size,
                          settings=settings.privacy)  # fmt: skip
        await privacy.begin()
        veil = await privacy.veil(talk)
        veil.hide(ASK)
        await privacy.keep(talk, veil, ASK, ANSWER)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the settings of a store that keeps what one customer has said."""
    monkeypatch.setenv("MCP_ROUTER_KEY", KEY)
    file = tmp_path / "router.yaml"
    file.write_text("privacy: {content: on}\n", encoding="utf-8")
    talk = Talk(tenant="local", decision_id="dec_1", ticket_id="7", customer_id="4711")
    anyio.run(keep, file, talk)
    return file


def database_of(config: Path) -> Path:
    storage = load_settings(config, {"MCP_ROUTER_KEY": KEY}).storage
    return Path(storage.removeprefix("sqlite:///"))


def kept_in(connection: sqlite3.Connection) -> list[bytes]:
    """Return what the database holds of subjects."""
    found = connection.execute(
        "SELECT key FROM privacy_keys WHERE name <> 'master' UNION ALL SELECT sealed FROM vaults "
        "UNION ALL SELECT sealed FROM contents"
    )
    return [row[0] for row in found]


def remains(config: Path, secrets: list[bytes]) -> list[bool]:
    """Say of each secret whether it stands in one of the database's files."""
    path = database_of(config)
    files = [file.read_bytes() for file in path.parent.glob(f"{path.name}*")]
    return [any(secret in file for file in files) for secret in secrets]


def events(config: Path) -> list[StoredRecord]:
    storage = load_settings(config, {"MCP_ROUTER_KEY": KEY}).storage

    with open_archive(storage) as archive:
        return list(archive.records(None))


def test_content_can_be_read_until_it_is_erased(config: Path) -> None:
    kept = run("audit", "content", "dec_1", "--config", config)
    lines = [json.loads(line) for line in kept.stdout.splitlines()]
    assert [one["kind"] for one in lines] == ["prompt", "answer"]
    assert lines[0]["content"][0]["content"] == "a@example.com asks"

    erased = run("audit", "erase", "--subject", "4711", "--who", "maya", "--why", "she asked",
                 "--json", "--config", config)  # fmt: skip

    assert (erased.exit_code, told(erased)) == (
        0,
        {"keys": 1, "contents": 2, "vaults": 1, "subjects": ["customer:4711"]},
    )
    gone = run("audit", "content", "dec_1", "--config", config)
    assert (gone.exit_code, gone.stdout, gone.stderr) == (
        0,
        "",
        "nothing is kept of that call\n",
    )
    (stored,) = events(config)
    assert stored.record.content_event is not None
    assert (stored.record.principal, stored.record.content_event.why) == ("maya", "she asked")
    assert "4711" not in str(stored.line)


def test_erasing_is_told_in_words(config: Path) -> None:
    first = run("audit", "erase", "--subject", "customer:4711", "--config", config)
    again = run("audit", "erase", "--subject", "4711", "--config", config)

    nothing = "nothing was kept of {}; the request is in the decision log\n"
    assert first.stdout == (
        "erased of customer:4711: 2 texts, 1 conversations' placeholders\n"
        + nothing.format("customer:customer:4711")
    )
    assert again.stdout == nothing.format("customer:4711")
    assert len(events(config)) == 3


@pytest.mark.parametrize("name", ["customer:99", "ticket:99", "run:99", "decision:99", "99"])
def test_a_customer_may_be_called_anything_and_is_erased_by_that_name(
    config: Path, name: str
) -> None:
    anyio.run(keep, config, Talk(tenant="local", decision_id="dec_9", customer_id=name))

    erased = run("audit", "erase", "--subject", name, "--config", config)

    assert f"erased of customer:{name}: 2 texts" in erased.stdout
    assert run("audit", "content", "dec_9", "--config", config).stdout == ""
    assert len(run("audit", "content", "dec_1", "--config", config).stdout.splitlines()) == 2


def test_what_names_no_customer_is_erased_by_its_ticket(config: Path) -> None:
    anyio.run(keep, config, Talk(tenant="local", decision_id="dec_9", ticket_id="7"))

    erased = run("audit", "erase", "--subject", "ticket:7", "--json", "--config", config)

    assert told(erased) == {
        "keys": 1,
        "contents": 2,
        "vaults": 0,
        "subjects": ["ticket:7", "customer:ticket:7"],
    }
    assert len(run("audit", "content", "dec_1", "--config", config).stdout.splitlines()) == 2


def test_no_file_of_a_database_that_is_in_use_holds_what_was_erased(config: Path) -> None:
    with closing(sqlite3.connect(database_of(config))) as server:
        secrets = kept_in(server)
        assert len(secrets) == 4, "a key, a vault and two texts"
        assert all(remains(config, secrets))

        run("audit", "erase", "--subject", "4711", "--config", config)

        assert not any(remains(config, secrets))


def test_somebody_who_reads_an_older_state_does_not_keep_an_erasure_from_being_done(
    config: Path,
) -> None:
    with closing(sqlite3.connect(database_of(config))) as server:
        secrets = kept_in(server)
        server.execute("BEGIN")
        kept_in(server)  # an export, which reads on and on

        erased = run("audit", "erase", "--subject", "4711", "--config", config)

        assert erased.stdout.startswith("erased of customer:4711: ")
        assert len(kept_in(server)) == 4
        server.rollback()
        assert kept_in(server) == []
        run("audit", "erase", "--subject", "4711", "--config", config)
        assert not any(remains(config, secrets))


def test_another_tenant_and_another_subject_keep_theirs(config: Path) -> None:
    run("audit", "erase", "--subject", "4711", "--tenant", "acme", "--config", config)
    run("audit", "erase", "--subject", "ticket:7", "--config", config)

    assert len(run("audit", "content", "dec_1", "--config", config).stdout.splitlines()) == 2


@pytest.mark.parametrize(
    ("key", "code"),
    [("b2" * 32, "content_key_wrong"), ("", "content_key_missing"), ("x", "invalid_settings")],
)
def test_without_the_right_key_nothing_is_erased(
    config: Path, monkeypatch: pytest.MonkeyPatch, key: str, code: str
) -> None:
    monkeypatch.setenv("MCP_ROUTER_KEY", key)

    refused = run("audit", "erase", "--subject", "4711", "--config", config)

    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"{code}: ")
    assert events(config) == []
    assert "sqlite-writer" not in {thread.name for thread in threading.enumerate()}


@pytest.mark.parametrize(
    "command",
    [
        ("erase", "--subject", "a\udcff"),
        ("erase", "--subject", "cus-9", "--tenant", "a\udcff"),
        ("erase", "--subject", "cus-9", "--who", "a\udcff"),
        ("erase", "--subject", "cus-9", "--why", "a\udcff"),
        ("content", "dec_1", "--tenant", "a\udcff"),
        ("content", "a\udcff"),
    ],
)
def test_what_is_not_in_utf8_is_a_wrong_use(config: Path, command: tuple[str, ...]) -> None:
    result = run("audit", *command, "--config", config)

    assert result.exit_code == 2
    assert "it is not in UTF-8." in result.stderr


def test_a_subject_that_is_nobody_is_refused(config: Path) -> None:
    refused = run("audit", "erase", "--subject", " ", "--config", config)

    assert (refused.exit_code, events(config)) == (2, [])
    assert "names nobody" in refused.stderr
