"""Control: AWS Lambda Powertools' idempotency utility around the send, over SQLite.

Its documentation ("Bring your own persistent store") asks for a subclass of
`BasePersistenceLayer`; conditions are those of its own DynamoDB layer. Outside a handler a context
with the remaining time has to be registered, or a record that a crash left in progress would block
its key for an hour. It sends twice because any exception deletes the record, a lost answer
included, and because a record in progress expires and is then carried out again.
"""

import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyItemAlreadyExistsError,
    IdempotencyItemNotFoundError,
)
from aws_lambda_powertools.utilities.idempotency.persistence.base import (
    BasePersistenceLayer,
    DataRecord,
)

from benchmarks.torture.access import DeskAccess
from benchmarks.torture.controls.sender import TIMEOUT_S, Sender, try_again
from benchmarks.torture.controls.wishes import Wish, serve_each

_FUNCTION_TIMEOUT_S = TIMEOUT_S + 0.5
_PAUSE_S = 0.1
_SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    id TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    expiry INTEGER,
    in_progress_expiry INTEGER,
    data TEXT,
    payload_hash TEXT
)
"""
_PUT = """
INSERT INTO records (id, status, expiry, in_progress_expiry, payload_hash)
VALUES (:id, :status, :expiry, :in_progress_expiry, :payload_hash)
ON CONFLICT (id) DO UPDATE SET status = excluded.status, expiry = excluded.expiry,
    in_progress_expiry = excluded.in_progress_expiry, payload_hash = excluded.payload_hash,
    data = NULL
WHERE expiry < :now_ms / 1000
   OR (status = 'INPROGRESS' AND in_progress_expiry < :now_ms)
"""


def serve(
    requests: TextIO,
    answers: TextIO,
    desk: DeskAccess,
    folder: Path,
    failpoint: Callable[[str], None],
) -> None:
    """Serve wishes until the input ends."""
    config = IdempotencyConfig(event_key_jmespath="key", lambda_context=FunctionContext())
    layer = SqliteLayer(folder / "powertools.db", failpoint)

    with Sender(desk) as sender:

        @idempotent_function(data_keyword_argument="order", persistence_store=layer, config=config)  # type: ignore[untyped-decorator]  # not every machine has the package, so mypy skips it
        def reply(*, order: dict[str, str]) -> dict[str, bool]:
            failpoint("before_send")
            sender.reply(Wish(**order))
            failpoint("after_send")
            return {"sent": True}

        def act(wish: Wish) -> bool:
            order = {"key": wish.key, "ticket_id": wish.ticket_id, "body": wish.body}
            return try_again(lambda: _when_free(lambda: reply(order=order)))

        try:
            serve_each(requests, answers, act)
        finally:
            layer.close()


def _when_free(call: Callable[[], object]) -> None:
    """Wait while the record is in progress, for as long as that can last after a crash."""
    until_s = time.monotonic() + 2 * _FUNCTION_TIMEOUT_S

    while True:
        try:
            call()
            return
        except IdempotencyAlreadyInProgressError:
            if time.monotonic() > until_s:
                raise

            time.sleep(_PAUSE_S)


class FunctionContext:
    """What a Lambda runtime says of one invocation: how long it may still take."""

    def get_remaining_time_in_millis(self) -> int:
        """Return the whole time: each invocation is short and has just begun."""
        return int(_FUNCTION_TIMEOUT_S * 1000)


class SqliteLayer(BasePersistenceLayer):  # type: ignore[misc]  # mypy skips the package, see above
    """Records in one SQLite file, each change durable on return; one connection a thread."""

    def __init__(self, path: Path, failpoint: Callable[[str], None]) -> None:
        """Open the file, and create it where it is missing."""
        super().__init__()
        self._path = path
        self._failpoint = failpoint
        self._local = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self._connection().execute(_SCHEMA)

    def close(self) -> None:
        """Close every connection."""
        for connection in self._opened:
            connection.close()

    def _get_record(self, idempotency_key: str) -> DataRecord:
        row = self._connection().execute(
            "SELECT status, expiry, in_progress_expiry, data, payload_hash FROM records "
            "WHERE id = ?",
            (idempotency_key,),
        )
        found = row.fetchone()

        if found is None:
            raise IdempotencyItemNotFoundError

        status, expiry, in_progress_expiry, data, payload_hash = found
        return DataRecord(
            idempotency_key=idempotency_key,
            status=status,
            expiry_timestamp=expiry,
            in_progress_expiry_timestamp=in_progress_expiry,
            response_data=data or "",
            payload_hash=payload_hash,
        )

    def _put_record(self, data_record: DataRecord) -> None:
        done = self._connection().execute(
            _PUT,
            {
                "id": data_record.idempotency_key,
                "status": data_record.status,
                "expiry": data_record.expiry_timestamp,
                "in_progress_expiry": data_record.in_progress_expiry_timestamp,
                "payload_hash": data_record.payload_hash,
                "now_ms": int(time.time() * 1000),
            },
        )

        if done.rowcount == 0:
            raise IdempotencyItemAlreadyExistsError

    def _update_record(self, data_record: DataRecord) -> None:
        self._failpoint("before_save")
        self._connection().execute(
            "UPDATE records SET status = ?, expiry = ?, data = ?, payload_hash = ? WHERE id = ?",
            (
                data_record.status,
                data_record.expiry_timestamp,
                data_record.response_data,
                data_record.payload_hash,
                data_record.idempotency_key,
            ),
        )
        self._failpoint("after_save")

    def _delete_record(self, data_record: DataRecord) -> None:
        self._connection().execute(
            "DELETE FROM records WHERE id = ?", (data_record.idempotency_key,)
        )

    def _connection(self) -> sqlite3.Connection:
        """Return this thread's connection; it commits each statement, on disk."""
        existing: sqlite3.Connection | None = getattr(self._local, "connection", None)

        if existing is not None:
            return existing

        connection = sqlite3.connect(
            self._path, timeout=30, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        self._local.connection = connection
        self._opened.append(connection)
        return connection
