"""mcp-router audit erase, content: what is kept of a customer, to be forgotten or to be read."""

import json
import os
from collections.abc import Awaitable, Callable, Iterable
from contextlib import aclosing
from pathlib import Path
from typing import TypeVar

import anyio
import click

from mcp_router.cli.common import config_option, json_option, open_source, text, whoever
from mcp_router.clock import SystemClock
from mcp_router.domain.caller import LOCAL_TENANT
from mcp_router.domain.privacy import Erased
from mcp_router.privacy.keeper import Privacy
from mcp_router.privacy.talk import subjects_of
from mcp_router.settings import Settings
from mcp_router.storage.store import open_store

T = TypeVar("T")

tenant_option = click.option(
    "--tenant", type=text, default=LOCAL_TENANT, show_default=True, help="Whose content it is."
)


@click.command("erase")
@click.option(
    "--subject",
    type=text,
    required=True,
    help="A customer_id of your calls, or ticket:ID, run:ID or decision:ID where they named none.",
)
@tenant_option
@click.option("--who", type=text, help="Who erases; default: the user of this machine.")
@click.option(
    "--why", type=text, default="asked for by the subject", show_default=True, help="For the log."
)
@json_option
@config_option
def audit_erase(
    subject: str, tenant: str, who: str | None, why: str, as_json: bool, config: Path | None
) -> None:
    """Forget the key of all content of one subject; the decision log stays as it is.

    Kept prompts and answers, and the values behind placeholders, cannot be opened by anybody any
    more, in no backup either that is restored without its keys. The log gets a record of it.
    """
    if not subject.strip():
        raise click.UsageError("--subject names nobody.")

    names, by = subjects_of(subject), whoever(who)

    async def erase(privacy: Privacy) -> list[Erased]:
        return [await privacy.erase(tenant, name, who=by, why=why) for name in names]

    with open_source(config) as source:
        done = dict(zip(names, _run(source.settings, erase), strict=True))

    if as_json:
        click.echo(json.dumps({**_sums(done.values()), "subjects": names}))
        return

    for name, erased in done.items():
        if erased.contents or erased.vaults:
            click.echo(
                f"erased of {name}: {erased.contents} texts, "
                f"{erased.vaults} conversations' placeholders"
            )
        else:
            click.echo(f"nothing was kept of {name}; the request is in the decision log")


def _sums(done: Iterable[Erased]) -> dict[str, int]:
    """Return what has gone in all."""
    all_done = list(done)
    return {
        "keys": sum(one.keys for one in all_done),
        "contents": sum(one.contents for one in all_done),
        "vaults": sum(one.vaults for one in all_done),
    }


@click.command("content")
@click.argument("decision_id", type=text)
@tenant_option
@config_option
def audit_content(decision_id: str, tenant: str, config: Path | None) -> None:
    """Print what is kept of a call's prompt and answer, a line of JSON each."""
    with open_source(config) as source:
        kept = _run(source.settings, lambda privacy: privacy.read(tenant, decision_id))

    for kind, content in kept:
        click.echo(json.dumps({"kind": kind.value, "content": json.loads(content)}))

    if not kept:
        click.echo("nothing is kept of that call", err=True)


def _run(settings: Settings, work: Callable[[Privacy], Awaitable[T]]) -> T:
    """Return what `work` comes to on the store; a server may be running on it."""

    async def on_store() -> T:
        async with aclosing(open_store(settings.storage)) as store:
            privacy = Privacy(
                store.privacy,
                SystemClock(),
                os.urandom,
                settings=settings.privacy,
                transport="cli",
            )
            await privacy.begin()
            return await work(privacy)

    return anyio.run(on_store)
