"""mcp-router policy test, diff and replay: what a change of a policy does before it is released."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

from mcp_router.canonical import plain
from mcp_router.cli.bench import (
    STORE,
    Bench,
    CaseFile,
    case_files,
    known_targets,
    open_bench,
    open_log,
    policy_of,
)
from mcp_router.cli.common import DEFAULT_CONFIG, EXIT_FAILED, config_option, json_option
from mcp_router.cli.moments import read_moment
from mcp_router.cli.printing import check_output, table_console, unwritable
from mcp_router.cli.study_show import (
    CaseChange,
    TriedCase,
    show_changes,
    show_replay,
    show_trials,
)
from mcp_router.clock import SystemClock
from mcp_router.domain.evaluation import ReplayReport
from mcp_router.domain.policy import Policy
from mcp_router.domain.record import StoredRecord
from mcp_router.errors import FileUnusable
from mcp_router.policy.difference import difference, tell_change
from mcp_router.replay import replay as replay_records
from mcp_router.trial import outcome, try_cases

_cases_option = click.option(
    "--cases",
    "folders",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Also the cases in the YAML files of this folder, or of this file; may be repeated.",
)


@click.command("test")
@click.argument("reference", required=False, metavar="[NAME[@VERSION]|FILE]")
@_cases_option
@config_option
@json_option
def policy_test(
    reference: str | None, folders: tuple[Path, ...], config: Path | None, as_json: bool
) -> None:
    """Try a policy on cases: given these signals, expect that rule, pool, target, cache or refusal.

    The cases are those of the document's own `tests`, then those of each folder. Targets and
    prices are those of router.yaml, or the sandbox's where it names none; nothing is sent. A case
    that fails is told with what was expected, what came, and why. The exit code is 1 when one does.
    """
    bench = open_bench(config)
    policy = policy_of(bench, reference)
    known = known_targets(bench)
    files = (CaseFile(file=None, cases=policy.cases), *case_files(folders))
    tried = tuple(
        TriedCase(file=file.file, trial=trial)
        for file in files
        for trial in try_cases(policy, file.cases, known.facts)
    )

    if not tried:
        raise FileUnusable(
            f"{policy.label} has no cases, so nothing was tried.",
            next_step="Write some under `tests` of the document, or name a folder with --cases.",
        )

    failed = sum(not one.trial.passed for one in tried)

    if as_json:
        click.echo(json.dumps(_told_trials(policy, known.told, tried)))
    else:
        show_trials(table_console(), policy, known.told, tried)

    if failed:
        sys.exit(EXIT_FAILED)


@click.command("diff")
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@_cases_option
@config_option
@json_option
def policy_diff(
    before: str, after: str, folders: tuple[Path, ...], config: Path | None, as_json: bool
) -> None:
    """Tell in words what changed from policy A to policy B; each is NAME, NAME@VERSION or a FILE.

    Every field is compared. With --cases each case is decided by both, and those that come out
    otherwise are told as well, whatever they expect.
    """
    bench = open_bench(config)
    a, b = policy_of(bench, before), policy_of(bench, after)
    changes = difference(a, b)
    cases = tuple(_case_changes(bench, a, b, folders))

    if as_json:
        told = {
            "before": a.label,
            "after": b.label,
            "changes": [{**asdict(one), "told": tell_change(one)} for one in changes],
            "cases": [asdict(one) for one in cases],
        }
        click.echo(json.dumps(told))
    else:
        show_changes(table_console(), a, b, changes)

        for case in cases:
            click.echo(str(case))


@click.command("replay")
@click.option(
    "--from",
    "place",
    default=STORE,
    show_default=True,
    metavar="LOG",
    help="An export in JSON lines, a SQLite file, a storage URL, or `store`: the configured one.",
)
@click.option("--policy", "reference", help="NAME[@VERSION] or FILE; default the configured one.")
@click.option("--tenant", help="Only this tenant's calls.")
@click.option("--since", help="Only calls since a date or time (UTC), or an age: 24h, 7d, 2w.")
@click.option("--limit", type=click.IntRange(1), help="Stop after this many records.")
@click.option(
    "--report",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Also write the report to this file, as JSON: the version's evaluation report.",
)
@config_option
@json_option
def policy_replay(
    place: str,
    reference: str | None,
    tenant: str | None,
    since: str | None,
    limit: int | None,
    report: Path | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Decide recorded calls again by another version, and tell what would have been different.

    Each call is decided on what the log holds of it: its signals, what was known of every target at
    that moment, what had been spent. Nothing is sent. The report says how many decisions move from
    which pool to which, what they would cost and how long they would take; its figures are exact
    for the decision and an estimate for what would have followed.
    """
    since_ms = read_moment(since, SystemClock().now_ms(), option="--since")
    bench = open_bench(config)
    policy = policy_of(bench, reference)

    check_output(report, Path(place), config or Path(DEFAULT_CONFIG))

    with open_log(bench, place, tenant=tenant, since_ms=since_ms) as records:
        found = replay_records(policy, _watched(islice(records, limit)))

    if report is not None:
        _write(report, found)

    if as_json:
        click.echo(json.dumps(asdict(found)))
    else:
        show_replay(table_console(), found)


def _told_trials(policy: Policy, targets: str, tried: tuple[TriedCase, ...]) -> dict[str, object]:
    """Return what programs get of a test."""
    failed = sum(not one.trial.passed for one in tried)
    return {
        "ok": not failed,
        "policy": policy.label,
        "digest": policy.digest,
        "targets": targets,
        "passed": len(tried) - failed,
        "failed": failed,
        "cases": [
            {
                "case": one.trial.case,
                "file": one.file,
                "passed": one.trial.passed,
                "came": asdict(outcome(policy, one.trial.decision)),
                "mismatches": plain(one.trial.mismatches),
                "why": one.trial.why,
            }
            for one in tried
        ],
    }


def _case_changes(
    bench: Bench, a: Policy, b: Policy, folders: tuple[Path, ...]
) -> Iterator[CaseChange]:
    """Yield the cases of the folders that the two policies decide differently."""
    facts = known_targets(bench).facts

    for file in case_files(folders):
        tried = zip(try_cases(a, file.cases, facts), try_cases(b, file.cases, facts), strict=True)

        for old, new in tried:
            before, after = outcome(a, old.decision), outcome(b, new.decision)

            if before != after:
                yield CaseChange(case=old.case, file=file.file, before=before, after=after)


def _watched(records: Iterable[StoredRecord]) -> Iterator[StoredRecord]:
    """Yield the records beside their count on standard error, which leaves nothing behind."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.completed:,.0f} records"), TimeElapsedColumn())

    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=None)

        for record in records:
            yield record
            progress.advance(task)


def _write(file: Path, report: ReplayReport) -> None:
    """Write the report for a person to commit beside the policy.

    Raises:
        FileUnusable: it cannot be written.
    """
    try:
        file.write_text(json.dumps(asdict(report), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise unwritable(error) from None
