"""A log that was pruned, or only half: what is left of it is whole."""

from pathlib import Path

import pytest

from mcp_router.audit.check import Evidence, verify_store
from mcp_router.audit.verify import Fault, Report
from mcp_router.storage.store import open_archive
from tests.audit.logs import (
    HEADS,
    LAST,
    SIGNER,
    Kept,
    unlocked,
    written,
)
from tests.audit.prunings import prune

EVIDENCE = Evidence(public_key=SIGNER.public_key)


@pytest.fixture
async def kept(tmp_path: Path) -> Kept:
    return await written(tmp_path)


def verified(url: str) -> Report:
    with open_archive(url) as archive:
        return verify_store(archive, EVIDENCE)


async def test_what_an_interrupted_pruning_left_is_no_part_of_the_log(kept: Kept) -> None:
    await prune(kept.url, 2, sweep=5)

    report = verified(kept.url)

    assert (report.finding, report.first, report.last) == (None, HEADS[1] + 1, LAST + 1)
    assert "16 rows that were pruned are not deleted yet: `audit prune` does it." in report.notes

    with open_archive(kept.url) as archive:
        assert [seq for seq, *_ in archive.rows()] == list(range(HEADS[1] + 1, LAST + 2))
        assert archive.count() == LAST + 1 - HEADS[1]
        assert (archive.place("dec_20"), archive.place("dec_33")) == (0, 33)


async def test_a_row_where_none_ever_was_shows_in_a_log_that_was_pruned(kept: Kept) -> None:
    await prune(kept.url, 2, sweep=5)

    with unlocked(kept) as tables:
        tables.execute("UPDATE decisions SET seq = -7 WHERE seq = 12")

    finding = verified(kept.url).finding
    assert finding is not None
    assert (finding.fault, finding.seq) == (Fault.MISPLACED, -7)
