"""The tables, as numbered forward-only migrations. PostgreSQL itself refuses what must not happen.

Triggers speak to SQL typed by hand and to faults of the router alike; only the owner of the
tables could take them away.
"""

import hashlib
from dataclasses import dataclass
from typing import TypeAlias

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from mcp_router.errors import StorageUnavailable
from mcp_router.storage.postgres.schema_alerts import ALERTS
from mcp_router.storage.postgres.schema_budgets import BUDGETS, ESTIMATES
from mcp_router.storage.postgres.schema_chain import CHAIN
from mcp_router.storage.postgres.schema_health import HEALTH
from mcp_router.storage.postgres.schema_privacy import PRIVACY
from mcp_router.storage.postgres.schema_stages import STAGES

Connection: TypeAlias = AsyncConnection[DictRow]

MIGRATION_TIMEOUT_S = 300  # a replica waits that long for another one's migration

_DECISIONS = """
CREATE TABLE decisions (
    seq bigint PRIMARY KEY,
    decision_id text NOT NULL UNIQUE,
    at_ms bigint NOT NULL,
    tenant text NOT NULL,
    tool text NOT NULL,
    outcome text NOT NULL,
    run_id text,
    ticket_id text,
    policy text,
    pool text,
    intent text,
    target text,
    action_id text,
    error_code text,
    cost_microusd bigint NOT NULL,
    latency_ms bigint NOT NULL,
    record text NOT NULL
);

-- The place of the newest record: its row lock makes replicas append one after the other.
CREATE TABLE decisions_head (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    last bigint NOT NULL
) WITH (fillfactor = 10);
INSERT INTO decisions_head (last) VALUES (0);

CREATE FUNCTION mcp_router_refuse() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $body$;

CREATE TRIGGER decisions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decisions
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_refuse();
CREATE TRIGGER decisions_head_kept BEFORE INSERT OR DELETE OR TRUNCATE ON decisions_head
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_refuse();

CREATE FUNCTION mcp_router_no_gap() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
DECLARE
    lowest bigint;
    highest bigint;
    many bigint;
BEGIN
    SELECT min(seq), max(seq), count(*) INTO lowest, highest, many FROM added;

    IF many = 0 THEN
        RETURN NULL;
    END IF;

    IF highest - lowest + 1 <> many OR highest <> (SELECT last FROM decisions_head)
        OR lowest <> 1 + coalesce((SELECT max(seq) FROM decisions WHERE seq < lowest), 0)
    THEN
        RAISE EXCEPTION 'the decision log has no gaps' USING ERRCODE = 'restrict_violation';
    END IF;

    RETURN NULL;
END $body$;

CREATE TRIGGER decisions_no_gap AFTER INSERT ON decisions
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_no_gap();

CREATE FUNCTION mcp_router_head_is_true() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
BEGIN
    IF NEW.last IS DISTINCT FROM coalesce((SELECT max(seq) FROM decisions), 0) THEN
        RAISE EXCEPTION 'the head names the last record' USING ERRCODE = 'restrict_violation';
    END IF;

    RETURN NULL;
END $body$;

CREATE TRIGGER decisions_head_true AFTER UPDATE ON decisions_head
    FOR EACH ROW EXECUTE FUNCTION mcp_router_head_is_true();
"""

_ACTIONS = """
-- Time is the database's, so that replicas whose clocks differ agree on every lease.
CREATE FUNCTION mcp_router_now_ms() RETURNS bigint LANGUAGE sql VOLATILE AS $body$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
$body$;

CREATE TABLE actions (
    place bigint GENERATED ALWAYS AS IDENTITY,
    tenant text NOT NULL,
    key text NOT NULL,
    action_id text NOT NULL UNIQUE,
    principal text NOT NULL,
    tool text NOT NULL,
    target text NOT NULL,
    strategy text NOT NULL,
    fingerprint text NOT NULL,
    arguments text NOT NULL,
    write text NOT NULL,
    state text NOT NULL CHECK (state IN ('reserved', 'sending', 'unknown', 'needs_human',
        'succeeded', 'failed', 'expired')),
    created_ms bigint NOT NULL,
    updated_ms bigint NOT NULL,
    attempts bigint NOT NULL,
    fence bigint NOT NULL,
    owner text,
    lease_until_ms bigint NOT NULL,
    marker text NOT NULL,
    run_id text,
    object_id text,
    stamp text,
    stamp_settled boolean,
    ref_id text,
    ref_url text,
    error_code text,
    decided_by text,
    answer text CHECK (answer IS NULL OR state IN ('succeeded', 'failed')),
    sent_ms bigint CHECK (sent_ms IS NOT NULL OR state <> 'sending'),
    stored_ms bigint NOT NULL,
    PRIMARY KEY (tenant, key)
);

CREATE INDEX actions_of_run ON actions (tenant, run_id, place) WHERE run_id IS NOT NULL;
CREATE INDEX actions_open ON actions (target, state, stored_ms)
    WHERE state IN ('reserved', 'sending', 'unknown', 'needs_human');
CREATE INDEX actions_settled ON actions (stored_ms) WHERE state IN ('succeeded', 'failed');

CREATE TABLE action_events (
    seq bigint GENERATED ALWAYS AS IDENTITY,
    action_id text NOT NULL,
    at_ms bigint NOT NULL,
    state text NOT NULL,
    fence bigint NOT NULL,
    attempts bigint NOT NULL,
    detail text,
    PRIMARY KEY (action_id, seq)
);

-- What is allowed costs no call: each condition below is part of its trigger, and the function
-- only says why not.
CREATE FUNCTION mcp_router_forbid() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'restrict_violation';
END $body$;

-- After: a claim may carry a row that is there already, and then inserts nothing.
CREATE TRIGGER actions_begin AFTER INSERT ON actions FOR EACH ROW
    WHEN (NEW.state NOT IN ('reserved', 'sending'))
    EXECUTE FUNCTION mcp_router_forbid('an action begins as reserved or sending');

CREATE TRIGGER actions_identity BEFORE UPDATE ON actions FOR EACH ROW
    WHEN (
        (NEW.place, NEW.tenant, NEW.key, NEW.action_id, NEW.principal, NEW.tool,
            NEW.fingerprint, NEW.created_ms, NEW.marker, NEW.run_id, NEW.object_id)
        IS DISTINCT FROM
        (OLD.place, OLD.tenant, OLD.key, OLD.action_id, OLD.principal, OLD.tool,
            OLD.fingerprint, OLD.created_ms, OLD.marker, OLD.run_id, OLD.object_id)
        OR OLD.sent_ms IS NOT NULL AND NEW.sent_ms IS DISTINCT FROM OLD.sent_ms
        OR (NEW.arguments, NEW.write) <> (OLD.arguments, OLD.write)
            AND (NEW.arguments, NEW.write, NEW.state) <> ('', '', 'expired')
    )
    EXECUTE FUNCTION mcp_router_forbid('what an action is never changes, only how it stands');

-- A lease alone may be renewed, hence the list of columns; actions_tomb looks at the lease.
CREATE TRIGGER actions_arrow BEFORE UPDATE OF target, strategy, state, updated_ms, attempts, fence,
        owner, stamp, stamp_settled, ref_id, ref_url, error_code, decided_by, answer, sent_ms,
        stored_ms
    ON actions FOR EACH ROW
    WHEN (NEW.fence < OLD.fence OR NEW.attempts < OLD.attempts OR NOT CASE OLD.state
        WHEN 'reserved' THEN NEW.state IN ('reserved', 'sending', 'failed')
        WHEN 'sending' THEN NEW.state IN ('reserved', 'unknown', 'succeeded', 'failed')
        WHEN 'unknown' THEN
            NEW.state IN ('sending', 'unknown', 'needs_human', 'succeeded', 'failed')
        WHEN 'needs_human' THEN NEW.state IN ('succeeded', 'failed')
        ELSE OLD.state <> 'expired' AND NEW.state = 'expired'
    END)
    EXECUTE FUNCTION mcp_router_forbid('an action has no such arrow');

-- What is left of an expired action is that it was, how it ended and what it made.
CREATE TRIGGER actions_tomb BEFORE UPDATE ON actions FOR EACH ROW
    WHEN (OLD.state IN ('succeeded', 'failed', 'expired') AND NOT (
        NEW.state = 'expired' AND NEW.arguments = '' AND NEW.write = '' AND NEW.answer IS NULL
        AND (NEW.target, NEW.strategy, NEW.attempts, NEW.fence, NEW.owner, NEW.lease_until_ms,
            NEW.stamp, NEW.stamp_settled, NEW.ref_id, NEW.ref_url, NEW.error_code, NEW.decided_by,
            NEW.sent_ms)
        IS NOT DISTINCT FROM
        (OLD.target, OLD.strategy, OLD.attempts, OLD.fence, OLD.owner, OLD.lease_until_ms,
            OLD.stamp, OLD.stamp_settled, OLD.ref_id, OLD.ref_url, OLD.error_code, OLD.decided_by,
            OLD.sent_ms)
    ))
    EXECUTE FUNCTION mcp_router_forbid('a terminal action never changes');

-- No transition without its event, whoever makes it: one statement's events at once.
CREATE FUNCTION mcp_router_began() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
BEGIN
    INSERT INTO action_events (action_id, at_ms, state, fence, attempts, detail)
    SELECT action_id, updated_ms, state, fence, attempts, coalesce(decided_by, error_code)
    FROM written;
    RETURN NULL;
END $body$;

CREATE FUNCTION mcp_router_moved() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
BEGIN
    INSERT INTO action_events (action_id, at_ms, state, fence, attempts, detail)
    SELECT w.action_id, w.updated_ms, w.state, w.fence, w.attempts,
        coalesce(w.decided_by, w.error_code)
    FROM written AS w JOIN before AS b USING (place)
    -- A lease alone may have been renewed.
    WHERE (w.state, w.fence, w.attempts, w.owner, w.target, w.updated_ms, w.stored_ms)
        IS DISTINCT FROM
        (b.state, b.fence, b.attempts, b.owner, b.target, b.updated_ms, b.stored_ms);
    RETURN NULL;
END $body$;

CREATE TRIGGER actions_began AFTER INSERT ON actions REFERENCING NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_began();
CREATE TRIGGER actions_moved AFTER UPDATE ON actions
    REFERENCING OLD TABLE AS before NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_moved();
CREATE FUNCTION mcp_router_no_delete() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
    RAISE EXCEPTION 'an action is never deleted' USING ERRCODE = 'restrict_violation';
END $body$;

CREATE TRIGGER actions_no_delete BEFORE DELETE OR TRUNCATE ON actions
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_no_delete();
CREATE TRIGGER action_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON action_events
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_refuse();
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """One step forward; its text never changes once it is released."""

    number: int
    name: str
    sql: str

    @property
    def digest(self) -> str:
        """Return the SHA-256 of the text, as it is recorded in the database."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


MIGRATIONS = (
    Migration(number=1, name="decisions", sql=_DECISIONS),
    Migration(number=2, name="actions", sql=_ACTIONS),
    Migration(number=3, name="budgets", sql=BUDGETS),
    Migration(number=4, name="estimates", sql=ESTIMATES),
    Migration(number=5, name="health", sql=HEALTH),
    Migration(number=6, name="stages", sql=STAGES),
    Migration(number=7, name="alerts", sql=ALERTS),
    Migration(number=8, name="privacy", sql=PRIVACY),
    Migration(number=9, name="chain", sql=CHAIN),
)


async def migrate(connection: Connection, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Bring the database up to this version; one that is up to date is only read.

    Replicas that start at the same time come here one after the other. A failure leaves
    nothing behind.

    Raises:
        StorageUnavailable: the database is of a version that this one does not know.
        psycopg.Error: the database cannot be migrated now.
    """
    if not _pending(await _applied(connection), migrations):
        return

    async with connection.transaction():
        await connection.execute(
            "SELECT set_config('statement_timeout', %s, true)", (f"{MIGRATION_TIMEOUT_S}s",)
        )
        await connection.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('mcp-router ' || current_schema(), 0))"
        )
        await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS mcp_router_migrations (
                number integer PRIMARY KEY,
                name text NOT NULL,
                digest text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
            )
            """
        )

        # What is pending is decided under the lock: another replica may have been faster.
        for one in _pending(await _applied(connection), migrations):
            await connection.execute(one.sql.encode())
            await connection.execute(
                "INSERT INTO mcp_router_migrations (number, name, digest) VALUES (%s, %s, %s)",
                (one.number, one.name, one.digest),
            )


async def _applied(connection: Connection) -> dict[int, str]:
    """Return the number and digest of every migration that the database has had."""
    found = await connection.execute("SELECT to_regclass('mcp_router_migrations') AS found")
    row = await found.fetchone()

    if row is None or row["found"] is None:
        return {}

    rows = await connection.execute("SELECT number, digest FROM mcp_router_migrations")
    return {row["number"]: row["digest"] for row in await rows.fetchall()}


def _pending(applied: dict[int, str], migrations: tuple[Migration, ...]) -> tuple[Migration, ...]:
    """Return what the database has not had yet, in order.

    Raises:
        StorageUnavailable: it has had another text under a known number, or an unknown number.
    """
    known = {one.number: one.digest for one in migrations}

    if any(known.get(number) != digest for number, digest in applied.items()):
        raise StorageUnavailable(
            "The database was set up by another version of the router.",
            next_step="Run the newest version that has used this database, or name another one.",
        )

    return tuple(one for one in migrations if one.number not in applied)
