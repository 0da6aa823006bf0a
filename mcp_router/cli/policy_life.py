"""mcp-router policy rollout, promote, rollback, status: which version serves whom."""

import json
import os
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import anyio
import click
from rich.table import Table

from mcp_router.canonical import plain
from mcp_router.cli.common import (
    Source,
    config_option,
    json_option,
    open_source,
    who_option,
    whoever,
    why_option,
)
from mcp_router.cli.printing import table_console
from mcp_router.clock import SystemClock
from mcp_router.decide.wording import moment
from mcp_router.domain.policy import Policy
from mcp_router.domain.rollout import ArmTally, Bucket, PolicyEvent, PolicyStage
from mcp_router.errors import UnknownPolicy
from mcp_router.fields import POLICY_REFERENCE
from mcp_router.policy.evidence import SLOW_SHARE
from mcp_router.policy.rollout import read_guards, serving_before, tell_guards
from mcp_router.policy.source import PolicySource
from mcp_router.rollout.stages import Stages, Standing, Wish
from mcp_router.storage.store import open_store

T = TypeVar("T")


@click.command("rollout")
@click.argument("reference", metavar="NAME@VERSION")
@click.option(
    "--percent",
    type=click.FloatRange(0, 100, min_open=True),
    required=True,
    help="How much of the traffic the candidate serves.",
)
@click.option(
    "--by",
    type=click.Choice([one.value for one in Bucket]),
    default=Bucket.CUSTOMER.value,
    show_default=True,
    help="What stays in its arm as a whole; a call that names none is the stable version's.",
)
@click.option("--guard", default="", help='Bounds to keep, as "success>=0.99,p95<=1.2s,cost<=+5%".')
@why_option
@who_option
@config_option
@json_option
def policy_rollout(
    reference: str,
    percent: float,
    by: str,
    guard: str,
    why: str,
    who: str | None,
    config: Path | None,
    as_json: bool,
) -> None:
    """Let a candidate serve a share of the traffic, beside the version that is stable.

    Repeat it with a higher percentage to go on: whoever is in the candidate's arm stays there. A
    guard that is broken beyond doubt rolls back by itself. Running servers follow within seconds.
    """
    guards = read_guards(guard)

    with open_source(config) as source:
        policies = PolicySource(source.settings.policies)
        candidate = _candidate(policies, reference)
        wish = Wish(
            candidate=candidate,
            serving=serving_before(policies.versions(candidate.name), candidate.version),
            percent=percent,
            by=Bucket(by),
            guards=guards,
        )

        async def change(stages: Stages) -> PolicyStage:
            return await stages.roll_out(wish, who=whoever(who), why=why)

        _tell(_run(source, change), as_json)
        _warn_if_pinned(source, candidate.name)


@click.command("promote")
@click.argument("reference", metavar="NAME[@VERSION]")
@why_option
@who_option
@config_option
@json_option
def policy_promote(
    reference: str, why: str, who: str | None, config: Path | None, as_json: bool
) -> None:
    """Let the candidate of a rollout serve everybody.

    With a version it is promoted only if it is the candidate.
    """
    name, version = _name_and_version(reference)

    with open_source(config) as source:
        load = PolicySource(source.settings.policies).load

        async def change(stages: Stages) -> PolicyStage:
            return await stages.promote(name, version=version, load=load, who=whoever(who), why=why)

        _tell(_run(source, change), as_json)


@click.command("rollback")
@click.argument("reference", metavar="NAME[@VERSION]")
@why_option
@who_option
@config_option
@json_option
def policy_rollback(
    reference: str, why: str, who: str | None, config: Path | None, as_json: bool
) -> None:
    """End a rollout; without one, go back to the version that was stable before.

    With a version it is taken out only if it is the candidate or, without a rollout, the stable
    version. A second step back in a row needs the version, so that nobody makes it by accident.
    """
    name, version = _name_and_version(reference)

    with open_source(config) as source:
        load = PolicySource(source.settings.policies).load

        async def change(stages: Stages) -> PolicyStage:
            return await stages.roll_back(
                name, version=version, load=load, who=whoever(who), why=why
            )

        _tell(_run(source, change), as_json)


@click.command("status")
@click.argument("name", required=False, metavar="[NAME]")
@config_option
@json_option
def policy_status(name: str | None, config: Path | None, as_json: bool) -> None:
    """Show how a policy stands: its versions, what both arms came to, and what happened lately.

    Without a name it is the configured policy.
    """
    with open_source(config) as source:
        wanted = _name(name or source.settings.policy.partition("@")[0])
        policies = PolicySource(source.settings.policies)
        highest = max(policies.versions(wanted), default=None)

        async def look(stages: Stages) -> Standing:
            return await stages.standing(wanted)

        standing = _run(source, look)
        _warn_if_pinned(source, wanted)

    if highest is None and standing.stage is None:
        known = ", ".join(policies.names()) or "none"
        raise UnknownPolicy(f"There is no policy of that name; the policies are: {known}.")

    if as_json:
        click.echo(json.dumps(_facts(wanted, highest, standing)))
    else:
        _show(wanted, highest, standing)


def _candidate(policies: PolicySource, reference: str) -> Policy:
    """Return the policy that a reference with a version names; it loads, so it passes `check`."""
    match = POLICY_REFERENCE.fullmatch(reference)

    if match is None or match["version"] is None:
        raise UnknownPolicy("A rollout is of one version: name it as NAME@VERSION.")

    return policies.load(reference)


def _name_and_version(reference: str) -> tuple[str, int | None]:
    """Return the parts of a reference; the version is None where it names none."""
    match = POLICY_REFERENCE.fullmatch(reference)

    if match is None:
        raise UnknownPolicy("Name a policy as NAME, or one version of it as NAME@VERSION.")

    return match["name"], None if match["version"] is None else int(match["version"])


def _name(name: str) -> str:
    """Return a policy's name, which has no version here."""
    match = POLICY_REFERENCE.fullmatch(name)

    if match is None or match["version"] is not None:
        raise UnknownPolicy("Name the policy alone, without a version.")

    return name


def _warn_if_pinned(source: Source, name: str) -> None:
    """Say that a rollout moves no call as long as router.yaml names a version."""
    pinned, _, version = source.settings.policy.partition("@")

    if version and pinned == name:
        click.echo(
            f"{source.file} says `policy: {source.settings.policy}`: calls that name no policy "
            "stay with that version",
            err=True,
        )


def _run(source: Source, work: Callable[[Stages], Awaitable[T]]) -> T:
    """Return what `work` comes to on the store; a server may be running on it."""

    async def on_store() -> T:
        async with aclosing(open_store(source.settings.storage)) as store:
            return await work(Stages(store.stages, SystemClock(), os.urandom, transport="cli"))

    return anyio.run(on_store)


def _tell(stage: PolicyStage, as_json: bool) -> None:
    """Print how the policy stands after a change."""
    click.echo(json.dumps(plain(stage)) if as_json else _sentence(stage))


def _sentence(stage: PolicyStage) -> str:
    """Return how a policy stands, in one line."""
    stable = f"{stage.name}@{stage.stable}"

    if stage.rollout is None:
        return f"{stable} serves everybody"

    rollout = stage.rollout
    return (
        f"{stage.name}@{rollout.version} serves {rollout.percent:g} % by {rollout.by}, "
        f"{stable} the rest"
    )


def _facts(name: str, highest: int | None, standing: Standing) -> dict[str, object]:
    """Return how a policy stands, for programs."""
    stage = standing.stage
    rollout = stage.rollout if stage else None
    return {
        "policy": name,
        "stable": stage.stable if stage else highest,
        "previous": stage.previous if stage else None,
        "rollout": plain(rollout) if rollout else None,
        "guard": tell_guards(rollout.guards) if rollout else None,
        "arms": [_arm(one) for one in standing.tallies],
        "events": [
            {"decision_id": one.record.decision_id, "at": moment(one.record.at_ms)}
            | _event(one.record.event)
            for one in standing.events
            if one.record.event is not None
        ],
    }


def _arm(tally: ArmTally) -> dict[str, object]:
    """Return what the calls of one arm came to; a share of no calls is unknown."""
    calls = tally.calls
    return {
        "arm": tally.arm,
        "calls": calls,
        "success": tally.ok / calls if calls else None,
        "slow": tally.slow / calls if calls else None,
        "cost_usd": tally.cost_microusd / calls / 1e6 if calls else None,
    }


def _event(event: PolicyEvent) -> dict[str, object]:
    """Return an event for programs."""
    return {
        "change": event.change,
        "policy": event.policy,
        "who": event.who,
        "why": event.why,
        "before": event.before,
        "serving": event.serving,
        "percent": event.percent,
        "by": event.by,
        "guard": tell_guards(event.guards),
        "evidence": event.evidence,
    }


def _show(name: str, highest: int | None, standing: Standing) -> None:
    """Print how a policy stands, for a person."""
    stage = standing.stage
    console = table_console()

    if stage is None:
        console.print(f"{name}@{highest} serves everybody: nothing was rolled out yet")
    else:
        console.print(_sentence(stage))

    if stage is not None and stage.rollout is not None:
        guards = tell_guards(stage.rollout.guards) or "none"
        console.print(f"since {moment(stage.rollout.started_ms)}, guards: {guards}\n")
        console.print(_arms(standing.tallies))

    if standing.events:
        console.print()
        console.print(_history(standing))


def _arms(tallies: tuple[ArmTally, ...]) -> Table:
    """Return the arms side by side."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("arm")

    for column in ("calls", "success", f"slower (at most {SLOW_SHARE:.0%})", "cost of a call"):
        table.add_column(column, justify="right")

    for one in tallies:
        calls = one.calls
        shown = (
            (f"{one.ok / calls:.2%}", f"{one.slow / calls:.2%}", _dollars(one))
            if calls
            else ("", "", "")
        )
        table.add_row(one.arm, f"{calls:,}", *shown)

    return table


def _dollars(tally: ArmTally) -> str:
    return f"${tally.cost_microusd / tally.calls / 1e6:.6f}"


def _history(standing: Standing) -> Table:
    """Return what happened lately, newest first."""
    table = Table(box=None, pad_edge=False, header_style="dim")

    for column in ("when", "what", "policy", "who", "why"):
        table.add_column(column, no_wrap=column != "why")

    for one in standing.events:
        event = one.record.event

        if event is not None:
            why = f"{event.why}: {event.evidence}" if event.evidence else event.why
            share = f" {event.percent:g} %" if event.change == "rolled_out" else ""
            table.add_row(
                moment(one.record.at_ms), f"{event.change}{share}", event.policy, event.who, why
            )

    return table
