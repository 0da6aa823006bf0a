"""The tables of rollouts. A version's digest never changes; nor does the place of an event."""

STAGES = (
    """
    CREATE TABLE policy_versions (
        name TEXT NOT NULL,
        version INTEGER NOT NULL,
        digest TEXT NOT NULL,
        first_used_ms INTEGER NOT NULL,
        PRIMARY KEY (name, version)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE policy_stages (
        name TEXT PRIMARY KEY,
        stable INTEGER NOT NULL,
        previous INTEGER,
        rollout TEXT,
        revision INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE policy_events (
        name TEXT NOT NULL,
        seq INTEGER NOT NULL,
        PRIMARY KEY (name, seq)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE arm_tallies (
        name TEXT NOT NULL,
        started_ms INTEGER NOT NULL,
        arm TEXT NOT NULL,
        process TEXT NOT NULL,
        calls INTEGER NOT NULL,
        ok INTEGER NOT NULL,
        slow INTEGER NOT NULL,
        cost_microusd INTEGER NOT NULL,
        cost_squares TEXT NOT NULL, -- a number beyond 64 bits
        PRIMARY KEY (name, started_ms, arm, process)
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER policy_versions_fixed BEFORE UPDATE ON policy_versions
    BEGIN SELECT RAISE(ABORT, 'a version that was used never changes'); END
    """,
    """
    CREATE TRIGGER policy_versions_kept BEFORE DELETE ON policy_versions
    BEGIN SELECT RAISE(ABORT, 'a version that was used never changes'); END
    """,
    # OR REPLACE deletes a row without asking the triggers of DELETE.
    """
    CREATE TRIGGER policy_versions_no_replace BEFORE INSERT ON policy_versions
    WHEN EXISTS (
        SELECT 1 FROM policy_versions WHERE name = NEW.name AND version = NEW.version
    )
    BEGIN SELECT RAISE(ABORT, 'a version that was used never changes'); END
    """,
    """
    CREATE TRIGGER policy_stages_forward BEFORE UPDATE ON policy_stages
    WHEN NEW.name <> OLD.name OR NEW.revision <> OLD.revision + 1
    BEGIN SELECT RAISE(ABORT, 'each change of a stage counts its revision up'); END
    """,
)
