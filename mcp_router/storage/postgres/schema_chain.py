"""What makes the decision log tamper-evident: leaves, the chain, signed heads, keys, prunings.

The database computes leaves and chain itself, under the lock that gives a row its place, so that
appending stays one statement and one round trip.
"""

CHAIN = """
CREATE FUNCTION mcp_router_leaf(seq bigint, record text) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $body$
    SELECT sha256('\\x00'::bytea
        || convert_to('{"record":' || record || ',"seq":' || seq || '}', 'UTF8'))
$body$;

ALTER TABLE decisions ADD COLUMN leaf bytea CHECK (octet_length(leaf) = 32),
    ADD COLUMN chain bytea CHECK (octet_length(chain) = 32);
ALTER TABLE decisions_head ADD COLUMN chain bytea NOT NULL
    DEFAULT decode(repeat('00', 32), 'hex') CHECK (octet_length(chain) = 32);
ALTER TABLE decisions DISABLE TRIGGER decisions_append_only;

DO $body$
DECLARE
    link bytea := decode(repeat('00', 32), 'hex');
    leaf_of_row bytea;
    place bigint;
    kept text;
BEGIN
    FOR place, kept IN SELECT d.seq, d.record FROM decisions AS d ORDER BY d.seq LOOP
        leaf_of_row := mcp_router_leaf(place, kept);
        link := sha256(link || leaf_of_row);
        UPDATE decisions SET leaf = leaf_of_row, chain = link WHERE seq = place;
    END LOOP;

    UPDATE decisions_head SET chain = link;
END $body$;

ALTER TABLE decisions ALTER COLUMN leaf SET NOT NULL, ALTER COLUMN chain SET NOT NULL;
DROP TRIGGER decisions_append_only ON decisions;
CREATE TRIGGER decisions_append_only BEFORE UPDATE OR TRUNCATE ON decisions
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_refuse();

-- Appends rows in one transaction. The head's row lock is held until the commit is on disk, so
-- that no place is given away that might be rolled back, and no chain forks.
CREATE FUNCTION mcp_router_append(
    decision_ids text[], at_ms bigint[], tenants text[], tools text[], outcomes text[],
    run_ids text[], ticket_ids text[], policies text[], pools text[], intents text[],
    targets text[], action_ids text[], error_codes text[], costs bigint[], latencies bigint[],
    records text[]
) RETURNS bigint LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
DECLARE
    base bigint;
    link bytea;
    leaf_of_row bytea;
    leaves bytea[];
    links bytea[];
    many integer := array_length(records, 1);
BEGIN
    SELECT h.last, h.chain INTO STRICT base, link FROM decisions_head AS h FOR UPDATE;

    FOR n IN 1..many LOOP
        leaf_of_row := mcp_router_leaf(base + n, records[n]);
        link := sha256(link || leaf_of_row);
        leaves[n] := leaf_of_row;
        links[n] := link;
    END LOOP;

    WITH head AS (UPDATE decisions_head SET last = base + many, chain = link RETURNING last)
    INSERT INTO decisions (seq, leaf, chain, decision_id, at_ms, tenant, tool, outcome, run_id,
        ticket_id, policy, pool, intent, target, action_id, error_code, cost_microusd, latency_ms,
        record)
    SELECT head.last - many + item.n, item.leaf, item.chain, item.a, item.b, item.c, item.d, item.e,
        item.f, item.g, item.h, item.i, item.j, item.k, item.l, item.m, item.o, item.p, item.q
    FROM head, unnest(leaves, links, decision_ids, at_ms, tenants, tools, outcomes, run_ids,
        ticket_ids, policies, pools, intents, targets, action_ids, error_codes, costs, latencies,
        records) WITH ORDINALITY
        AS item(leaf, chain, a, b, c, d, e, f, g, h, i, j, k, l, m, o, p, q, n);
    RETURN base;
END $body$;

CREATE OR REPLACE FUNCTION mcp_router_head_is_true() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
BEGIN
    IF NEW.last IS DISTINCT FROM coalesce((SELECT max(seq) FROM decisions), 0)
        OR NEW.chain IS DISTINCT FROM (SELECT chain FROM decisions WHERE seq = NEW.last)
    THEN
        RAISE EXCEPTION 'the head names the last record' USING ERRCODE = 'restrict_violation';
    END IF;

    RETURN NULL;
END $body$;

-- `previous` is unique: two heads that follow the same one would be a fork.
CREATE TABLE tree_heads (
    size bigint PRIMARY KEY CHECK (size > previous),
    previous bigint NOT NULL UNIQUE,
    root text NOT NULL,
    chain text NOT NULL,
    at_ms bigint NOT NULL,
    key_id text NOT NULL,
    signature text NOT NULL,
    frontier text NOT NULL,
    consistency text NOT NULL
);

CREATE TABLE log_keys (
    place bigint GENERATED ALWAYS AS IDENTITY,
    key_id text PRIMARY KEY,
    public_key text NOT NULL,
    at_ms bigint NOT NULL,
    signed_by text,
    signature text,
    accepted text
);

CREATE TABLE prunings (
    size bigint PRIMARY KEY REFERENCES tree_heads,
    at_ms bigint NOT NULL
);

CREATE FUNCTION mcp_router_head_follows() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
BEGIN
    IF NEW.previous <> coalesce((SELECT max(size) FROM tree_heads), 0)
        OR NEW.chain IS DISTINCT FROM
            (SELECT encode(chain, 'hex') FROM decisions WHERE seq = NEW.size)
    THEN
        RAISE EXCEPTION 'a head follows the newest one and covers rows that are there'
            USING ERRCODE = 'restrict_violation';
    END IF;

    RETURN NEW;
END $body$;

CREATE TRIGGER tree_heads_in_order BEFORE INSERT ON tree_heads
    FOR EACH ROW EXECUTE FUNCTION mcp_router_head_follows();

CREATE FUNCTION mcp_router_prunes_more() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
BEGIN
    IF NEW.size <= (SELECT max(size) FROM prunings) THEN
        RAISE EXCEPTION 'a pruning goes beyond the one before it'
            USING ERRCODE = 'restrict_violation';
    END IF;

    RETURN NEW;
END $body$;

CREATE TRIGGER prunings_in_order BEFORE INSERT ON prunings
    FOR EACH ROW EXECUTE FUNCTION mcp_router_prunes_more();

CREATE FUNCTION mcp_router_is_pruned() RETURNS trigger LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
BEGIN
    IF (SELECT max(seq) FROM gone) > coalesce((SELECT max(size) FROM prunings), 0) THEN
        RAISE EXCEPTION 'decisions is append-only' USING ERRCODE = 'restrict_violation';
    END IF;

    RETURN NULL;
END $body$;

CREATE TRIGGER decisions_no_delete AFTER DELETE ON decisions REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_is_pruned();
CREATE TRIGGER tree_heads_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON tree_heads
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_refuse();
CREATE TRIGGER log_keys_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log_keys
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_refuse();
CREATE TRIGGER prunings_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON prunings
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_refuse();
"""
