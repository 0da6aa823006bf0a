"""What SQL by hand may not do to rollouts in a SQLite file, and a row of another version."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mcp_router.domain.rollout import PolicyStage
from mcp_router.errors import StorageUnavailable
from mcp_router.storage.store import open_store
from tests.storage.rows import record


@pytest.fixture
async def path(tmp_path: Path) -> Path:
    """A file with one stage and one version that was used."""
    store = open_store(f"sqlite:///{tmp_path / 'router.db'}")
    await store.stages.change(None, PolicyStage(name="support", stable=3, revision=1), record("1"))
    await store.stages.release("support", 4, "aa", record("2"))
    await store.aclose()
    return tmp_path / "router.db"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE policy_versions SET digest = 'bb'",
        "DELETE FROM policy_versions",
        "INSERT OR REPLACE INTO policy_versions VALUES ('support', 4, 'bb', 0)",
        "UPDATE policy_stages SET stable = 9",
    ],
)
def test_sql_by_hand_cannot_rewrite_what_happened(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute(statement)


async def test_a_rollout_of_another_version_is_told_as_such(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE policy_stages SET rollout = '{\"next\":1}', revision = 2")

    store = open_store(f"sqlite:///{path}")

    with pytest.raises(StorageUnavailable) as refused:
        await store.stages.stages()

    assert refused.value.message == "How a policy stands cannot be read."
    await store.aclose()
