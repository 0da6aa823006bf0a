"""One store of each kind in turn."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from mcp_router.audit.log import RecordStore
from mcp_router.ledger.ledger import ActionStore
from tests.contract.opened import Opened, inline, memory, postgres, sqlite


@pytest.fixture(params=[memory, inline, sqlite, postgres], ids=lambda kind: str(kind.__name__))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opened]:
    opening: Callable[[Path], AbstractAsyncContextManager[Opened]] = request.param

    async with opening(tmp_path) as opened:
        yield opened


@pytest.fixture
def actions(store: Opened) -> ActionStore:
    return store.actions


@pytest.fixture
def records(store: Opened) -> RecordStore:
    return store.records
