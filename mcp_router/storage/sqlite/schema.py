"""The tables, as numbered forward-only migrations. SQLite itself refuses what must not happen."""

import sqlite3

from sqlite_utils import Database, Migrations

from mcp_router.storage.sqlite.schema_alerts import ALERTS
from mcp_router.storage.sqlite.schema_budgets import BUDGETS, ESTIMATES
from mcp_router.storage.sqlite.schema_chain import CHAIN, COLUMNS, link_rows
from mcp_router.storage.sqlite.schema_health import HEALTH
from mcp_router.storage.sqlite.schema_privacy import PRIVACY
from mcp_router.storage.sqlite.schema_stages import STAGES

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


@migrations()
def m004_the_ledger_recovers(db: Database) -> None:
    """Build the ledger's table anew: what is sent and answered, tombstones, arrows, a clock."""
    db.conn.execute(_ACTIONS)
    db.conn.execute(
        f"INSERT INTO actions_new (place, write, sent_boot, sent_ms, {_COPIED}) "  # noqa: S608  # our words
        f"SELECT rowid, '', {_SENT_SOMETIME}, {_COPIED} FROM actions ORDER BY rowid"
    )
    db.conn.execute("DROP TABLE actions")  # and with it its triggers and indexes
    db.conn.execute("ALTER TABLE actions_new RENAME TO actions")

    # After the copy: rows that are settled by now could not begin like that any more.
    for statement in (*_ACTION_INDEXES, *_ACTION_TRIGGERS):
        db.conn.execute(statement)

    _refuse(db, "actions", "DELETE", "an action is never deleted")


@migrations()
def m005_budgets(db: Database) -> None:
    """Create the accounts of tickets, runs and tenants, and what calls under way hold of them."""
    for statement in BUDGETS:
        db.conn.execute(statement)


@migrations()
def m006_estimates(db: Database) -> None:
    """Create what outcomes have taught, and which of them have been counted."""
    for statement in ESTIMATES:
        db.conn.execute(statement)


@migrations()
def m007_health(db: Database) -> None:
    """Create minutes of health and breakers, which all processes share."""
    for statement in HEALTH:
        db.conn.execute(statement)


@migrations()
def m008_stages(db: Database) -> None:
    """Create how policies stand, which versions were used, and what arms have come to."""
    for statement in STAGES:
        db.conn.execute(statement)


@migrations()
def m009_alerts(db: Database) -> None:
    """Create what is to be told, which all processes share."""
    for statement in ALERTS:
        db.conn.execute(statement)


@migrations()
def m010_privacy(db: Database) -> None:
    """Create keys of subjects, sealed content and sealed vaults."""
    for statement in PRIVACY:
        db.conn.execute(statement)


@migrations()
def m011_chain(db: Database) -> None:
    """Chain the decision log, the rows that are there included, and make room for its heads."""
    for statement in COLUMNS:
        db.conn.execute(statement)

    link_rows(db.conn)

    for statement in CHAIN:
        db.conn.execute(statement)


_COPIED = (
    "tenant, key, action_id, principal, tool, target, strategy, fingerprint, arguments, state, "
    "created_ms, updated_ms, attempts, fence, owner, lease_until_ms, marker, run_id, object_id, "
    "stamp, stamp_settled, ref_id, ref_url, error_code, decided_by"
)

# When a row was sent that may have been, before that was noted: in no boot that ever was.
_SENT_SOMETIME = (
    "CASE WHEN state <> 'reserved' OR attempts > 0 THEN '' END, "
    "CASE WHEN state <> 'reserved' OR attempts > 0 THEN 0 END"
)

# `lease_until_ms`, `sent_ms` and `touched_ms` count from the boot that `sent_boot` and
# `touched_boot` name. The long columns come last: what is asked for often lies before them.
_ACTIONS = """
    CREATE TABLE actions_new (
        place INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL,
        key TEXT NOT NULL,
        action_id TEXT NOT NULL UNIQUE,
        principal TEXT NOT NULL,
        tool TEXT NOT NULL,
        target TEXT NOT NULL,
        strategy TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('reserved', 'sending', 'unknown', 'needs_human',
            'succeeded', 'failed', 'expired')),
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
        sent_boot TEXT,
        sent_ms INTEGER,
        touched_boot TEXT,
        touched_ms INTEGER,
        arguments TEXT NOT NULL,
        write TEXT NOT NULL,
        answer TEXT CHECK (answer IS NULL OR state IN ('succeeded', 'failed')),
        UNIQUE (tenant, key)
    )
"""

_ACTION_INDEXES = (
    "CREATE INDEX actions_of_run ON actions (tenant, run_id) WHERE run_id IS NOT NULL",
    # One index for renewing, finding and counting what is open, since every write enters and
    # leaves it: a second one was measured at a tenth of what a change costs.
    "CREATE INDEX actions_open ON actions (target, state, owner) "
    "WHERE owner IS NOT NULL OR state IN ('sending', 'unknown', 'needs_human')",
    "CREATE INDEX actions_settled ON actions (updated_ms) WHERE state IN ('succeeded', 'failed')",
)

_ACTION_TRIGGERS = (
    # OR REPLACE deletes a row without asking the triggers of DELETE.
    """
    CREATE TRIGGER actions_begin BEFORE INSERT ON actions
    WHEN NEW.state NOT IN ('reserved', 'sending')
        OR (NEW.state = 'sending') <> (NEW.sent_ms IS NOT NULL)
        OR EXISTS (SELECT 1 FROM actions WHERE tenant = NEW.tenant AND key = NEW.key)
        OR EXISTS (SELECT 1 FROM actions WHERE action_id = NEW.action_id)
        OR EXISTS (SELECT 1 FROM actions WHERE place = NEW.place)
    BEGIN SELECT RAISE(ABORT, 'an action begins once, as reserved or sending'); END
    """,
    """
    CREATE TRIGGER actions_identity BEFORE UPDATE OF tenant, key, action_id, principal,
        tool, fingerprint, created_ms, marker, run_id, object_id ON actions
    BEGIN SELECT RAISE(ABORT, 'what an action is never changes, only how it stands'); END
    """,
    """
    CREATE TRIGGER actions_bodies BEFORE UPDATE OF arguments, write ON actions
    WHEN NEW.state <> 'expired' OR NEW.arguments <> '' OR NEW.write <> ''
    BEGIN SELECT RAISE(ABORT, 'what an action is never changes, only how it stands'); END
    """,
    # A lease alone may be renewed, hence the list of columns; actions_tomb looks at the lease.
    """
    CREATE TRIGGER actions_arrow BEFORE UPDATE OF target, strategy, state, updated_ms, attempts,
        fence, owner, stamp, stamp_settled, ref_id, ref_url, error_code, decided_by, answer,
        sent_boot, sent_ms, touched_boot, touched_ms ON actions
    WHEN NEW.fence < OLD.fence OR NEW.attempts < OLD.attempts
        OR (NEW.state = 'sending' AND NEW.sent_ms IS NULL)
        OR (OLD.sent_ms IS NOT NULL AND NEW.sent_ms IS NOT OLD.sent_ms)
        OR (OLD.sent_ms IS NOT NULL AND NEW.sent_boot IS NOT OLD.sent_boot)
        OR NOT CASE OLD.state
        WHEN 'reserved' THEN NEW.state IN ('reserved', 'sending', 'failed')
        WHEN 'sending' THEN NEW.state IN ('reserved', 'unknown', 'succeeded', 'failed')
        WHEN 'unknown' THEN
            NEW.state IN ('sending', 'unknown', 'needs_human', 'succeeded', 'failed')
        WHEN 'needs_human' THEN NEW.state IN ('succeeded', 'failed')
        WHEN 'succeeded' THEN NEW.state = 'expired'
        WHEN 'failed' THEN NEW.state = 'expired'
        ELSE 0
    END
    BEGIN SELECT RAISE(ABORT, 'an action has no such arrow'); END
    """,
    """
    CREATE TRIGGER actions_tomb BEFORE UPDATE ON actions
    WHEN NEW.place <> OLD.place OR OLD.state IN ('succeeded', 'failed', 'expired') AND NOT (
        OLD.state <> 'expired' AND NEW.state = 'expired'
        AND NEW.arguments = '' AND NEW.write = '' AND NEW.answer IS NULL
        AND (
            NEW.target, NEW.strategy, NEW.attempts, NEW.fence, NEW.owner, NEW.lease_until_ms,
            NEW.stamp, NEW.stamp_settled, NEW.ref_id, NEW.ref_url, NEW.error_code, NEW.decided_by
        ) IS (
            OLD.target, OLD.strategy, OLD.attempts, OLD.fence, OLD.owner, OLD.lease_until_ms,
            OLD.stamp, OLD.stamp_settled, OLD.ref_id, OLD.ref_url, OLD.error_code, OLD.decided_by
        )
    )
    BEGIN SELECT RAISE(ABORT, 'a terminal action never changes'); END
    """,
    """
    CREATE TRIGGER actions_began AFTER INSERT ON actions
    BEGIN
        INSERT INTO action_events (action_id, at_ms, state, fence, attempts, detail)
        VALUES (NEW.action_id, NEW.updated_ms, NEW.state, NEW.fence, NEW.attempts,
            coalesce(NEW.decided_by, NEW.error_code));
    END
    """,
    """
    CREATE TRIGGER actions_moved AFTER UPDATE OF state, fence ON actions
    BEGIN
        INSERT INTO action_events (action_id, at_ms, state, fence, attempts, detail)
        VALUES (NEW.action_id, NEW.updated_ms, NEW.state, NEW.fence, NEW.attempts,
            coalesce(NEW.decided_by, NEW.error_code));
    END
    """,
)


def _refuse(db: Database, table: str, verb: str, why: str) -> None:
    """Make the database itself refuse a kind of change."""
    db.conn.execute(
        f"""
        CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table}
        BEGIN SELECT RAISE(ABORT, '{why}'); END
        """
    )
