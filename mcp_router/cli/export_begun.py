"""What an export that has begun leaves beside its file, for --resume or to be taken back."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mcp_router.audit.export import PARTS, Format
from mcp_router.audit.sources import MANIFEST, PROOFS
from mcp_router.cli.audit_evidence import RowsPruned
from mcp_router.cli.printing import unwritable
from mcp_router.domain.selection import Selection
from mcp_router.errors import StorageUnavailable

WINDOW = ".window.json"
"""Ends the name of the file with the times that an unfinished export was begun with."""

Given = tuple[str | None, str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Before:
    """How an export's file was found: `length` is what it had, None where it is written anew."""

    output: Path
    kind: Format
    length: int | None

    def beside(self, ending: str) -> Path:
        """Return the file beside it whose name ends so."""
        return self.output.with_name(self.output.name + ending)

    def take_back(self) -> None:
        """Leave nothing of what has been written since."""
        shutil.rmtree(self.beside(PARTS), ignore_errors=True)

        if self.kind is Format.PARQUET:  # its file is there only once it is whole
            return

        if self.length is not None:
            os.truncate(self.output, self.length)
            return

        for ending in ("", MANIFEST, PROOFS):
            self.beside(ending).unlink(missing_ok=True)


@contextmanager
def begun(
    output: Path | None, kind: Format, chosen: Selection, *, given: Given, resume: bool
) -> Iterator[Selection]:
    """Yield what an export selects: at --resume with the times that it was begun with.

    `given` are --from and --to as they were written: an age names another time each time. What
    was written is taken back where rows were pruned meanwhile; any other end leaves it.

    Raises:
        FileUnusable: the file's folder cannot be written to.
        StorageUnavailable: rows were pruned meanwhile.
    """
    try:
        with _beside(output, kind, chosen, given, resume=resume) as selection:
            yield selection
    except RowsPruned:
        raise StorageUnavailable(
            "Rows were pruned while the log was exported; what was written is not all of it.",
            next_step="Export again.",
        ) from None


@contextmanager
def _beside(
    output: Path | None, kind: Format, chosen: Selection, given: Given, *, resume: bool
) -> Iterator[Selection]:
    """Yield the selection, and keep or take back what is beside the file."""
    if output is None or _is_device(output):
        yield chosen
        return

    try:
        going_on = resume and (output.exists() or output.with_name(output.name + PARTS).exists())
        length = output.stat().st_size if going_on and output.exists() else None
        before = _Before(output=output, kind=kind, length=length)
        window = before.beside(WINDOW)

        if going_on:
            chosen = _resolved(window, chosen, given)
        elif given != (None, None):
            window.write_text(_told(chosen, given), encoding="utf-8")
        else:
            window.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(error) from None

    try:
        yield chosen
    except RowsPruned:
        before.take_back()

        if not going_on:
            window.unlink(missing_ok=True)

        raise

    window.unlink(missing_ok=True)


def _is_device(output: Path) -> bool:
    """Return whether something is there that is no file, and cannot be gone on with."""
    try:
        return output.exists() and not output.is_file()
    except OSError as error:
        raise unwritable(error) from None


def _told(chosen: Selection, given: Given) -> str:
    """Return the times as the file beside an unfinished export keeps them."""
    since, until = given
    return json.dumps(
        {"from": since, "to": until, "since_ms": chosen.since_ms, "until_ms": chosen.until_ms}
    )


def _resolved(window: Path, chosen: Selection, given: Given) -> Selection:
    """Return the selection with the times that are kept, if they are of the same options."""
    try:
        kept = json.loads(window.read_text(encoding="utf-8"))
        same = (kept["from"], kept["to"]) == given
        since_ms, until_ms = kept["since_ms"], kept["until_ms"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return chosen  # what is not the beginning of the export will show by its content

    return replace(chosen, since_ms=since_ms, until_ms=until_ms) if same else chosen
