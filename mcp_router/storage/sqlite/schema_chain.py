"""What makes the decision log tamper-evident: leaves, the chain, signed heads, keys, prunings."""

import sqlite3

from mcp_router.chain import START, leaf_hash, next_link, row_line

_BATCH = 1000

COLUMNS = (
    "DROP TRIGGER decisions_no_update",
    "DROP TRIGGER decisions_no_delete",
    "ALTER TABLE decisions ADD COLUMN leaf BLOB",
    "ALTER TABLE decisions ADD COLUMN chain BLOB",
)

CHAIN = (
    """
    CREATE TRIGGER decisions_no_update BEFORE UPDATE ON decisions
    BEGIN SELECT RAISE(ABORT, 'the decision log is append-only'); END
    """,
    """
    CREATE TRIGGER decisions_in_order BEFORE INSERT ON decisions
    WHEN NEW.seq <> 1 + coalesce((SELECT max(seq) FROM decisions), 0)
        OR typeof(NEW.leaf) <> 'blob' OR length(NEW.leaf) <> 32
        OR typeof(NEW.chain) <> 'blob' OR length(NEW.chain) <> 32
    BEGIN SELECT RAISE(ABORT, 'the decision log has no gaps and no row outside its chain'); END
    """,
    # `previous` is unique: two heads that follow the same one would be a fork.
    """
    CREATE TABLE tree_heads (
        size INTEGER PRIMARY KEY,
        previous INTEGER NOT NULL UNIQUE,
        root TEXT NOT NULL,
        chain TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        key_id TEXT NOT NULL,
        signature TEXT NOT NULL,
        frontier TEXT NOT NULL,
        consistency TEXT NOT NULL
    )
    """,
    """
    CREATE TRIGGER tree_heads_in_order BEFORE INSERT ON tree_heads
    WHEN NEW.previous <> coalesce((SELECT max(size) FROM tree_heads), 0)
        OR NEW.size <= NEW.previous
        OR NEW.chain IS NOT (SELECT lower(hex(chain)) FROM decisions WHERE seq = NEW.size)
    BEGIN SELECT RAISE(ABORT, 'a head follows the newest one and covers rows that are there'); END
    """,
    """
    CREATE TABLE log_keys (
        key_id TEXT PRIMARY KEY,
        public_key TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        signed_by TEXT,
        signature TEXT,
        accepted TEXT
    )
    """,
    """
    CREATE TRIGGER log_keys_no_replace BEFORE INSERT ON log_keys
    WHEN EXISTS (SELECT 1 FROM log_keys WHERE key_id = NEW.key_id)
    BEGIN SELECT RAISE(ABORT, 'a row that exists is never replaced'); END
    """,
    """
    CREATE TABLE prunings (
        size INTEGER PRIMARY KEY,
        at_ms INTEGER NOT NULL
    )
    """,
    """
    CREATE TRIGGER prunings_in_order BEFORE INSERT ON prunings
    WHEN NEW.size <= coalesce((SELECT max(size) FROM prunings), 0)
        OR NOT EXISTS (SELECT 1 FROM tree_heads WHERE size = NEW.size)
    BEGIN SELECT RAISE(ABORT, 'only what a signed head covers is pruned'); END
    """,
    """
    CREATE TRIGGER decisions_no_delete BEFORE DELETE ON decisions
    WHEN OLD.seq > coalesce((SELECT max(size) FROM prunings), 0)
    BEGIN SELECT RAISE(ABORT, 'the decision log is append-only'); END
    """,
    *(
        f"""
        CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table}
        BEGIN SELECT RAISE(ABORT, 'what is signed never changes'); END
        """
        for table in ("tree_heads", "log_keys", "prunings")
        for verb in ("UPDATE", "DELETE")
    ),
)


def link_rows(connection: sqlite3.Connection) -> None:
    """Give every row that is there its leaf and its place in the chain."""
    last, chain = 0, START

    while rows := connection.execute(
        "SELECT seq, record FROM decisions WHERE seq > ? ORDER BY seq LIMIT ?", (last, _BATCH)
    ).fetchall():
        links: list[tuple[bytes, bytes, int]] = []

        for last, text in rows:
            leaf = leaf_hash(row_line(last, text).encode())
            chain = next_link(chain, leaf)
            links.append((leaf, chain, last))

        connection.executemany("UPDATE decisions SET leaf = ?, chain = ? WHERE seq = ?", links)
