"""No command writes its output over what it reads, a database, a key or its settings."""

from pathlib import Path

import pytest

from mcp_router.sandbox.fleet import Sandbox
from mcp_router.storage.store import open_archive
from tests.cli.running import run
from tests.end_to_end.harness import Place, settle

QUESTION = "Where is my parcel?\n"


@pytest.fixture
def place(sandbox: Sandbox, tmp_path: Path) -> Place:
    """A configuration with a log of one call, an export of it, and the key that signed it."""
    place = settle(tmp_path, sandbox, packaged=True)
    (tmp_path / "questions.txt").write_text(QUESTION, encoding="utf-8")

    for command in (("route", "questions.txt"), ("audit", "export", "--output", "log.jsonl")):
        words = [str(tmp_path / one) if "." in one else one for one in command]
        assert run(*words, "--config", place.file).exit_code == 0

    return place


@pytest.mark.parametrize(
    "command",
    [
        ("route", "questions.txt", "--output", "questions.txt"),
        ("route", "questions.txt", "--output", "router.yaml"),
        ("route", "questions.txt", "--output", "router.db"),
        ("audit", "export", "--output", "router.db"),
        ("audit", "export", "--output", "audit-key.pem"),
        ("audit", "export", "--output", "router.yaml"),
        ("audit", "report", "--html", "router.db"),
        ("audit", "report", "--log", "log.jsonl", "--html", "log.jsonl"),
        ("policy", "replay", "--from", "log.jsonl", "--report", "log.jsonl"),
        ("policy", "replay", "--from", "log.jsonl", "--report", "router.yaml"),
        ("demo", "--picture", "router.db"),
    ],
)
def test_what_would_be_lost_is_not_written_over(place: Place, command: tuple[str, ...]) -> None:
    folder = place.file.parent
    before = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    words = [str(folder / one) if "." in one else one for one in command]

    refused = run(*words, *(() if command[0] == "demo" else ("--config", str(place.file))))

    assert refused.exit_code == 1
    assert refused.stderr.startswith("file_unusable: ")
    after = {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()}
    assert after == before


def test_a_link_stays_one(place: Place) -> None:
    link, target = place.file.parent / "link.jsonl", place.file.parent / "target.jsonl"
    link.symlink_to(target.name)

    assert run("audit", "export", "--output", link, "--config", place.file).exit_code == 0

    assert link.is_symlink()
    assert target.read_bytes().count(b"\n") > 1


def test_an_export_that_cannot_be_written_is_not_in_the_log(place: Place) -> None:
    with open_archive(place.storage) as archive:
        before = archive.count()

    refused = run(
        "audit", "export", "--output", place.file.parent / "no" / "log", "--config", place.file
    )

    with open_archive(place.storage) as archive:
        assert archive.count() == before

    assert refused.exit_code == 1
    assert refused.stderr.startswith("file_unusable: ")
