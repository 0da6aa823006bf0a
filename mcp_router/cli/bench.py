"""What studies of a policy work with: documents, cases, the targets at hand and a log."""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mcp_router.audit.exported import exported_records
from mcp_router.canonical import JsonValue
from mcp_router.cli.common import find_config, is_folder
from mcp_router.clock import SystemClock
from mcp_router.domain.policy import Policy
from mcp_router.domain.policy_case import PolicyCase
from mcp_router.domain.record import StoredRecord
from mcp_router.domain.target import TargetFacts, TargetKind
from mcp_router.errors import FileUnusable, PolicyRejected, SettingsMissing
from mcp_router.execute.targets import Targets
from mcp_router.fields import POLICY_REFERENCE
from mcp_router.marked_yaml import MAX_BYTES
from mcp_router.policy.cases import read_cases
from mcp_router.policy.source import PolicySource, examine
from mcp_router.providers.prices import PriceBook
from mcp_router.review import tell
from mcp_router.sandbox.models.catalog import CATALOG
from mcp_router.settings import Settings, load_settings, parse_settings
from mcp_router.storage.store import POSTGRES, SQLITE, open_archive
from mcp_router.trial import FactsFor

DEFAULT_POLICY = "support"

STORE = "store"
"""Stands for the log of the configured storage."""

_SQLITE_HEAD = b"SQLite format 3\x00"
_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """The policies at hand and router.yaml, or the packaged policies where there is none."""

    source: PolicySource
    default: str
    settings: Settings | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of targets, and in words where that comes from."""

    facts: FactsFor
    told: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseFile:
    """The cases of one file; `file` is None for those that stand in the policy's document."""

    file: str | None
    cases: tuple[PolicyCase, ...]


def open_bench(config: Path | None) -> Bench:
    """Return where policies and targets come from.

    Raises:
        SettingsMissing: the named file is not there.
        InvalidSettings, MissingSecret: router.yaml cannot be used.
    """
    try:
        file = find_config(config, os.environ)
    except SettingsMissing:
        return Bench(source=PolicySource(None), default=DEFAULT_POLICY, settings=None)

    settings = load_settings(file, os.environ)
    return Bench(source=PolicySource(settings.policies), default=settings.policy, settings=settings)


def policy_of(bench: Bench, reference: str | None) -> Policy:
    """Return the policy of a NAME, a NAME@VERSION or a FILE; without any the configured one.

    Raises:
        UnknownPolicy, PolicyRejected: it is not there, or has problems; names every one.
        FileUnusable: the file cannot be read.
    """
    named = reference or bench.default
    match = POLICY_REFERENCE.fullmatch(named)

    if match and (bench.source.versions(match["name"]) or not Path(named).exists()):
        return bench.source.load(named)

    examined = examine(_content(Path(named)), file=named)

    if examined.policy is None:
        raise PolicyRejected(tell(examined.problems))

    return examined.policy


def case_files(folders: tuple[Path, ...]) -> Iterator[CaseFile]:
    """Yield the cases of every YAML file in the folders and below, by name; a file may be named.

    Raises:
        FileUnusable: there is no such folder, or no file in it, or one cannot be read or has
            problems; names every one of the file.
    """
    for folder in folders:
        found = (one for one in folder.rglob("*") if one.suffix in _SUFFIXES and one.is_file())
        files = sorted(found) if is_folder(folder) else [folder]

        if not files:
            raise FileUnusable(
                f"{folder} holds no cases.",
                next_step="Name a folder that holds YAML files with a list of `cases`.",
            )

        for file in files:
            read = read_cases(_content(file), file=str(file))

            if read.problems:
                raise FileUnusable(tell(read.problems))

            yield CaseFile(file=str(file), cases=read.cases)


def known_targets(bench: Bench) -> Known:
    """Return the targets and prices of router.yaml; where it names none, those of the sandbox.

    Nothing is connected to, and of no target's health anything is said.
    """
    settings = bench.settings
    told = "router.yaml"

    if settings is None or not (settings.models or settings.desks):
        settings = _sandbox_settings()
        told = "the sandbox's models, at list prices"

    targets = Targets(
        models={one.name: one for one in settings.models},
        providers={},
        desks={},
        prices=PriceBook(settings.providers, SystemClock()),
    )
    desks = {
        one.name: TargetFacts(
            name=one.name, kind=TargetKind.DESK, provider=one.name, family=one.name
        )
        for one in settings.desks
    }

    def facts(prompt_tokens: int) -> Mapping[str, TargetFacts]:
        return {**targets.model_facts(prompt_tokens), **desks}

    return Known(facts=facts, told=told)


@contextmanager
def open_log(
    bench: Bench, place: str, *, tenant: str | None, since_ms: int | None
) -> Iterator[Iterator[StoredRecord]]:
    """Yield the records of a log, one by one: of the store, a storage URL, a database or an export.

    Raises:
        SettingsMissing: the store is asked for, and there is no router.yaml.
        FileUnusable, StorageUnavailable: the log cannot be read.
    """
    url = _url(bench, place)

    if url is not None:
        with open_archive(url) as archive:
            yield archive.records(tenant, since_ms=since_ms)

        return

    try:
        with Path(place).open("rb") as lines:
            yield (
                one
                for one in exported_records(lines)
                if (tenant is None or one.record.tenant == tenant)
                and (since_ms is None or one.record.at_ms >= since_ms)
            )
    except OSError as error:
        raise _unreadable(Path(place), error) from None


def _url(bench: Bench, place: str) -> str | None:
    """Return the storage URL that a log stands for, None for a file of exported lines."""
    if place == STORE:
        if bench.settings is None:
            raise SettingsMissing("The log of the store is asked for, and there is no router.yaml.")

        return bench.settings.storage

    if place.startswith((SQLITE, *POSTGRES)):
        return place

    try:
        with Path(place).open("rb") as file:
            is_database = file.read(len(_SQLITE_HEAD)) == _SQLITE_HEAD
    except OSError as error:
        raise _unreadable(Path(place), error) from None

    return f"{SQLITE}{place}" if is_database else None


def _content(path: Path) -> bytes:
    """Return what a document or a file of cases holds, as much of it as one may have.

    Raises:
        FileUnusable: it cannot be read.
    """
    try:
        with path.open("rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> FileUnusable:
    return FileUnusable(
        f"{path} cannot be read: {error.strerror}.",
        next_step="Name a file that is there and that you may read.",
    )


def _sandbox_settings() -> Settings:
    """Return settings with the sandbox's models and desks, as their vendors price them."""
    kinds = sorted({one.kind.value for one in CATALOG})
    document: dict[str, JsonValue] = {
        "providers": {kind: {"kind": kind, "api_key": "none"} for kind in kinds},
        "models": {
            one.name: {"provider": one.kind.value, "model": one.model, "family": one.family}
            for one in CATALOG
        },
        "desks": {
            "zendesk": {
                "kind": "zendesk",
                "subdomain": "sandbox",
                "email": "nobody@example.com",
                "token": "none",
            },
            "salesforce": {
                "kind": "salesforce",
                "instance_url": "https://sandbox.my.salesforce.com",
                "client_id": "none",
                "client_secret": "none",
            },
        },
    }
    return parse_settings(json.dumps(document), file="the sandbox", environ={})
