"""A fault of our own in the middle of a batch fails one question, whose words go nowhere."""

from pathlib import Path

import pytest

from mcp_router.cli.batch import Batch, Plan
from mcp_router.cli.questions import Question
from mcp_router.sandbox.fleet import Sandbox
from tests.end_to_end.faulty import CANARY, faulty
from tests.end_to_end.harness import opened, settle


async def test_a_fault_is_logged_without_the_question_that_it_quotes(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with opened(settle(tmp_path, sandbox)) as app:
        batch = Batch(faulty(app), Plan(concurrency=1), None)
        await batch.run(iter([Question(line=1, text=CANARY, end=1)]))

    assert batch.summary.errors == {"internal_error": 1}
    assert CANARY not in caplog.text
    assert "failed: ValueError at " in caplog.text
