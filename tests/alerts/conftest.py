"""A receiver and a store of one's own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcp_router.testing.alerts import MemoryAlerts
from mcp_router.testing.clock import ManualClock
from mcp_router.testing.stores import MemoryRecords
from tests.alerts.parts import House
from tests.alerts.receiver import Receiver, receiving


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with receiving(tmp_path) as opened:
        yield opened


@pytest.fixture
def house() -> House:
    clock, records = ManualClock(), MemoryRecords()
    return House(clock=clock, records=records, store=MemoryAlerts(clock, records))
