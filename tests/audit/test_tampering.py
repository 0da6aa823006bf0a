"""Whoever owns the database tampers with it in every way we know: it shows, and where."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mcp_router.audit.check import Evidence, verify_store
from mcp_router.audit.heads import HeadPace
from mcp_router.audit.verify import Fault, Report
from mcp_router.errors import LogBroken
from mcp_router.storage.store import open_archive, open_store
from tests.audit.logs import (
    FORGER,
    HEADS,
    LAST,
    SIGNER,
    Kept,
    Tables,
    keeper_of,
    rechain,
    resign,
    unlocked,
    written,
)
from tests.storage.rows import record

Tamper = Callable[[Tables], object]


def verified(kept: Kept, evidence: Evidence | None = None) -> Report:
    with open_archive(kept.url) as archive:
        return verify_store(archive, evidence or Evidence(public_key=SIGNER.public_key))


def found(report: Report) -> tuple[Fault, int, int] | None:
    one = report.finding
    return None if one is None else (one.fault, one.seq, one.upto)


def edit(seq: int) -> str:
    return (
        'UPDATE decisions SET record = replace(record, \'"outcome":"ok"\', '
        f"'\"outcome\":\"no\"'), outcome = 'no' WHERE seq = {seq}"
    )


def script(*statements: str) -> Tamper:
    return lambda tables: [tables.execute(one) for one in statements]


def with_chain(*statements: str) -> Tamper:
    def tamper(tables: Tables) -> None:
        script(*statements)(tables)
        rechain(tables)

    return tamper


def with_leaf(tables: Tables) -> None:
    """Edit a row and compute its leaf anew, but not its link."""
    with_chain(edit(5))(tables)
    tables.execute("UPDATE decisions SET chain = ? WHERE seq = 5", (bytes(32),))


def without_heads(tables: Tables) -> None:
    with_chain(edit(5))(tables)
    tables.execute("DELETE FROM tree_heads")


def with_heads(*statements: str, key: str = "") -> Tamper:
    """Chain and heads computed anew; with the key's row if there is one, else not signed anew."""

    def tamper(tables: Tables) -> None:
        with_chain(*statements)(tables)
        resign(tables, FORGER if key else None)

        if key:
            tables.execute(key, (FORGER.key_id, FORGER.public_key))

    return tamper


ADD_KEY = "INSERT INTO log_keys (key_id, public_key, at_ms) VALUES (?, ?, 1)"
SWAP_KEY = "UPDATE log_keys SET key_id = ?, public_key = ?"
SHIFT = "UPDATE decisions SET seq = -seq - {by} WHERE seq > {seq}"
BACK = "UPDATE decisions SET seq = -seq WHERE seq < 0"
COPY = (
    "INSERT INTO decisions SELECT {seq}, 'forged', at_ms, tenant, tool, outcome, run_id, "
    "ticket_id, policy, pool, intent, target, action_id, error_code, cost_microusd, latency_ms, "
    "replace(record, decision_id, 'forged'), leaf, chain FROM decisions WHERE seq = 5"
)
LOWEST = -(2**63)
TRUNCATE = "DELETE FROM decisions WHERE seq > {}"
FORGET = "UPDATE sqlite_sequence SET seq = {} WHERE name = 'decisions'"
PRUNE = "INSERT INTO prunings VALUES (11, 0)"

TAMPERED: dict[str, tuple[Tamper, tuple[Fault, int, int]]] = {
    "edited": (script(edit(5)), (Fault.CHANGED, 5, 5)),
    "edited, first row": (script(edit(1)), (Fault.CHANGED, 1, 1)),
    "edited, in the tail": (script(edit(33)), (Fault.CHANGED, 33, 33)),
    "edited twice": (script(edit(20), edit(7)), (Fault.CHANGED, 7, 7)),
    "a space added": (
        script("UPDATE decisions SET record = record || ' ' WHERE seq = 5"),
        (Fault.CHANGED, 5, 5),
    ),
    "no JSON any more": (
        script("UPDATE decisions SET record = 'x' WHERE seq = 5"),
        (Fault.CHANGED, 5, 5),
    ),
    "bytes for a text": (
        script("UPDATE decisions SET record = CAST(record AS BLOB) WHERE seq = 5"),
        (Fault.CHANGED, 5, 5),
    ),
    "no UTF-8 any more": (
        script("UPDATE decisions SET record = CAST(CAST(record AS BLOB) || x'ff' AS TEXT)"),
        (Fault.CHANGED, 1, 1),
    ),
    "a column that is no UTF-8": (
        script("UPDATE decisions SET tenant = CAST(x'ff' AS TEXT) WHERE seq = 5"),
        (Fault.COLUMNS, 5, 5),
    ),
    "a head that is no UTF-8": (
        script("UPDATE tree_heads SET root = CAST(x'ff' AS TEXT) WHERE size = 21"),
        (Fault.HEAD, 21, 21),
    ),
    "edited, with its leaf": (with_leaf, (Fault.CHAIN, 5, 5)),
    "leaf taken away": (
        script("UPDATE decisions SET leaf = NULL WHERE seq = 5"),
        (Fault.CHANGED, 5, 5),
    ),
    "link taken away": (
        script("UPDATE decisions SET chain = NULL WHERE seq = 5"),
        (Fault.CHAIN, 5, 5),
    ),
    "edited, with leaf and chain": (with_chain(edit(5)), (Fault.REWRITTEN, 1, 11)),
    "edited later, with leaf and chain": (with_chain(edit(15)), (Fault.REWRITTEN, 12, 21)),
    "edited, with chain and heads": (with_heads(edit(5)), (Fault.HEAD, 11, 11)),
    "edited, resigned with a key put in": (with_heads(edit(5), key=ADD_KEY), (Fault.HEAD, 11, 11)),
    "edited, resigned, the key swapped": (
        with_heads(edit(25), key=SWAP_KEY),
        (Fault.HEAD, 11, 11),
    ),
    "resigned, nothing edited": (with_heads(key=SWAP_KEY), (Fault.HEAD, 11, 11)),
    "a column edited": (
        script("UPDATE decisions SET tenant = 'acme' WHERE seq = 8"),
        (Fault.COLUMNS, 8, 8),
    ),
    "a column emptied": (
        script("UPDATE decisions SET ticket_id = '7' WHERE seq = 8"),
        (Fault.COLUMNS, 8, 8),
    ),
    "deleted": (script("DELETE FROM decisions WHERE seq = 5"), (Fault.MISSING, 5, 5)),
    "the first deleted": (script("DELETE FROM decisions WHERE seq = 1"), (Fault.MISSING, 1, 1)),
    "several deleted": (
        script("DELETE FROM decisions WHERE seq BETWEEN 5 AND 8"),
        (Fault.MISSING, 5, 8),
    ),
    "deleted, the rest moved up": (
        script("DELETE FROM decisions WHERE seq = 5", SHIFT.format(by=-1, seq=5), BACK),
        (Fault.CHANGED, 5, 5),
    ),
    "deleted, moved up, rechained": (
        with_chain("DELETE FROM decisions WHERE seq = 5", SHIFT.format(by=-1, seq=5), BACK),
        (Fault.REWRITTEN, 1, 11),
    ),
    "everything deleted": (script("DELETE FROM decisions"), (Fault.MISSING, 1, 11)),
    "two swapped": (
        script(
            "UPDATE decisions SET seq = -5 WHERE seq = 5",
            "UPDATE decisions SET seq = 5 WHERE seq = 6",
            "UPDATE decisions SET seq = 6 WHERE seq = -5",
        ),
        (Fault.CHANGED, 5, 5),
    ),
    "two swapped, rechained": (
        with_chain(
            "UPDATE decisions SET seq = -15 WHERE seq = 15",
            "UPDATE decisions SET seq = 15 WHERE seq = 16",
            "UPDATE decisions SET seq = 16 WHERE seq = -15",
        ),
        (Fault.REWRITTEN, 12, 21),
    ),
    "moved to another place": (
        script("UPDATE decisions SET seq = 99 WHERE seq = 5"),
        (Fault.MISSING, 5, 5),
    ),
    "put before the first": (
        script("UPDATE decisions SET seq = 0 WHERE seq = 5"),
        (Fault.MISPLACED, 0, 0),
    ),
    "forged before the first": (script(COPY.format(seq=-3)), (Fault.MISPLACED, -3, -3)),
    "forged at the lowest place": (
        script(COPY.format(seq=LOWEST)),
        (Fault.MISPLACED, LOWEST, LOWEST),
    ),
    "a copy put in between": (
        script(SHIFT.format(by=1, seq=7), BACK, COPY.format(seq=8)),
        (Fault.CHANGED, 8, 8),
    ),
    "a copy put in between, rechained": (
        with_chain(SHIFT.format(by=1, seq=7), BACK, COPY.format(seq=8)),
        (Fault.REWRITTEN, 1, 11),
    ),
    "forged at the end": (script(COPY.format(seq=35)), (Fault.CHANGED, 35, 35)),
    "forged far away": (script(COPY.format(seq=99)), (Fault.MISSING, 35, 98)),
    "the tail cut off": (script(TRUNCATE.format(32)), (Fault.MISSING, 33, 34)),
    "cut off below a head": (script(TRUNCATE.format(25)), (Fault.MISSING, 26, 31)),
    "cut off below a head, and told so": (
        script(TRUNCATE.format(25), FORGET.format(25)),
        (Fault.MISSING, 26, 31),
    ),
    "a head deleted": (script("DELETE FROM tree_heads WHERE size = 21"), (Fault.HEAD, 31, 31)),
    "the first head deleted": (
        script("DELETE FROM tree_heads WHERE size = 11"),
        (Fault.HEAD, 21, 21),
    ),
    "heads swapped": (
        script(
            "UPDATE tree_heads SET signature = (SELECT signature FROM tree_heads WHERE size = 31) "
            "WHERE size = 21"
        ),
        (Fault.HEAD, 21, 21),
    ),
    "a head moved": (
        script("UPDATE tree_heads SET size = 20 WHERE size = 21"),
        (Fault.HEAD, 20, 20),
    ),
    "a head's time changed": (
        script("UPDATE tree_heads SET at_ms = 1 WHERE size = 21"),
        (Fault.HEAD, 21, 21),
    ),
    "a proof between heads changed": (
        script("UPDATE tree_heads SET consistency = '[]' WHERE size = 21"),
        (Fault.HEAD, 21, 21),
    ),
    "a proof between heads damaged": (
        script("UPDATE tree_heads SET consistency = '[\"x\"]' WHERE size = 21"),
        (Fault.HEAD, 21, 21),
    ),
    "a frontier changed": (
        script("UPDATE tree_heads SET frontier = '[]' WHERE size = 21"),
        (Fault.HEAD, 21, 21),
    ),
    "the key taken away": (
        with_heads(edit(5), key="INSERT INTO log_keys SELECT ?, ?, 1, NULL, NULL, NULL LIMIT 0"),
        (Fault.HEAD, 11, 11),
    ),
    "deeply nested, with leaf and chain": (
        with_chain(f"UPDATE decisions SET record = '{'[' * 10**5}' WHERE seq = 5"),
        (Fault.COLUMNS, 5, 5),
    ),
    "pruned by hand": (
        script(PRUNE, "DELETE FROM decisions WHERE seq <= 11"),
        (Fault.MISSING, 1, 11),
    ),
    "pruned by hand, and rows left": (
        script(PRUNE, "DELETE FROM decisions WHERE seq <= 10"),
        (Fault.MISSING, 1, 11),
    ),
    "pruned beyond any head": (
        script("INSERT INTO prunings VALUES (15, 0)", "DELETE FROM decisions WHERE seq <= 15"),
        (Fault.HEAD, 15, 15),
    ),
}


def test_the_log_as_it_was_written_is_whole(kept: Kept) -> None:
    report = verified(kept, Evidence(public_key=SIGNER.public_key, anchor=kept.anchor))

    assert (report.finding, report.first, report.last, report.rows) == (None, 1, LAST, LAST)
    assert (report.heads, report.signed) == (2 * len(HEADS), HEADS[-1])
    assert report.notes == ("No head covers the last 3 rows yet.",)


@pytest.mark.parametrize("how", TAMPERED)
def test_it_shows(kept: Kept, how: str) -> None:
    tamper, expected = TAMPERED[how]

    with unlocked(kept) as tables:
        tamper(tables)

    assert found(verified(kept)) == expected


# What the keeper can do where nobody has a head from outside, and what an anchor makes of it.
ANCHORED: dict[str, tuple[Tamper, tuple[Fault, int, int]]] = {
    "cut off, with the heads": (
        script(TRUNCATE.format(25), FORGET.format(25), "DELETE FROM tree_heads WHERE size > 25"),
        (Fault.MISSING, 26, 31),
    ),
    "cut off below every head, with all of them": (
        script(TRUNCATE.format(9), FORGET.format(9), "DELETE FROM tree_heads"),
        (Fault.MISSING, 10, 11),
    ),
    "rewritten, with all heads deleted": (
        without_heads,
        (Fault.REWRITTEN, 1, 11),
    ),
    "all heads deleted": (script("DELETE FROM tree_heads"), (Fault.HEAD, 11, 11)),
    "the last head deleted": (
        script("DELETE FROM tree_heads WHERE size = 31"),
        (Fault.HEAD, 31, 31),
    ),
}


@pytest.mark.parametrize("how", ANCHORED)
def test_an_anchor_shows_what_the_keeper_could_hide(kept: Kept, how: str) -> None:
    tamper, expected = ANCHORED[how]
    anchored = Evidence(public_key=SIGNER.public_key, anchor=kept.anchor)

    with unlocked(kept) as tables:
        tamper(tables)

    assert found(verified(kept, anchored)) == expected
    assert found(verified(kept, Evidence())) is None


@pytest.mark.parametrize("how", [one for one in ANCHORED if "all" in one])
def test_a_log_without_any_head_is_not_proven_to_who_knows_the_key(kept: Kept, how: str) -> None:
    tamper, _ = ANCHORED[how]

    with unlocked(kept) as tables:
        tamper(tables)

    report = verified(kept)
    assert found(report) == (Fault.HEAD, 1, report.last)


def test_a_log_made_anew_with_a_key_of_its_own_shows_only_to_who_knows_the_key(
    kept: Kept,
) -> None:
    with unlocked(kept) as tables:
        with_heads(edit(5), key=SWAP_KEY)(tables)

    alone = verified(kept, Evidence())

    assert alone.finding is None
    assert alone.notes[0].startswith("No public key was given")
    assert found(verified(kept, Evidence(anchor=kept.anchor))) == (Fault.HEAD, 11, 11)
    assert found(verified(kept)) == (Fault.HEAD, 11, 11)


def test_a_root_that_somebody_wrote_down_is_looked_for(kept: Kept) -> None:
    whole = verified(kept)

    def expecting(root: str) -> tuple[Fault, int, int] | None:
        return found(verified(kept, Evidence(public_key=SIGNER.public_key, root=root)))

    with unlocked(kept) as tables:
        roots = [root for (root,) in tables.execute("SELECT root FROM tree_heads")]

    assert [expecting(root) for root in (*roots, whole.root)] == [None] * 4
    assert expecting("00" * 32) == (Fault.REWRITTEN, 1, LAST)


async def test_a_row_that_is_no_utf8_any_more_stops_the_signing_with_an_alarm(kept: Kept) -> None:
    with unlocked(kept) as tables:
        tables.execute(
            "UPDATE decisions SET record = CAST(CAST(record AS BLOB) || x'ff' AS TEXT) "
            "WHERE seq = 33"
        )

    alarms: list[LogBroken] = []
    store = open_store(kept.url)
    keeper = keeper_of(store.heads, pace=HeadPace(every_rows=1), alarm=alarms.append)
    await keeper.work()
    await store.aclose()

    assert [one.message for one in alarms] == ["Row 33 of the decision log was changed."]


@pytest.mark.parametrize("column", [None, 0])
async def test_a_column_that_is_emptied_says_something_else_than_the_word_for_it(
    tmp_path: Path, column: int | None
) -> None:
    mine = await written(tmp_path)
    store = open_store(mine.url)
    await store.decisions.append(replace(record("none"), run_id=str(column)))
    await store.aclose()
    assert verified(mine).finding is None

    with unlocked(mine) as tables:
        tables.execute(f"UPDATE decisions SET run_id = NULL WHERE seq = {LAST + 1}")

    assert found(verified(mine)) == (Fault.COLUMNS, LAST + 1, LAST + 1)
