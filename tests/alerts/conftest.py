"""A receiver of one's own for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.alerts.receiver import Receiver, receiving


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[Receiver]:
    async with receiving(tmp_path) as opened:
        yield opened
