"""mcp-router audit verify, sign, key, prune: prove the decision log, and keep it within bounds."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

import click

from mcp_router.audit.check import (
    Evidence,
    Inclusion,
    prove_in_export,
    prove_in_store,
    verify_export,
    verify_store,
)
from mcp_router.audit.heads import HeadKeeper
from mcp_router.audit.signing import fresh, open_signer, read_public, replace_key
from mcp_router.audit.sources import Export
from mcp_router.audit.statements import anchor_line
from mcp_router.audit.verify import Report
from mcp_router.canonical import plain
from mcp_router.cli.audit_evidence import on_log, raise_alarm
from mcp_router.cli.common import (
    EXIT_FAILED,
    config_option,
    json_option,
    open_source,
    text,
    who_option,
    whoever,
    why_option,
)
from mcp_router.clock import SystemClock
from mcp_router.domain.tree_head import SignedHead
from mcp_router.errors import InvalidArguments, NotConfigured, UnknownDecision
from mcp_router.storage.store import SQLITE, Archive, Store, open_archive

_SQLITE_HEADER = b"SQLite format 3\0"
_DAY_MS = 86_400_000
_AGE = re.compile(r"([1-9][0-9]{0,5})d")
_ROOT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Checked:
    """What a verification has come to, and the proof that was asked for."""

    report: Report
    proof: Inclusion | None = None


@click.command("verify")
@click.argument("source", type=click.Path(path_type=Path), required=False)
@click.option(
    "--anchor",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A file of heads that were anchored outside: each must be a prefix of this log.",
)
@click.option(
    "--public-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="What `audit key` printed, as a file: the key to believe.",
)
@click.option(
    "--expect-root", help="A root that a head of this log, or the whole of it, must have."
)
@click.option("--part", is_flag=True, help="Accept an export that leaves rows of the log out.")
@click.option(
    "--prove",
    type=text,
    metavar="DECISION_ID",
    help="Print the proof that this decision is in it.",
)
@config_option
@json_option
def verify(
    source: Path | None,
    anchor: Path | None,
    public_key: Path | None,
    expect_root: str | None,
    part: bool,
    prove: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Check the decision log: the configured one, a SQLite file, or an export with its manifest.

    Exits with 1 where it is broken, and names the first broken row. With --public-key what
    is not signed is broken; an export of a part of the log needs --part.
    """
    if expect_root is not None and not _ROOT.fullmatch(expect_root):
        raise click.UsageError("--expect-root takes the 64 hexadecimal digits of a root.")

    evidence = Evidence(
        public_key=read_public(public_key) if public_key else None,
        anchor=anchor,
        root=expect_root,
    )

    if source is None:
        with open_source(config) as used, open_archive(used.settings.storage) as archive:
            checked = _check_store(archive, evidence, prove)

            if checked.report.finding is not None:
                raise_alarm(used.settings, checked.report.finding)
    elif _is_sqlite(source):
        with open_archive(f"{SQLITE}{source.absolute()}") as archive:
            checked = _check_store(archive, evidence, prove)
    else:
        checked = _check_export(Export(source), evidence, prove)

    _tell(checked, as_json, part=part)

    if not _is_sound(checked.report, part=part):
        click.get_current_context().exit(EXIT_FAILED)


@click.command("sign")
@config_option
def sign(config: Path | None) -> None:
    """Sign a head over every row that is there now, and print it as an anchor's line."""

    async def work(keeper: HeadKeeper, store: Store) -> tuple[SignedHead | None, str]:
        return await keeper.sign(), await keeper.public_key()

    with open_source(config) as source:
        open_archive(source.settings.storage).__exit__()  # a store that is not there is not made
        signed, public_key = on_log(source.settings, work)

    click.echo(anchor_line(signed, public_key) if signed else "")


@click.command("key")
@click.option("--rotate", is_flag=True, help="Make a new key, which the old one vouches for.")
@who_option
@why_option
@config_option
@json_option
def key(rotate: bool, who: str | None, why: str, config: Path | None, as_json: bool) -> None:
    """Show the public key of the decision log's heads: give it to whoever shall check them.

    A running server takes a new key when it is started again.
    """
    with open_source(config) as source:
        settings = source.settings
        signer = open_signer(settings.audit)

        if rotate:
            if settings.audit.key is not None:
                raise NotConfigured(
                    "The key comes from the settings, where it cannot be replaced.",
                    next_step="Use `audit.key_file`, or put a new key into `audit.key`.",
                )

            new = fresh()

            async def work(keeper: HeadKeeper, store: Store) -> None:
                await keeper.rotate(new, who=whoever(who), why=why)

            on_log(settings, work)
            former = replace_key(settings.audit.key_file, new)
            click.echo(f"The key before it is kept in {former}.", err=True)
            signer = new

    told = {"key_id": signer.key_id, "public_key": signer.public_key}
    click.echo(json.dumps(told) if as_json else signer.public_key)


@click.command("prune")
@click.option("--older-than", required=True, metavar="DAYS", help="Such as 400d.")
@who_option
@why_option
@config_option
def prune(older_than: str, who: str | None, why: str, config: Path | None) -> None:
    """Delete the oldest rows, up to the last signed head over them.

    Heads are kept, so that what remains verifies, and that rows were deleted is a row.
    """
    found = _AGE.fullmatch(older_than)

    if found is None:
        raise click.UsageError("--older-than takes a number of days, such as 400d.")

    before_ms = SystemClock().now_ms() - int(found[1]) * _DAY_MS

    async def work(keeper: HeadKeeper, store: Store) -> int:
        return await keeper.prune(before_ms, who=whoever(who), why=why)

    with open_source(config) as source:
        open_archive(source.settings.storage).__exit__()  # a store that is not there is not made
        click.echo(f"{on_log(source.settings, work)} records deleted")


def _check_store(archive: Archive, evidence: Evidence, prove: str | None) -> _Checked:
    """Verify a store, and prove a decision of it."""
    seq = None if prove is None else archive.place(prove)

    if seq == 0:
        raise UnknownDecision("No decision has that id.")

    report = verify_store(archive, evidence)

    if seq is None or report.finding is not None:
        return _Checked(report=report)

    return _Checked(report=report, proof=_proved(prove_in_store(archive, seq)))


def _check_export(export: Export, evidence: Evidence, prove: str | None) -> _Checked:
    """Verify an export, and prove a decision of it."""
    report = verify_export(export, evidence)

    if prove is None or report.finding is not None:
        return _Checked(report=report)

    return _Checked(report=report, proof=_proved(prove_in_export(export, _place(export, prove))))


def _place(export: Export, decision_id: str) -> int:
    """Return where a decision stands in an export that was verified."""
    with export.path.open("rb") as file:
        for line in file:
            found = json.loads(line)

            if found["record"].get("decision_id") == decision_id:
                return int(found["seq"])

    raise UnknownDecision("No decision has that id.")


def _proved(proof: Inclusion | None) -> Inclusion:
    """Return the proof.

    Raises:
        InvalidArguments: no signed head covers the decision.
    """
    if proof is None:
        raise InvalidArguments(
            "No signed head covers that decision.", next_step="Run `mcp-router audit sign` first."
        )

    return proof


def _is_sqlite(path: Path) -> bool:
    """Return whether a file is a database."""
    try:
        with path.open("rb") as file:
            return file.read(len(_SQLITE_HEADER)) == _SQLITE_HEADER
    except OSError:
        return False


def _is_sound(report: Report, *, part: bool) -> bool:
    """Return whether a log is what was asked for: all of it, unless a part was."""
    return report.finding is None and (part or not report.part)


def _tell(checked: _Checked, as_json: bool, *, part: bool) -> None:
    """Print what was found."""
    report, proof = checked.report, checked.proof

    if as_json:
        ok = _is_sound(report, part=part)
        click.echo(json.dumps({"ok": ok, "report": plain(report), "proof": plain(proof)}))
        return

    if proof is not None:
        click.echo(json.dumps(plain(proof)))

    if report.finding is not None:
        click.echo(f"BROKEN at row {report.finding.seq}: {report.finding.told}")
    else:
        click.echo(_sound(report))

    if report.finding is None and not _is_sound(report, part=part):
        click.echo("A part proves nothing about what it leaves out: name --part to accept it.")

    for note in report.notes:
        click.echo(note, err=proof is not None)


def _sound(report: Report) -> str:
    """Return in words what a sound log has shown."""
    if not report.last:
        return "The log is empty."

    first = f"Rows {report.first} to {report.last} are whole: {report.rows} read"

    if report.part:
        first = f"A PART of rows 1 to {report.last}: {report.rows} read, {report.left_out} left out"

    return f"{first}, {report.heads} heads, signed up to row {report.signed}. Root {report.root}"
