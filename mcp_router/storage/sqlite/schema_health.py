"""The tables of health: what may be lost without harm, so that nothing here refuses a change."""

HEALTH = (
    """
    CREATE TABLE target_minutes (
        minute INTEGER NOT NULL,
        target TEXT NOT NULL,
        process TEXT NOT NULL,
        tally TEXT NOT NULL,
        PRIMARY KEY (minute, target, process)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE breakers (
        target TEXT PRIMARY KEY,
        state TEXT NOT NULL CHECK (state IN ('closed', 'open', 'half_open')),
        until_ms INTEGER NOT NULL,
        openings INTEGER NOT NULL,
        probe TEXT,
        revision INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
)
