"""The room that is held on the disk: really taken, given up at once, taken again only when safe."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_router.storage.sqlite.reserve import Reserve

MEGABYTE = 1024 * 1024


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


@pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="elsewhere room is tried by writing it full"
)
def test_a_disk_without_that_much_room_is_used_without_it(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path, 2**60)

    assert not reserve.held
    assert not reserve.fill()
    assert not reserve.spend()
    assert reserve.on_disk_bytes() == 0
    reserve.close()
