"""How studies of a policy look in a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mcp_router.decide.wording import count, duration, listed, moment
from mcp_router.domain.evaluation import Counts, Move, ReplayReport
from mcp_router.domain.money import format_usd
from mcp_router.domain.policy import Policy
from mcp_router.policy.difference import Change, tell_change
from mcp_router.trial import Outcome, Trial

_MOST_MOVES = 12  # of targets, in the table; the report holds all of them
_MOST_NAMES = 3  # of rules that share a change, before the rest is counted


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedCase:
    """How a case went, with its file; None where it stands in the policy's document."""

    file: str | None
    trial: Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseChange:
    """A case that two versions decide differently."""

    case: str
    file: str | None
    before: Outcome
    after: Outcome

    def __str__(self) -> str:
        """Return the case and both outcomes on a line."""
        return f"case {self.case}: {_outcome(self.before)} → {_outcome(self.after)}"


def show_trials(console: Console, policy: Policy, targets: str, tried: Sequence[TriedCase]) -> None:
    """Print each case that failed, with what came instead and why, then how many passed."""
    failed = [one for one in tried if not one.trial.passed]

    for one in failed:
        console.print(Text(f"failed: {one.trial.case}", style="bold red"))

        if one.file is not None:
            console.print(Text(f"  in {one.file}", style="dim"))

        for wrong in one.trial.mismatches:
            console.print(Text(f"  {wrong.what}: expected {wrong.expected}, came {wrong.came}"))

        for line in one.trial.why:
            console.print(Text(f"    {line}", style="dim"), soft_wrap=True)

    console.print(Text(f"{policy.label}, with the targets of {targets}"))
    console.print(Text(f"{len(tried) - len(failed)} passed, {len(failed)} failed", style="bold"))


def show_changes(
    console: Console, before: Policy, after: Policy, changes: Sequence[Change]
) -> None:
    """Print what changed, a line each; a change that several parts share stands there once."""
    console.print(Text(f"{before.label} → {after.label}", style="bold"))
    told = [change for change in changes if change.where != ("digest",)]

    if not changes:
        console.print("Nothing has changed.")
    elif not told:
        console.print("Only the text has changed: comments, or how it is laid out.")

    for line in _lines(told):
        console.print(Text(line), soft_wrap=True)


def _lines(changes: Sequence[Change]) -> Iterator[str]:
    """Yield the changes in words, in their order."""
    shared: dict[tuple[object, ...], list[Change]] = {}

    for change in changes:
        shared.setdefault(_shared_by(change), []).append(change)

    for first, *others in shared.values():
        if not others:
            yield tell_change(first)
            continue

        names = [one.where[1] for one in (first, *others)]
        more = len(names) - _MOST_NAMES
        shown = [*names[:_MOST_NAMES], f"{more} more"] if more > 1 else names
        yield tell_change(first, of=f"{first.where[0]} {listed(shown)}")


def _shared_by(change: Change) -> tuple[object, ...]:
    """Return what a change of several parts has in common; others have nothing in common."""
    if change.where[0] in ("rules", "intents") and len(change.where) > 2:
        section, _, *rest = change.where
        return (section, *rest, change.kind, change.before, change.after)

    return (change.where, change.kind)


def show_replay(console: Console, report: ReplayReport) -> None:
    """Print what would change, the most important first."""
    counts = report.counts
    versions = ", ".join(f"{one.policy} {one.decisions:,}" for one in report.against)
    heading = f"{report.policy} over {count(counts.replayed, 'recorded decision')}"
    console.print(Text(heading + (f" ({versions})" if versions else ""), style="bold"))

    if report.log is not None:
        first, last = moment(report.log.first_at_ms), moment(report.log.last_at_ms)
        console.print(Text(f"calls from {first} to {last}", style="dim"))

    for line in _left_out(report):
        console.print(Text(line, style="dim"))

    if not counts.replayed:
        return

    for line in _summary(counts):
        console.print(Text(line), soft_wrap=True)

    console.print()
    console.print(_matrix(report.pools))
    moved = [one for one in report.targets if one.before != one.after]

    if moved:
        console.print()
        console.print(_target_moves(moved))

    console.print()
    console.print(_figures(report))


def _left_out(report: ReplayReport) -> Iterator[str]:
    """Yield what was not replayed, or not as it was, and why."""
    counts = report.counts
    for number, told in (
        (counts.without_decision, "without a decision"),
        (counts.of_other_policies, "decided by other policies"),
        (counts.not_replayable, "not replayable: an older version did not keep what was known"),
    ):
        if number:
            yield f"{count(number, 'record')} left out, {told}"

    if counts.unknown_intent:
        yield (
            f"{count(counts.unknown_intent, 'decision')} replayed without an intent: "
            f"{report.policy} has none of the recorded name"
        )

    if report.unknown_targets:
        yield f"the log knows nothing of {listed(report.unknown_targets)}"


def _summary(counts: Counts) -> Iterator[str]:
    """Yield how many decisions move."""
    share = counts.moved / counts.replayed
    yield f"{counts.moved:,} of {counts.replayed:,} decisions move ({share:.1%})"
    yield f"{counts.other_rule:,} fall under another rule"
    yield f"{counts.refused_before:,} refused before, {counts.refused_after:,} now"

    if counts.same_document:
        yield (
            f"{counts.same_decision:,} of {counts.same_document:,} that this very document decided "
            "are decided the same, bit for bit"
        )


def _matrix(moves: Sequence[Move]) -> Table:
    """Return how many decisions go from which pool to which."""
    before = list(dict.fromkeys(one.before for one in moves))
    after = list(dict.fromkeys(one.after for one in moves))
    counted = {(one.before, one.after): one.decisions for one in moves}
    table = _table("from pool, to")

    for name in after:
        table.add_column(name, justify="right", no_wrap=True)

    for old in before:
        cells = (counted.get((old, new), 0) for new in after)
        table.add_row(Text(old), *(f"{cell:,}" if cell else "" for cell in cells))

    return table


def _target_moves(moves: Sequence[Move]) -> Table:
    """Return the commonest moves of the first target."""
    table = _table("first target before")
    table.add_column("now", no_wrap=True)
    table.add_column("decisions", justify="right")

    for one in moves[:_MOST_MOVES]:
        table.add_row(Text(one.before), Text(one.after), f"{one.decisions:,}")

    if len(moves) > _MOST_MOVES:
        rest = sum(one.decisions for one in moves[_MOST_MOVES:])
        table.add_row(Text(f"{len(moves) - _MOST_MOVES} more"), "", f"{rest:,}")

    return table


def _figures(report: ReplayReport) -> Table:
    """Return cost, latency and cache of the completions, before and now."""
    cost, latency, cache = report.cost, report.latency, report.cache
    table = _table(f"{count(cache.completions, 'completion')}")

    for heading in ("before", "now", "change"):
        table.add_column(heading, justify="right", no_wrap=True)

    for label, old, new in (
        ("estimated cost", cost.estimate_before, cost.estimate_after),
        ("paid, and expected", cost.actual_before, cost.actual_after),
    ):
        table.add_row(label, format_usd(old), format_usd(new), _change(old, new))

    for label, old_ms, new_ms in (
        ("p50 of the first target", latency.p50_before_ms, latency.p50_after_ms),
        ("p95 of the first target", latency.p95_before_ms, latency.p95_after_ms),
    ):
        if old_ms is not None and new_ms is not None:
            table.add_row(label, duration(old_ms), duration(new_ms), _change(old_ms, new_ms))

    if cache.completions:
        used, may_use = (
            f"{one / cache.completions:.1%}" for one in (cache.used_before, cache.may_use_after)
        )
        table.add_row("may use the cache", used, may_use, "")

    off = report.off_policy

    if off is not None and off.success_after is not None:
        label = f"answered, by {off.effective:,.0f} weighted draws"
        table.add_row(label, f"{off.success_before:.1%}", f"{off.success_after:.1%}", "")

    return table


def _change(before: int, after: int) -> str:
    """Return by how much a figure changes.

    >>> _change(200, 150), _change(0, 5), _change(7, 7)
    ('-25.0%', '', '')
    """
    return f"{(after - before) / before:+.1%}" if before and before != after else ""


def _outcome(one: Outcome) -> str:
    cached = ", may use the cache" if one.cache else ""
    return f"rule {one.rule}, pool {one.pool}, target {one.target}{cached}"


def _table(first: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column(first, no_wrap=True)
    return table
