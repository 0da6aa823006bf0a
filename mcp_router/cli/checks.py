"""What `doctor` looks at, each part by itself: one that is broken hides no other."""

import logging
import os
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, replace
from enum import StrEnum

import anyio

from mcp_router.app import open_targets
from mcp_router.cli.advice import advise, place_of
from mcp_router.clock import Clock
from mcp_router.decide.wording import count, listed
from mcp_router.domain.policy import Policy, Pool
from mcp_router.domain.target import TargetKind
from mcp_router.errors import (
    ContentKeyMissing,
    ContentKeyWrong,
    InvalidSettings,
    PolicyEdited,
    PolicyRejected,
    RetryingAdapter,
    RouterError,
    SendFailed,
    UnknownPolicy,
    public_error,
)
from mcp_router.policy.source import PolicySource
from mcp_router.privacy.keeper import Privacy
from mcp_router.providers.prices import PriceBook
from mcp_router.rollout.moves import check_unedited
from mcp_router.settings import DeskSettings, ProviderSettings, Settings
from mcp_router.storage.store import SQLITE, Store, open_store

_logger = logging.getLogger(__name__)

_FILE_ADVICE = (
    "Check that the folder of `storage` in router.yaml can be written and its disk has room, or "
    "end the program that locks the file."
)


class State(StrEnum):
    """How a part is; a note needs no action."""

    OK = "ok"
    NOTE = "note"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found at one part; `next` says what to do where it failed."""

    part: str
    state: State
    said: str
    next: str = ""


async def examine_all(settings: Settings, clock: Clock, *, timeout_s: float) -> tuple[Finding, ...]:
    """Return the findings in a steady order: this machine first, then everything across the wire.

    Providers and desks are asked at the same time, each within `timeout_s`.
    """
    local = [
        *await _stored(settings, clock),
        *_prices(settings, clock),
        _tokens(settings),
    ]
    parts = [*settings.providers, *settings.desks]
    remote: dict[int, Finding] = {}

    async def examine(place: int, part: ProviderSettings | DeskSettings) -> None:
        remote[place] = await _target(settings, part, clock, timeout_s)

    async with anyio.create_task_group() as tasks:
        for place, part in enumerate(parts):
            tasks.start_soon(examine, place, part)

    return (*local, *(remote[place] for place in sorted(remote)), *_nothing(settings))


async def _stored(settings: Settings, clock: Clock) -> list[Finding]:
    """Find out whether a record can be put on disk, and what rests on what is there already."""
    part, url = "storage", settings.storage

    try:
        async with aclosing(open_store(url)) as store:
            await store.database.check()
            return [
                Finding(part=part, state=State.OK, said=f"{store.place} can be written"),
                *await _content_key(settings, store, clock),
                *await _policy(settings, store),
            ]
    except RouterError as error:
        found = _failed(part, error)
        # A database behind a connection says by itself what to do about it.
        told = replace(found, next=_FILE_ADVICE) if url.startswith(SQLITE) else found
        return [told, *await _policy(settings, None)]


async def _content_key(settings: Settings, store: Store, clock: Clock) -> list[Finding]:
    """Find out whether the master key is there and opens what the store keeps."""
    part = "content key"

    try:
        privacy = Privacy(store.privacy, clock, os.urandom, settings=settings.privacy)
        await privacy.begin(only_look=True)
    except (ContentKeyMissing, ContentKeyWrong) as error:
        return [_failed(part, error)]

    if settings.privacy.key is None:
        return []

    return [Finding(part=part, state=State.OK, said="it is that of the store")]


async def _policy(settings: Settings, store: Store | None) -> list[Finding]:
    """Find out whether what serves now loads: the stable version, and the candidate beside it.

    Without a store nobody knows of either, and what `policy` in router.yaml names is looked at.
    """
    name, _, pinned = settings.policy.partition("@")
    stages = () if pinned or store is None else await store.stages.stages()
    stage = next((one for one in stages if one.name == name), None)
    serving = [settings.policy if stage is None else f"{name}@{stage.stable}"]

    if stage is not None and stage.rollout is not None:
        serving.append(f"{name}@{stage.rollout.version}")

    found: list[Finding] = []

    for reference in serving:
        loaded = _loaded(settings, reference)

        if isinstance(loaded, Policy):
            used = await store.stages.digest(loaded.name, loaded.version) if store else None
            found += _version(settings, reference, loaded, used, with_pools=not found)
        else:
            found.append(loaded)

    return found


def _loaded(settings: Settings, reference: str) -> Policy | Finding:
    """Return a policy, or why it does not load."""
    try:
        return PolicySource(settings.policies).load(reference)
    except (PolicyRejected, UnknownPolicy) as error:
        return _failed(f"policy {reference}", error)


def _version(
    settings: Settings, reference: str, policy: Policy, used: str | None, *, with_pools: bool
) -> Iterator[Finding]:
    """Find out whether a version is as it was first used, and who can serve its pools."""
    part = f"policy {reference}"

    try:
        check_unedited(policy, used)
    except PolicyEdited as error:
        yield _failed(part, error)
        return

    rules = f"{count(len(policy.intents), 'intent')}, {count(len(policy.rules), 'rule')}"
    yield Finding(part=part, state=State.OK, said=f"{policy.label} loads: {rules}")

    if with_pools:
        yield from (_pool(policy, pool, settings) for pool in policy.pools)


def _pool(policy: Policy, pool: Pool, settings: Settings) -> Finding:
    """Find out which targets of a pool are configured; without a desk only its tools are out."""
    models = pool.kind is TargetKind.MODEL
    section = "models" if models else "desks"
    names = [one.target for one in pool.targets]
    known = {one.name for one in (settings.models if models else settings.desks)}
    there = [name for name in names if name in known]
    missing = [name for name in names if name not in known]
    part = f"pool {pool.name}"

    if not there:
        return Finding(
            part=part,
            state=State.FAILED if models else State.NOTE,
            said=f"{policy.label} lists {listed(missing)}, and none is configured",
            next=f"Add one of them under `{section}` in router.yaml"
            + (", or use a policy that lists yours." if models else " to use its tools."),
        )

    if missing:
        said = f"{listed(there)} can serve it; not configured: {listed(missing)}"
        return Finding(part=part, state=State.NOTE, said=said)

    return Finding(part=part, state=State.OK, said=f"{listed(there)} can serve it")


def _prices(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Find out whether a price is known for each model: without one, a model is never used."""
    book = PriceBook(settings.providers, clock)
    unknown = [one.name for one in settings.models if not book.knows(one)]

    if unknown:
        yield Finding(
            part="prices",
            state=State.FAILED,
            said=f"nobody knows what {listed(unknown)} costs, so no call goes there",
            next="Add `price: {input: …, output: …}` (US dollars per million tokens) to it under "
            "`models` in router.yaml, or correct its `model`.",
        )
    elif settings.models:
        said = f"known for {count(len(settings.models), 'model')} ({book.version})"
        yield Finding(part="prices", state=State.OK, said=said)


def _tokens(settings: Settings) -> Finding:
    """Say who may call over HTTP."""
    if settings.tokens:
        said = f"{count(len(settings.tokens), 'token')}: every call over HTTP needs one"
    else:
        said = "none: HTTP takes calls from this machine only, and all of them"

    return Finding(part="tokens", state=State.NOTE, said=said)


def _nothing(settings: Settings) -> Iterator[Finding]:
    """Say which kind of target is missing altogether."""
    if not settings.providers:
        yield Finding(
            part="providers",
            state=State.FAILED,
            said="none is configured, so no completion can be routed",
            next="Add `providers` and their `models` to router.yaml.",
        )

    if not settings.desks:
        yield Finding(
            part="desks", state=State.NOTE, said="none is configured: no tickets and no cases"
        )


async def _target(
    settings: Settings, part: ProviderSettings | DeskSettings, clock: Clock, timeout_s: float
) -> Finding:
    """Reach one provider or desk."""
    provider = isinstance(part, ProviderSettings)
    name = f"{'provider' if provider else 'desk'} {part.name}"
    alone = replace(
        settings,
        models=(),
        providers=(part,) if isinstance(part, ProviderSettings) else (),
        desks=() if isinstance(part, ProviderSettings) else (part,),
    )

    try:
        async with AsyncExitStack() as stack:
            targets = await open_targets(alone, clock, stack)
            check = (targets.providers if provider else targets.desks)[part.name].check
            said = await check(timeout_s=timeout_s)
    except SendFailed as failure:
        return Finding(
            part=name,
            state=State.FAILED,
            said=f"{failure.message} ({failure.reason})",
            next=advise(part, failure.reason),
        )
    except (InvalidSettings, RetryingAdapter) as error:
        return replace(_failed(name, error), next=f"Correct {place_of(part)} in router.yaml.")
    except RouterError as error:
        return _failed(name, error)
    except Exception as error:
        _logger.exception("the check of %s failed", name)
        return _failed(name, public_error(error))

    return Finding(part=name, state=State.OK, said=said)


def _failed(part: str, error: RouterError) -> Finding:
    """Return a coded error as a finding."""
    return Finding(
        part=part, state=State.FAILED, said=f"{error.message} ({error.code})", next=error.advice
    )
