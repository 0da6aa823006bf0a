"""What makes an export evidence: its event in the log, a signed head, a manifest, proofs."""

import json
import os
import random
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import anyio
import click

from mcp_router.alerts.alerts import Alerts
from mcp_router.audit.export import Format
from mcp_router.audit.heads import HeadKeeper, audit_record
from mcp_router.audit.manifest import Gaps, Made, manifest
from mcp_router.audit.signing import open_signer
from mcp_router.audit.sources import MANIFEST, PROOFS, before_store
from mcp_router.audit.verify import Before, Broken, Finding
from mcp_router.cli.common import whoever
from mcp_router.cli.printing import unwritable
from mcp_router.clock import SystemClock
from mcp_router.domain.audit_event import AuditChange, AuditEvent
from mcp_router.domain.tree_head import ExportRow, SignedHead
from mcp_router.errors import LogBroken, RouterError, SigningKeyUnusable, StorageUnavailable
from mcp_router.settings import Settings
from mcp_router.storage.store import Archive, Store, open_store

T = TypeVar("T")


class RowsPruned(Exception):
    """Rows were pruned while the log was exported, so that some may be missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """Where an export begins and ends, and the head over exactly that, if one could be signed.

    What was pruned before it, and what a manifest says of that, is of before any row was read.
    """

    pruned: int = 0
    before: Before = field(default_factory=Before)
    last: int
    signed: SignedHead | None = None


def on_log(settings: Settings, work: Callable[[HeadKeeper, Store], Awaitable[T]]) -> T:
    """Return what `work` comes to on the log; a server may be running on it."""

    async def job() -> T:
        async with aclosing(open_store(settings.storage)) as store:
            keeper = HeadKeeper(
                store.heads, SystemClock(), os.urandom, signer=lambda: open_signer(settings.audit)
            )
            return await work(keeper, store)

    return anyio.run(job)


def raise_alarm(settings: Settings, finding: Finding) -> None:
    """Tell every sink of alerts that the log is broken; what cannot be sent now a server sends."""
    if not settings.alerts.sinks:
        return

    async def job() -> None:
        async with (
            aclosing(open_store(settings.storage)) as store,
            aclosing(
                Alerts(
                    settings.alerts, store.alerts, SystemClock(), os.urandom, jitter=random.random
                )
            ) as alerts,
        ):
            alerts.verification_failed(source="store", seq=finding.seq, problem=finding.fault)
            await alerts.work()

    try:
        anyio.run(job)
    except StorageUnavailable as error:
        click.echo(f"Nobody could be told: {error.message}", err=True)


def cut_off(
    settings: Settings, archive: Archive, *, kind: str, tenant: str | None, sign: bool
) -> Cut:
    """Return where an export that begins now begins and ends, after its event is in the log.

    Who can only read the database exports all the same, and is told what is missing then.

    Raises:
        LogBroken: the log is not what was written, or what was pruned cannot be gone on from.
    """
    pruned = archive.pruned()
    before = _before(archive) if sign else Before()
    last = archive.given()
    event = AuditEvent(change=AuditChange.EXPORT_MADE, who=whoever(None), kind=kind, tenant=tenant)

    async def work(keeper: HeadKeeper, store: Store) -> Cut:
        signed = await _signed(keeper) if sign else None
        await store.decisions.append(audit_record(event, SystemClock(), os.urandom))
        end = signed.head.size if signed else last
        return Cut(pruned=pruned, before=before, last=end, signed=signed)

    try:
        return on_log(settings, work)
    except LogBroken:
        raise
    except RouterError as error:
        click.echo(f"The log does not say that it was exported: {error.message}", err=True)
        return Cut(pruned=pruned, before=before, last=last)


def _before(archive: Archive) -> Before:
    """Return what was pruned, as a manifest says it."""
    try:
        return before_store(archive)
    except Broken as broken:
        raise LogBroken(broken.finding.told) from None


def unpruned(rows: Iterable[ExportRow], archive: Archive, cut: Cut) -> Iterator[ExportRow]:
    """Yield the rows of an export.

    Raises:
        RowsPruned: after the last one, where some were pruned meanwhile, and may be missing.
    """
    yield from rows
    _expect_unpruned(archive, cut)


def _expect_unpruned(archive: Archive, cut: Cut) -> None:
    if archive.pruned() != cut.pruned:
        raise RowsPruned


async def _signed(keeper: HeadKeeper) -> SignedHead | None:
    """Return a head over all that is there, None where it cannot be signed."""
    try:
        return await keeper.sign()
    except SigningKeyUnusable as error:
        click.echo(f"The export has no signed head: {error.message}", err=True)
        return None


def write_beside(output: Path, made: Made, archive: Archive, cut: Cut) -> None:
    """Write the manifest of an export, and the proofs of one that leaves rows out.

    Raises:
        FileUnusable: they cannot be written.
        RowsPruned: rows were pruned while they were read for the proofs.
    """
    filtered = made.filtered and made.kind is Format.JSONL

    try:
        if filtered:
            unfinished = output.with_name(f"{output.name}{PROOFS}.unfinished")
            _write_proofs(output, unfinished, archive, cut)
            unfinished.replace(output.with_name(output.name + PROOFS))

        text = manifest(
            made,
            before=cut.before,
            signed=cut.signed,
            heads=archive.heads() if made.kind is Format.JSONL else (),
            keys=archive.keys(),
            last=cut.last,
            proofs=output.name + PROOFS if filtered else None,
        )
        output.with_name(output.name + MANIFEST).write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(error) from None


def _write_proofs(output: Path, to: Path, archive: Archive, cut: Cut) -> None:
    """Write the roots over the rows that the export leaves out.

    None of them spans a head, so that every head that was ever anchored can be compared.
    """
    gaps = Gaps()
    sizes = (one.head.size for one in archive.heads())
    head = next(sizes, 0)

    with output.open("rb") as rows, to.open("w", encoding="utf-8") as proofs:
        taken = (int(json.loads(line)["seq"]) for line in rows)
        due = next(taken, None)

        for link in archive.links(cut.pruned):
            if link.seq > cut.last:
                break

            if link.seq == due:
                proofs.writelines(gaps.close())
                due = next(taken, None)
            else:
                gaps.omit(link)

            while 0 < head <= link.seq:
                proofs.writelines(gaps.close())
                head = next(sizes, 0)

        proofs.writelines(gaps.close())

    try:
        _expect_unpruned(archive, cut)
    except RowsPruned:
        to.unlink()
        raise
