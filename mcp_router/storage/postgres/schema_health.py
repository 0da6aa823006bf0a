"""The tables of health: what may be lost without harm, so that nothing here refuses a change."""

HEALTH = """
CREATE TABLE target_minutes (
    minute bigint NOT NULL,
    target text NOT NULL,
    process text NOT NULL,
    tally text NOT NULL,
    PRIMARY KEY (minute, target, process)
);

CREATE TABLE breakers (
    target text PRIMARY KEY,
    state text NOT NULL CHECK (state IN ('closed', 'open', 'half_open')),
    until_ms bigint NOT NULL,
    openings bigint NOT NULL,
    probe text,
    revision bigint NOT NULL
);
"""
