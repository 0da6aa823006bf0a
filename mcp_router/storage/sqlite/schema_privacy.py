"""The tables of privacy: everything in them is meant to be deleted one day."""

PRIVACY = (
    """
    CREATE TABLE privacy_keys (
        tenant TEXT NOT NULL,
        name TEXT NOT NULL,
        key BLOB NOT NULL,
        created_ms INTEGER NOT NULL,
        PRIMARY KEY (tenant, name)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE contents (
        tenant TEXT NOT NULL,
        decision_id TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('prompt', 'answer')),
        subject TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (tenant, decision_id, kind)
    )
    """,
    "CREATE INDEX contents_of_subject ON contents (tenant, subject)",
    "CREATE INDEX contents_by_age ON contents (at_ms)",
    """
    CREATE TABLE vaults (
        tenant TEXT NOT NULL,
        conversation TEXT NOT NULL,
        subject TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        sealed BLOB NOT NULL,
        PRIMARY KEY (tenant, conversation, subject)
    )
    """,
    "CREATE INDEX vaults_of_subject ON vaults (tenant, subject)",
    "CREATE INDEX vaults_by_age ON vaults (at_ms)",
)
