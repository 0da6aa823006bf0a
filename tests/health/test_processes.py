"""Real processes over one database: what one has seen the others know, and one of all probes."""

import json
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TextIO

import pytest

from mcp_router.clock import SystemClock
from mcp_router.domain.health import BreakerState, TargetHealth
from mcp_router.health.board import HealthBoard
from mcp_router.storage.store import open_store
from tests.source_tree import CHECKOUT
from tests.storage.postgres.server import fresh_url

PROCESSES = 3


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder / 'router.db'}"


def postgres_url(folder: Path) -> str:
    return fresh_url()


@pytest.fixture(params=[sqlite_url, postgres_url], ids=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    making: Callable[[Path], str] = request.param
    return making(tmp_path)


def start(url: str, name: str, work: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.health.prober", url, name, work],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
    )


def streams(child: "subprocess.Popen[str]") -> tuple[TextIO, TextIO]:
    assert child.stdin is not None
    assert child.stdout is not None
    return child.stdin, child.stdout  # type: ignore[return-value]  # pipes in text mode


async def test_what_a_process_has_seen_outlives_it_and_one_of_all_probes(url: str) -> None:
    with start(url, "first", "fail") as first:
        assert streams(first)[1].readline() == "failed\n"

    store = open_store(url)
    board = HealthBoard(store.health, SystemClock(), process="observer")
    await board.refresh()
    assert board.of("haiku") == TargetHealth(
        breaker=BreakerState.HALF_OPEN, attempts=5, success=0.0
    )

    with ExitStack() as stack:
        children = [
            stack.enter_context(start(url, f"p{number}", "probe")) for number in range(PROCESSES)
        ]

        for child in children:
            assert streams(child)[1].readline() == "ready\n"

        for child in children:
            streams(child)[0].write("go\n")
            streams(child)[0].flush()

        admitted = [json.loads(streams(child)[1].readline()) for child in children]

    assert sorted(admitted) == [0] * (PROCESSES - 1) + [1]
    await board.refresh()
    assert board.of("haiku").breaker is BreakerState.OPEN
    await store.aclose()
