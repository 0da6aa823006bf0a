"""One sequence and one chain, however many replicas append, and whatever the log was before."""

import asyncio

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from mcp_router.audit.check import Evidence, verify_store
from mcp_router.audit.verify import Fault, Report
from mcp_router.storage.postgres.schema import MIGRATIONS, migrate
from mcp_router.storage.records import COLUMNS, record_values
from mcp_router.storage.store import open_archive, open_store
from tests.audit.logs import SIGNER, keeper_of
from tests.storage.postgres.server import connect
from tests.storage.rows import record

REPLICAS = 4
EACH = 60


def verified(url: str, public_key: str | None = SIGNER.public_key) -> Report:
    with open_archive(url) as archive:
        return verify_store(archive, Evidence(public_key=public_key))


async def test_replicas_write_one_sequence_without_gaps_and_forks(url: str) -> None:
    stores = [open_store(url) for _ in range(REPLICAS)]

    async def work(number: int) -> list[int]:
        store, keeper = stores[number], keeper_of(stores[number].heads)
        places = await asyncio.gather(
            *(store.decisions.append(record(f"{number}-{one}")) for one in range(EACH))
        )
        await keeper.sign()
        return list(places)

    places = await asyncio.gather(*(work(number) for number in range(REPLICAS)))

    for store in stores:
        await store.aclose()

    report = verified(url)
    assert (report.finding, report.rows) == (None, REPLICAS * EACH + 1)
    assert report.heads >= 1
    flat = [place for mine in places for place in mine]
    assert len(set(flat)) == REPLICAS * EACH
    assert max(flat) <= REPLICAS * EACH + 1


async def test_rows_that_were_there_before_are_linked(url: str) -> None:
    names = ", ".join((*COLUMNS, "record"))
    marks = ", ".join(["%s"] * (len(COLUMNS) + 1))

    async with await AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as old:
        await migrate(old, tuple(one for one in MIGRATIONS if one.name != "chain"))

        for number in range(1, 6):
            await old.execute(
                f"WITH head AS (UPDATE decisions_head SET last = last + 1) "
                f"INSERT INTO decisions (seq, {names}) VALUES ({number}, {marks})".encode(),
                record_values(record(str(number))),
            )

    store = open_store(url)
    assert await store.decisions.append(record("new")) == 6
    await store.aclose()

    report = verified(url, public_key=None)  # nothing is signed yet
    assert (report.finding, report.rows) == (None, 6)


async def test_the_owner_of_the_tables_tampers_and_it_shows(url: str) -> None:
    store = open_store(url)
    keeper = keeper_of(store.heads)

    for number in range(1, 9):
        await store.decisions.append(record(str(number)))

    await keeper.sign()
    await store.aclose()

    def after(statement: str) -> tuple[Fault, int] | None:
        with connect(url) as connection:
            for table in ("decisions", "tree_heads"):
                connection.execute(
                    f"CREATE TABLE IF NOT EXISTS kept_{table} AS TABLE {table}".encode()
                )

            connection.execute("SET session_replication_role = replica")  # no trigger fires
            connection.execute(statement.encode())
            finding = verified(url).finding

            for table in ("decisions", "tree_heads"):
                connection.execute(
                    f"DELETE FROM {table}; INSERT INTO {table} TABLE kept_{table}".encode()
                )

        return None if finding is None else (finding.fault, finding.seq)

    edit = "UPDATE decisions SET record = replace(record, 'ok', 'no') WHERE seq = 5"
    assert verified(url).finding is None
    assert after(edit) == (Fault.CHANGED, 5)
    assert after("DELETE FROM decisions WHERE seq = 3") == (Fault.MISSING, 3)
    assert after("DELETE FROM decisions WHERE seq > 7") == (Fault.MISSING, 8)
    assert after("UPDATE decisions SET tenant = 'x' WHERE seq = 2") == (Fault.COLUMNS, 2)
    assert after("UPDATE tree_heads SET root = repeat('0', 64)") == (Fault.HEAD, 9)
