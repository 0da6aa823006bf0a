"""The options by which commands on the decision log say which records they are about."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import click

from mcp_router.cli.common import text
from mcp_router.cli.moments import read_moment
from mcp_router.clock import SystemClock
from mcp_router.domain.selection import Selection

P = ParamSpec("P")
R = TypeVar("R")

_OPTIONS = (
    click.option(
        "--from",
        "since",
        help="Only calls since a date or time (UTC), or an age: 24h, 7d, 2w.",
    ),
    click.option("--to", "until", help="Only calls before a date or time (UTC), or an age."),
    click.option("--tenant", type=text, help="Only this tenant's records."),
    click.option(
        "--policy",
        type=text,
        help="Only what a policy decided: NAME for all versions, or NAME@2.",
    ),
    click.option("--intent", type=text, help="Only calls of this intent."),
)


def selecting(command: Callable[P, R]) -> Callable[P, R]:
    """Give a command the options --from, --to, --tenant, --policy and --intent."""
    for option in reversed(_OPTIONS):
        command = option(command)

    return command


def select(
    since: str | None,
    until: str | None,
    *,
    tenant: str | None,
    policy: str | None,
    intent: str | None,
) -> Selection:
    """Return what the options say.

    Raises:
        UsageError: a time cannot be read.
    """
    now_ms = SystemClock().now_ms()
    return Selection(
        tenant=tenant,
        since_ms=read_moment(since, now_ms, option="--from"),
        until_ms=read_moment(until, now_ms, option="--to"),
        policy=policy,
        intent=intent,
    )
