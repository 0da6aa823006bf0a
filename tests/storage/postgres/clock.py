"""The database's own clock in the hands of a test."""

from tests.storage.postgres.server import connect


class ServerClock:
    """Stands in for the clock of a store whose tables are there; it moves only when it is told."""

    def __init__(self, url: str) -> None:
        self._connection = connect(url)
        self._connection.execute(
            """
            CREATE TABLE test_clock AS SELECT mcp_router_now_ms() AS ms;
            CREATE OR REPLACE FUNCTION mcp_router_now_ms() RETURNS bigint LANGUAGE sql VOLATILE
                SET search_path FROM CURRENT AS 'SELECT ms FROM test_clock';
            """
        )

    def advance(self, seconds: float) -> None:
        self._connection.execute("UPDATE test_clock SET ms = ms + %s", (round(seconds * 1000),))

    def close(self) -> None:
        self._connection.close()
