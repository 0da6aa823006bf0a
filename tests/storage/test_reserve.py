"""The room that is held on the disk: really taken, given up at once, taken again only when safe."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_router.storage.sqlite.reserve import Reserve

MEGABYTE = 1024 * 1024
LIMITED = """
import resource, sys
from pathlib import Path
from mcp_router.storage.sqlite.reserve import Reserve

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
reserve = Reserve(Path(sys.argv[1]), 1_000_000)
print(reserve.held, reserve.on_disk_bytes(), reserve.spend(), reserve.fill())
"""


@pytest.fixture
def reserve(tmp_path: Path) -> Iterator[Reserve]:
    reserve = Reserve(tmp_path, MEGABYTE)
    yield reserve
    reserve.close()


def test_the_room_is_taken_and_has_no_name(reserve: Reserve, tmp_path: Path) -> None:
    assert reserve.held
    assert reserve.on_disk_bytes() >= MEGABYTE
    assert list(tmp_path.iterdir()) == []


def test_room_that_is_spent_is_free_and_spent_once_only(reserve: Reserve) -> None:
    assert reserve.spend()
    assert not reserve.held
    assert reserve.on_disk_bytes() == 0
    assert not reserve.spend()


def test_spent_room_is_taken_again_when_there_is_enough(reserve: Reserve) -> None:
    reserve.spend()

    assert reserve.fill()
    assert reserve.held
    assert MEGABYTE <= reserve.on_disk_bytes() < 2 * MEGABYTE


def test_a_disk_without_that_much_room_is_used_without_it(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 2**60)

    assert not reserve.held
    assert not reserve.fill()
    assert not reserve.spend()
    assert reserve.on_disk_bytes() == 0
    reserve.close()


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_where_no_file_may_be_so_large_there_is_nothing_to_hold(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", LIMITED, tmp_path],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert told.stdout == "True 0 True True\n"
