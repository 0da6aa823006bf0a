"""The tables of alerts: what is on its way, how keys stand, closed sinks, and the day's counts."""

ALERTS = (
    """
    CREATE TABLE alert_deliveries (
        alert_id TEXT NOT NULL,
        sink TEXT NOT NULL,
        alert TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up')),
        attempts INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        due_ms INTEGER NOT NULL,
        PRIMARY KEY (alert_id, sink)
    ) WITHOUT ROWID
    """,
    """
    CREATE INDEX alert_deliveries_due ON alert_deliveries (sink, due_ms) WHERE state = 'waiting'
    """,
    "CREATE INDEX alert_deliveries_age ON alert_deliveries (created_ms)",
    """
    CREATE TRIGGER alert_deliveries_end BEFORE UPDATE ON alert_deliveries
    WHEN OLD.state <> 'waiting' AND NEW.state <> 'delivered'
    BEGIN SELECT RAISE(ABORT, 'what was told or given up does not wait again'); END
    """,
    """
    CREATE TABLE alert_windows (
        key TEXT PRIMARY KEY,
        told_ms INTEGER NOT NULL,
        last_id TEXT NOT NULL,
        waiting TEXT
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE alert_closed_sinks (
        sink TEXT NOT NULL,
        mark TEXT NOT NULL,
        PRIMARY KEY (sink, mark)
    ) WITHOUT ROWID
    """,
    # Up to where the changes of policies were seen: what happened before there were alerts is old.
    "CREATE TABLE alert_cursor (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL)",
    "INSERT INTO alert_cursor SELECT 1, coalesce(max(seq), 0) FROM policy_events",
    """
    CREATE TABLE alert_days (
        day INTEGER NOT NULL,
        process TEXT NOT NULL,
        counts TEXT NOT NULL,
        PRIMARY KEY (day, process)
    ) WITHOUT ROWID
    """,
)
