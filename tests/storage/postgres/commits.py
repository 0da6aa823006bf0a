"""Commits that are held up at a moment of the test's choice."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
from psycopg import errors
from psycopg.rows import DictRow

from tests.storage.postgres.server import connect

KILL = "SELECT pg_terminate_backend(%s, 5000)"


@contextmanager
def commits_that_wait_for_a_standby(admin: psycopg.Connection[DictRow]) -> Iterator[None]:
    """Within the block a commit is on disk, and then waits for an answer that never comes."""
    admin.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    admin.execute("SELECT pg_reload_conf()")

    try:
        wait_until_commits_wait(admin)
        yield
    finally:
        admin.execute("ALTER SYSTEM RESET synchronous_standby_names")
        admin.execute("SELECT pg_reload_conf()")


def wait_until_commits_wait(admin: psycopg.Connection[DictRow]) -> None:
    """Commit until one waits: the server takes its settings up in a while, and tells nobody."""
    given_up: list[errors.Diagnostic] = []

    with connect() as probe, ThreadPoolExecutor(max_workers=1) as thread:
        probe.add_notice_handler(given_up.append)

        def commit() -> None:
            while not given_up:
                probe.execute("SELECT pg_logical_emit_message(true, 'test', '')")

        committing = thread.submit(commit)

        while not committing.done():
            admin.execute(
                "SELECT pg_cancel_backend(pid), pg_sleep(0.005) FROM pg_stat_activity "
                "WHERE pid = %s AND wait_event = 'SyncRep'",
                (probe.info.backend_pid,),
            )

        committing.result()


@contextmanager
def commits_that_wait_to_begin(url: str, table: str) -> Iterator[None]:
    """Within the block a commit is asked for, and then waits before it does anything."""
    with connect(url) as connection:
        connection.execute(
            f"""
            CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $body$
            BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NULL; END $body$;
            CREATE CONSTRAINT TRIGGER wait AFTER INSERT OR UPDATE ON {table}
                DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wait();
            """.encode()
        )
        connection.execute("SELECT pg_advisory_lock(42)")
        yield
        connection.execute("SELECT pg_advisory_unlock(42)")
