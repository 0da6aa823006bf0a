"""Powertools' idempotency utility around a function that does nothing, over the controls' layer."""

import itertools
import os
from pathlib import Path

from aws_lambda_powertools.utilities.idempotency import IdempotencyConfig, idempotent_function

from benchmarks.ledger_timing import Timing, drive_threads
from benchmarks.torture.controls.powertools import FunctionContext, SqliteLayer


def wrapped_calls(place: str, callers: int, seconds: float) -> Timing:
    """Call it with new keys: a durable record before the function and one after it."""
    layer = SqliteLayer(Path(place) / "powertools.db", lambda name: None)
    config = IdempotencyConfig(event_key_jmespath="key", lambda_context=FunctionContext())
    numbers = itertools.count(1)
    run = os.urandom(4).hex()

    @idempotent_function(data_keyword_argument="order", persistence_store=layer, config=config)  # type: ignore[untyped-decorator]  # not every machine has the package, so mypy skips it
    def reply(*, order: dict[str, str]) -> dict[str, bool]:
        return {"sent": True}

    def act() -> None:
        reply(order={"key": f"{run}-{next(numbers)}"})

    try:
        return drive_threads(act, callers, seconds)
    finally:
        layer.close()
