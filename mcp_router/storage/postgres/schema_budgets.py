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
    accounts text NOT NULL,
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
    WHEN ((NEW.hold_id, NEW.tenant, NEW.accounts) <> (OLD.hold_id, OLD.tenant, OLD.accounts)
        OR NEW.amount_microusd < OLD.amount_microusd)
    EXECUTE FUNCTION mcp_router_forbid('a hold only ever grows until it is settled');

-- Adds to what is spent and held in accounts: a list of pairs of scope and key.
CREATE FUNCTION mcp_router_move(whose text, accounts json, more_spent bigint, more_held bigint)
    RETURNS void LANGUAGE sql SET search_path FROM CURRENT AS $body$
    UPDATE budget_accounts b
    SET spent_microusd = spent_microusd + more_spent, held_microusd = held_microusd + more_held
    FROM json_array_elements(accounts) AS a
    WHERE b.tenant = whose AND b.scope = a ->> 0 AND b.key = a ->> 1
$body$;

-- Locks the accounts of some items, each once and all in one order, so that nobody waits in a
-- circle; whoever changes a hold has locked its accounts. Those that are missing are made first.
CREATE FUNCTION mcp_router_lock_accounts(items json) RETURNS void LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
BEGIN
    INSERT INTO budget_accounts (tenant, scope, key)
    SELECT DISTINCT i ->> 'tenant', a ->> 0, a ->> 1
    FROM json_array_elements(items) AS i, json_array_elements(i -> 'accounts') AS a
    ORDER BY 1, 2, 3
    ON CONFLICT DO NOTHING;

    PERFORM FROM budget_accounts b
    WHERE (b.tenant, b.scope, b.key) IN (
        SELECT i ->> 'tenant', a ->> 0, a ->> 1
        FROM json_array_elements(items) AS i, json_array_elements(i -> 'accounts') AS a
    )
    ORDER BY b.tenant, b.scope, b.key
    FOR UPDATE;
END $body$;

-- Does what each item asks for, one after the other, and returns how its accounts stand then.
-- `short` is the place of the first account that does not cover it: then nothing of it was done.
-- Items say what shall be, so that a repetition after a lost connection changes nothing.
CREATE FUNCTION mcp_router_budget(items json)
    RETURNS TABLE (n bigint, short bigint, gone boolean, balances json) LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
DECLARE
    item record;
    hold budget_holds;
    known boolean;
    more bigint;
BEGIN
    PERFORM mcp_router_lock_accounts(items);

    FOR item IN
        SELECT * FROM ROWS FROM (json_to_recordset(items) AS (
            what text, hold_id text, tenant text, accounts json, amount bigint, ttl bigint
        )) WITH ORDINALITY AS i(what, hold_id, tenant, accounts, amount, ttl, place)
    LOOP
        n := item.place;
        short := NULL;
        SELECT * INTO hold FROM budget_holds h WHERE h.hold_id = item.hold_id;
        known := FOUND;
        gone := item.what = 'extend' AND NOT known;

        IF item.what = 'settle' THEN
            IF known THEN
                PERFORM mcp_router_move(item.tenant, item.accounts,
                    item.amount - CASE WHEN hold.lapsed THEN hold.amount_microusd ELSE 0 END,
                    CASE WHEN hold.lapsed THEN 0 ELSE -hold.amount_microusd END);
                DELETE FROM budget_holds h WHERE h.hold_id = item.hold_id;
            END IF;
        ELSIF known = (item.what = 'extend') THEN
            more := greatest(0, item.amount - coalesce(hold.amount_microusd, 0));

            SELECT min(a.place) INTO short
            FROM json_array_elements(item.accounts) WITH ORDINALITY AS a(account, place)
                JOIN budget_accounts b ON b.tenant = item.tenant
                    AND b.scope = a.account ->> 0 AND b.key = a.account ->> 1
            WHERE a.account ->> 2 IS NOT NULL AND more > greatest(0,
                (a.account ->> 2)::bigint - b.spent_microusd - b.held_microusd);

            IF short IS NULL AND known THEN
                PERFORM mcp_router_move(item.tenant, item.accounts,
                    CASE WHEN hold.lapsed THEN -hold.amount_microusd ELSE 0 END,
                    more + CASE WHEN hold.lapsed THEN hold.amount_microusd ELSE 0 END);
                UPDATE budget_holds h SET amount_microusd = hold.amount_microusd + more,
                    expires_ms = mcp_router_now_ms() + item.ttl, lapsed = false
                WHERE h.hold_id = item.hold_id;
            ELSIF short IS NULL THEN
                PERFORM mcp_router_move(item.tenant, item.accounts, 0, more);
                INSERT INTO budget_holds (hold_id, tenant, accounts, amount_microusd, expires_ms)
                VALUES (item.hold_id, item.tenant, item.accounts::text, more,
                    mcp_router_now_ms() + item.ttl);
            END IF;
        END IF;

        SELECT json_agg(json_build_array(b.spent_microusd, b.held_microusd) ORDER BY a.place)
        INTO balances
        FROM json_array_elements(item.accounts) WITH ORDINALITY AS a(account, place)
            JOIN budget_accounts b ON b.tenant = item.tenant
                AND b.scope = a.account ->> 0 AND b.key = a.account ->> 1;
        RETURN NEXT;
    END LOOP;
END $body$;

-- Counts holds as spent in full whose time is over, and returns how many.
CREATE FUNCTION mcp_router_sweep(most bigint, forgotten bigint) RETURNS bigint LANGUAGE plpgsql
    SET search_path FROM CURRENT AS $body$
DECLARE
    ends bigint := mcp_router_now_ms();
    items json;
    hold budget_holds;
    swept bigint := 0;
BEGIN
    DELETE FROM budget_holds WHERE lapsed AND expires_ms <= ends - forgotten;

    SELECT json_agg(json_build_object(
        'hold_id', o.hold_id, 'tenant', o.tenant, 'accounts', o.accounts::json)) INTO items
    FROM (
        SELECT * FROM budget_holds h WHERE NOT h.lapsed AND h.expires_ms <= ends
        ORDER BY h.expires_ms, h.hold_id LIMIT most
    ) AS o;

    IF items IS NULL THEN
        RETURN 0;
    END IF;

    PERFORM mcp_router_lock_accounts(items);

    -- Under the locks: one may have been settled, extended or swept meanwhile.
    FOR hold IN
        SELECT h.* FROM budget_holds h
        WHERE NOT h.lapsed AND h.expires_ms <= ends
            AND h.hold_id IN (SELECT i ->> 'hold_id' FROM json_array_elements(items) AS i)
    LOOP
        PERFORM mcp_router_move(hold.tenant, hold.accounts::json, hold.amount_microusd,
            -hold.amount_microusd);
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
