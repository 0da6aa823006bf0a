"""The same bench on each kind of store."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.ledger.bench import Bench, open_bench


@pytest.fixture(params=["sqlite", "memory"])
async def bench(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Bench]:
    async with open_bench(request.param, tmp_path) as one:
        yield one
