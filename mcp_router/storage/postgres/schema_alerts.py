"""The tables of alerts: what is on its way, how keys stand, closed sinks, and the day's counts."""

ALERTS = """
CREATE TABLE alert_deliveries (
    alert_id text NOT NULL,
    sink text NOT NULL,
    alert text NOT NULL,
    state text NOT NULL CHECK (state IN ('waiting', 'delivered', 'given_up')),
    attempts bigint NOT NULL,
    created_ms bigint NOT NULL,
    due_ms bigint NOT NULL,
    PRIMARY KEY (alert_id, sink)
);
CREATE INDEX alert_deliveries_due ON alert_deliveries (sink, due_ms) WHERE state = 'waiting';
CREATE INDEX alert_deliveries_age ON alert_deliveries (created_ms);
CREATE TRIGGER alert_deliveries_end BEFORE UPDATE ON alert_deliveries FOR EACH ROW
    WHEN (OLD.state <> 'waiting' AND NEW.state <> 'delivered')
    EXECUTE FUNCTION mcp_router_forbid('what was told or given up does not wait again');

CREATE TABLE alert_windows (
    key text PRIMARY KEY,
    told_ms bigint NOT NULL,
    last_id text NOT NULL,
    waiting text
);

CREATE TABLE alert_closed_sinks (
    sink text NOT NULL,
    mark text NOT NULL,
    PRIMARY KEY (sink, mark)
);

-- Up to where the changes of policies were seen: what happened before there were alerts is old.
CREATE TABLE alert_cursor (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    seq bigint NOT NULL
);
INSERT INTO alert_cursor (seq) SELECT coalesce(max(seq), 0) FROM policy_events;

CREATE TABLE alert_days (
    day bigint NOT NULL,
    process text NOT NULL,
    counts text NOT NULL,
    PRIMARY KEY (day, process)
);
"""
