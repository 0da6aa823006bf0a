"""The tables, as numbered forward-only migrations. SQLite itself refuses what must not happen."""

import sqlite3

from sqlite_utils import Database, Migrations

migrations = Migrations("mcp-router")


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database up to this version; a database that is up to date is not touched.

    Processes that open a new file at the same time come here one after the other.
    """
    db = Database(connection)

    if not migrations.pending(db):
        return

    # The lock is taken before anything is read: what is pending is decided under it.
    connection.execute("BEGIN IMMEDIATE")

    with connection:  # commits, or rolls back what a failure has left half done
        migrations.apply(db)


@migrations()
def m001_decisions(db: Database) -> None:
    """Create the decision log: one row a call, never changed."""
    db.conn.execute(
        """
        CREATE TABLE IF NOT EXISTS decisions (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            decision_id TEXT NOT NULL UNIQUE,
            at_ms INTEGER NOT NULL,
            tenant TEXT NOT NULL,
            tool TEXT NOT NULL,
            outcome TEXT NOT NULL,
            run_id TEXT,
            ticket_id TEXT,
            policy TEXT,
            pool TEXT,
            intent TEXT,
            target TEXT,
            action_id TEXT,
            error_code TEXT,
            cost_microusd INTEGER NOT NULL,
            latency_ms INTEGER NOT NULL,
            record TEXT NOT NULL
        )
        """
    )
    _refuse(db, "decisions", "UPDATE", "the decision log is append-only")
    _refuse(db, "decisions", "DELETE", "the decision log is append-only")


@migrations()
def m002_actions(db: Database) -> None:
    """Create the ledger: one row an action, and the events that led to its state."""
    db.conn.execute(
        """
        CREATE TABLE IF NOT EXISTS actions (
            tenant TEXT NOT NULL,
            key TEXT NOT NULL,
            action_id TEXT NOT NULL UNIQUE,
            principal TEXT NOT NULL,
            tool TEXT NOT NULL,
            target TEXT NOT NULL,
            strategy TEXT NOT NULL,
            fingerprint TEXT NOT NULL,
            arguments TEXT NOT NULL,
            state TEXT NOT NULL CHECK (state IN
                ('reserved', 'sending', 'unknown', 'needs_human', 'succeeded', 'failed')),
            created_ms INTEGER NOT NULL,
            updated_ms INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            fence INTEGER NOT NULL,
            owner TEXT,
            lease_until_ms INTEGER NOT NULL,
            marker TEXT NOT NULL,
            run_id TEXT,
            object_id TEXT,
            stamp TEXT,
            stamp_settled INTEGER,
            ref_id TEXT,
            ref_url TEXT,
            error_code TEXT,
            decided_by TEXT,
            PRIMARY KEY (tenant, key)
        )
        """
    )
    db.conn.execute(
        "CREATE INDEX IF NOT EXISTS actions_of_run ON actions (tenant, run_id) "
        "WHERE run_id IS NOT NULL"
    )
    db.conn.execute(
        """
        CREATE TABLE IF NOT EXISTS action_events (
            seq INTEGER PRIMARY KEY AUTOINCREMENT,
            action_id TEXT NOT NULL,
            at_ms INTEGER NOT NULL,
            state TEXT NOT NULL,
            fence INTEGER NOT NULL,
            attempts INTEGER NOT NULL,
            detail TEXT
        )
        """
    )
    db.conn.execute(
        """
        CREATE TRIGGER IF NOT EXISTS actions_terminal BEFORE UPDATE ON actions
        WHEN OLD.state IN ('succeeded', 'failed')
        BEGIN SELECT RAISE(ABORT, 'a terminal action never changes'); END
        """
    )
    _refuse(db, "actions", "DELETE", "an action is never deleted")
    _refuse(db, "action_events", "UPDATE", "action events are append-only")
    _refuse(db, "action_events", "DELETE", "action events are append-only")


@migrations()
def m003_nothing_is_replaced(db: Database) -> None:
    """Close the way around the other triggers: OR REPLACE deletes a row without asking them."""
    for table, same in (
        ("decisions", "seq = NEW.seq OR decision_id = NEW.decision_id"),
        ("actions", "action_id = NEW.action_id OR (tenant = NEW.tenant AND key = NEW.key)"),
        ("action_events", "seq = NEW.seq"),
    ):
        db.conn.execute(
            f"""
            CREATE TRIGGER IF NOT EXISTS {table}_no_replace BEFORE INSERT ON {table}
            WHEN EXISTS (SELECT 1 FROM {table} WHERE {same})
            BEGIN SELECT RAISE(ABORT, 'a row that exists is never replaced'); END
            """  # noqa: S608  # every word of it stands above
        )

    db.conn.execute(
        """
        CREATE TRIGGER IF NOT EXISTS actions_identity BEFORE UPDATE OF tenant, key, action_id,
            principal, tool, fingerprint, arguments, created_ms, marker, run_id, object_id
        ON actions
        BEGIN SELECT RAISE(ABORT, 'what an action is never changes, only how it stands'); END
        """
    )


def _refuse(db: Database, table: str, verb: str, why: str) -> None:
    """Make the database itself refuse a kind of change."""
    db.conn.execute(
        f"""
        CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table}
        BEGIN SELECT RAISE(ABORT, '{why}'); END
        """
    )
