"""The tables of rollouts. A version's digest never changes; nor does the place of an event."""

STAGES = """
CREATE TABLE policy_versions (
    name text NOT NULL,
    version bigint NOT NULL,
    digest text NOT NULL,
    first_used_ms bigint NOT NULL,
    PRIMARY KEY (name, version)
);

CREATE TABLE policy_stages (
    name text PRIMARY KEY,
    stable bigint NOT NULL,
    previous bigint,
    rollout text,
    revision bigint NOT NULL
);

CREATE TABLE policy_events (
    name text NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (name, seq)
);

CREATE TABLE arm_tallies (
    name text NOT NULL,
    started_ms bigint NOT NULL,
    arm text NOT NULL,
    process text NOT NULL,
    calls bigint NOT NULL,
    ok bigint NOT NULL,
    slow bigint NOT NULL,
    cost_microusd bigint NOT NULL,
    cost_squares text NOT NULL, -- a number beyond 64 bits
    PRIMARY KEY (name, started_ms, arm, process)
);

CREATE TRIGGER policy_versions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON policy_versions
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_refuse();
CREATE TRIGGER policy_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON policy_events
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_refuse();
CREATE TRIGGER policy_stages_forward BEFORE UPDATE ON policy_stages FOR EACH ROW
    WHEN (NEW.name <> OLD.name OR NEW.revision <> OLD.revision + 1)
    EXECUTE FUNCTION mcp_router_forbid('each change of a stage counts its revision up');
"""
