"""The statements that make the tables of budgets and of what outcomes have taught."""

BUDGETS = (
    """
    CREATE TABLE budget_accounts (
        tenant TEXT NOT NULL,
        scope TEXT NOT NULL,
        key TEXT NOT NULL,
        spent_microusd INTEGER NOT NULL CHECK (spent_microusd >= 0),
        held_microusd INTEGER NOT NULL CHECK (held_microusd >= 0),
        PRIMARY KEY (tenant, scope, key)
    ) WITHOUT ROWID
    """,
    # One row a call under way, hence no index but its id. `lapsed`: it counts as spent in full.
    """
    CREATE TABLE budget_holds (
        hold_id TEXT PRIMARY KEY,
        tenant TEXT NOT NULL,
        accounts TEXT NOT NULL,
        amount_microusd INTEGER NOT NULL CHECK (amount_microusd >= 0),
        expires_ms INTEGER NOT NULL,
        lapsed INTEGER NOT NULL CHECK (lapsed IN (0, 1))
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER budget_accounts_no_delete BEFORE DELETE ON budget_accounts
    BEGIN SELECT RAISE(ABORT, 'what was spent is never forgotten'); END
    """,
    """
    CREATE TRIGGER budget_accounts_identity BEFORE UPDATE OF tenant, scope, key ON budget_accounts
    BEGIN SELECT RAISE(ABORT, 'whose an account is never changes'); END
    """,
    """
    CREATE TRIGGER budget_holds_identity BEFORE UPDATE ON budget_holds
    WHEN NEW.hold_id <> OLD.hold_id OR NEW.tenant <> OLD.tenant OR NEW.accounts <> OLD.accounts
        OR NEW.amount_microusd < OLD.amount_microusd
    BEGIN SELECT RAISE(ABORT, 'a hold only ever grows until it is settled'); END
    """,
)

ESTIMATES = (
    # The evidence alone: an estimate adds the one success and one failure that it starts at.
    """
    CREATE TABLE estimates (
        policy TEXT NOT NULL,
        intent TEXT NOT NULL,
        target TEXT NOT NULL,
        successes REAL NOT NULL CHECK (successes >= 0),
        failures REAL NOT NULL CHECK (failures >= 0),
        PRIMARY KEY (policy, intent, target)
    ) WITHOUT ROWID
    """,
    # What has been counted, so that nothing is counted twice.
    """
    CREATE TABLE lessons (
        decision_id TEXT NOT NULL,
        target TEXT NOT NULL,
        kind TEXT NOT NULL,
        at_ms INTEGER NOT NULL,
        PRIMARY KEY (decision_id, target, kind)
    ) WITHOUT ROWID
    """,
    """
    CREATE TRIGGER lessons_no_update BEFORE UPDATE ON lessons
    BEGIN SELECT RAISE(ABORT, 'a lesson counts once'); END
    """,
    """
    CREATE TRIGGER lessons_no_delete BEFORE DELETE ON lessons
    BEGIN SELECT RAISE(ABORT, 'a lesson counts once'); END
    """,
)
