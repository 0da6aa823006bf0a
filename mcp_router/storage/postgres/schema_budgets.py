"""The text of the migrations that make the tables of budgets and of what outcomes have taught."""

BUDGETS = """
CREATE TABLE budget_accounts (
    tenant text NOT NULL,
    scope text NOT NULL,
    key text NOT NULL,
    spent_microusd bigint NOT NULL DEFAULT 0 CHECK (spent_microusd >= 0),
    held_microusd bigint NOT NULL DEFAULT 0 CHECK (held_microusd >= 0),
    PRIMARY KEY (tenant, scope, key)
) WITH (fillfactor = 50);

-- One row a call under way. `lapsed`: it counts as spent in full.
CREATE TABLE budget_holds (
    hold_id text PRIMARY KEY,
    tenant text NOT NULL,
    scopes text[] NOT NULL,
    keys text[] NOT NULL,
    amount_microusd bigint NOT NULL CHECK (amount_microusd >= 0),
    expires_ms bigint NOT NULL,
    lapsed boolean NOT NULL DEFAULT false
);

CREATE TRIGGER budget_accounts_no_delete BEFORE DELETE OR TRUNCATE ON budget_accounts
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_forbid('what was spent is never forgotten');
CREATE TRIGGER budget_accounts_identity BEFORE UPDATE ON budget_accounts FOR EACH ROW
    WHEN ((NEW.tenant, NEW.scope, NEW.key) <> (OLD.tenant, OLD.scope, OLD.key))
    EXECUTE FUNCTION mcp_router_forbid('whose an account is never changes');
CREATE TRIGGER budget_holds_identity BEFORE UPDATE ON budget_holds FOR EACH ROW
    WHEN ((NEW.hold_id, NEW.tenant, NEW.scopes, NEW.keys)
            <> (OLD.hold_id, OLD.tenant, OLD.scopes, OLD.keys)
        OR NEW.amount_microusd < OLD.amount_microusd)
    EXECUTE FUNCTION mcp_router_forbid('a hold only ever grows until it is settled');

-- Does what each item asks for, one after the other, and returns how its accounts stand then.
-- `short` is the place of the first account that does not cover it: then nothing of it was done.
-- Items say what shall be, so that a repetition after a lost connection changes nothing.
--
-- `accounts` names each account once, and all callers name them in one order, in which they are
-- locked: nobody waits in a circle, and whoever changes a hold has locked its accounts. An item's
-- `at` counts in that list. Each account is written once however many items are about it, and is
-- only ever looked for by its whole key: a plan that is made while the tables are new stays good.
CREATE FUNCTION mcp_router_budget(accounts json, items json)
    RETURNS TABLE (n bigint, short bigint, gone boolean, spent bigint[], held bigint[])
    LANGUAGE plpgsql SET search_path FROM CURRENT AS $body$
DECLARE
    one record;
    item record;
    hold budget_holds;
    all_spent bigint[] := '{}';
    all_held bigint[] := '{}';
    known boolean;
    freed bigint;
    more_spent bigint;
    more_held bigint;
BEGIN
    FOR one IN SELECT a ->> 0 AS tenant, a ->> 1 AS scope, a ->> 2 AS key
        FROM json_array_elements(accounts) AS a
    LOOP
        LOOP
            SELECT b.spent_microusd, b.held_microusd INTO more_spent, more_held
            FROM budget_accounts b
            WHERE b.tenant = one.tenant AND b.scope = one.scope AND b.key = one.key FOR UPDATE;
            EXIT WHEN FOUND;
            INSERT INTO budget_accounts (tenant, scope, key)
            VALUES (one.tenant, one.scope, one.key) ON CONFLICT DO NOTHING;
        END LOOP;

        all_spent := all_spent || more_spent;
        all_held := all_held || more_held;
    END LOOP;

    FOR item IN
        SELECT * FROM ROWS FROM (json_to_recordset(items) AS (
            what text, hold_id text, tenant text, scopes text[], keys text[], limits bigint[],
            at bigint[], amount bigint, ttl bigint
        )) WITH ORDINALITY
            AS i(what, hold_id, tenant, scopes, keys, limits, at, amount, ttl, place)
    LOOP
        n := item.place;
        short := NULL;
        spent := '{}';
        held := '{}';
        more_spent := 0;
        more_held := 0;
        SELECT * INTO hold FROM budget_holds h WHERE h.hold_id = item.hold_id;
        known := FOUND;
        gone := item.what = 'extend' AND NOT known;

        IF item.what = 'settle' AND known THEN
            -- What had counted as spent in full is put right.
            freed := hold.amount_microusd;
            more_spent := item.amount - CASE WHEN hold.lapsed THEN freed ELSE 0 END;
            more_held := -CASE WHEN hold.lapsed THEN 0 ELSE freed END;
            DELETE FROM budget_holds h WHERE h.hold_id = item.hold_id;
        ELSIF item.what <> 'settle' AND known = (item.what = 'extend') THEN
            more_held := greatest(0, item.amount - coalesce(hold.amount_microusd, 0));

            FOR k IN 1 .. cardinality(item.at) LOOP
                IF item.limits[k] IS NOT NULL AND more_held > greatest(0,
                    item.limits[k] - all_spent[item.at[k]] - all_held[item.at[k]])
                THEN
                    short := k;
                    more_held := 0;
                    EXIT;
                END IF;
            END LOOP;

            IF short IS NULL AND known THEN
                UPDATE budget_holds h SET amount_microusd = hold.amount_microusd + more_held,
                    expires_ms = mcp_router_now_ms() + item.ttl, lapsed = false
                WHERE h.hold_id = item.hold_id;

                IF hold.lapsed THEN
                    more_spent := -hold.amount_microusd;
                    more_held := more_held + hold.amount_microusd;
                END IF;
            ELSIF short IS NULL THEN
                INSERT INTO budget_holds
                    (hold_id, tenant, scopes, keys, amount_microusd, expires_ms)
                VALUES (item.hold_id, item.tenant, item.scopes, item.keys, more_held,
                    mcp_router_now_ms() + item.ttl);
            END IF;
        END IF;

        FOR k IN 1 .. cardinality(item.at) LOOP
            all_spent[item.at[k]] := all_spent[item.at[k]] + more_spent;
            all_held[item.at[k]] := all_held[item.at[k]] + more_held;
            spent := spent || all_spent[item.at[k]];
            held := held || all_held[item.at[k]];
        END LOOP;

        RETURN NEXT;
    END LOOP;

    FOR one IN SELECT a ->> 0 AS tenant, a ->> 1 AS scope, a ->> 2 AS key, place
        FROM json_array_elements(accounts) WITH ORDINALITY AS of(a, place)
    LOOP
        UPDATE budget_accounts b
        SET spent_microusd = all_spent[one.place], held_microusd = all_held[one.place]
        WHERE b.tenant = one.tenant AND b.scope = one.scope AND b.key = one.key;
    END LOOP;
END $body$;

-- Counts holds as spent in full whose time is over, and returns how many.
CREATE FUNCTION mcp_router_sweep(most bigint, forgotten bigint) RETURNS bigint LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
DECLARE
    ends bigint := mcp_router_now_ms();
    ids text[];
    one record;
    hold budget_holds;
    swept bigint := 0;
BEGIN
    DELETE FROM budget_holds WHERE lapsed AND expires_ms <= ends - forgotten;
    ids := ARRAY(
        SELECT h.hold_id FROM budget_holds h WHERE NOT h.lapsed AND h.expires_ms <= ends
        ORDER BY h.expires_ms, h.hold_id LIMIT most
    );

    -- In the order in which everybody locks them.
    FOR one IN
        SELECT * FROM (
            SELECT DISTINCT h.tenant COLLATE "C" AS tenant, a.scope COLLATE "C" AS scope,
                a.key COLLATE "C" AS key
            FROM budget_holds h, unnest(h.scopes, h.keys) AS a(scope, key)
            WHERE h.hold_id = ANY(ids)
        ) AS found ORDER BY tenant, scope, key
    LOOP
        PERFORM FROM budget_accounts b
        WHERE b.tenant = one.tenant AND b.scope = one.scope AND b.key = one.key FOR UPDATE;
    END LOOP;

    -- Under the locks: one may have been settled, extended or swept meanwhile.
    FOR hold IN
        SELECT h.* FROM budget_holds h
        WHERE NOT h.lapsed AND h.expires_ms <= ends AND h.hold_id = ANY(ids)
    LOOP
        FOR one IN SELECT * FROM unnest(hold.scopes, hold.keys) AS a(scope, key) LOOP
            UPDATE budget_accounts b SET
                spent_microusd = spent_microusd + hold.amount_microusd,
                held_microusd = held_microusd - hold.amount_microusd
            WHERE b.tenant = hold.tenant AND b.scope = one.scope AND b.key = one.key;
        END LOOP;

        UPDATE budget_holds h SET lapsed = true WHERE h.hold_id = hold.hold_id;
        swept := swept + 1;
    END LOOP;

    RETURN swept;
END $body$;
"""

ESTIMATES = """
-- The evidence alone: an estimate adds the one success and one failure that it starts at.
CREATE TABLE estimates (
    policy text NOT NULL,
    intent text NOT NULL,
    target text NOT NULL,
    successes double precision NOT NULL CHECK (successes >= 0),
    failures double precision NOT NULL CHECK (failures >= 0),
    PRIMARY KEY (policy, intent, target)
) WITH (fillfactor = 50);

-- What has been counted, so that nothing is counted twice.
CREATE TABLE lessons (
    decision_id text NOT NULL,
    target text NOT NULL,
    kind text NOT NULL,
    at_ms bigint NOT NULL,
    PRIMARY KEY (decision_id, target, kind)
);

CREATE TRIGGER lessons_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON lessons
    FOR EACH STATEMENT EXECUTE FUNCTION mcp_router_refuse();
"""
