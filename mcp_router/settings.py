"""`router.yaml` and the environment, checked and frozen: what this installation is made of."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field, Strict

from mcp_router.alerts_settings import AlertSettings, read_alerts
from mcp_router.audit_settings import AuditSettings, read_audit
from mcp_router.domain.caller import Scope
from mcp_router.domain.secret import Secret
from mcp_router.domain.target import ModelTarget
from mcp_router.environment import fill_in, protect_variables
from mcp_router.errors import InvalidSettings, MissingSecret, SettingsMissing
from mcp_router.fields import (
    Email,
    Key,
    Name,
    PolicyReference,
    Sha256,
    Storage,
    Subdomain,
    Text,
    Url,
    named,
    rooted,
)
from mcp_router.ledger_settings import LedgerSettings, read_ledger
from mcp_router.marked_yaml import MAX_BYTES, YamlPath, parse_yaml
from mcp_router.model_settings import read_models
from mcp_router.privacy_settings import PrivacySettings, read_privacy
from mcp_router.review import Form, Review, tell
from mcp_router.telemetry_settings import TelemetrySettings, read_telemetry


class ProviderKind(StrEnum):
    """The wire formats that the router speaks to models."""

    ANTHROPIC = "anthropic"
    OPENAI = "openai"
    GEMINI = "gemini"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """One account at one provider of models; `base_url` has no slash at its end."""

    name: str
    kind: ProviderKind
    api_key: Secret
    base_url: str
    ca_bundle: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ZendeskSettings:
    """One Zendesk account, entered with an agent's e-mail address and an API token."""

    name: str
    email: str
    token: Secret
    base_url: str
    ca_bundle: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SalesforceSettings:
    """One Salesforce org, entered with OAuth client credentials."""

    name: str
    instance_url: str
    client_id: str
    client_secret: Secret
    ca_bundle: Path | None = None


DeskSettings: TypeAlias = ZendeskSettings | SalesforceSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSettings:
    """One bearer token for HTTP: only its SHA-256 (lower-case hexadecimal) is kept."""

    name: str
    tenant: str
    principal: str
    scopes: frozenset[Scope]
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of `router.yaml`; `policies` is None for the packaged ones.

    `storage` is a sqlite URL with an absolute path, or a postgresql URL, which may hold a
    password and so stays out of the text of these settings.
    """

    storage: str = field(repr=False)
    policy: str
    audit: AuditSettings
    policies: Path | None = None
    providers: tuple[ProviderSettings, ...] = ()
    models: tuple[ModelTarget, ...] = ()
    tokens: tuple[TokenSettings, ...] = ()
    desks: tuple[DeskSettings, ...] = ()
    ledger: LedgerSettings = field(default_factory=LedgerSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    privacy: PrivacySettings = field(default_factory=PrivacySettings)


def load_settings(path: Path, environ: Mapping[str, str]) -> Settings:
    """Return the settings in the file at `path`.

    Raises:
        SettingsMissing: there is no such file.
        InvalidSettings, MissingSecret: as `parse_settings`; the first also for an unreadable file.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise SettingsMissing(f"There is no {path}.") from None
    except OSError as error:
        raise InvalidSettings(f"{path} cannot be read: {error.strerror}.") from None

    return _settings(content, file=str(path), environ=environ)


def parse_settings(text: str, *, file: str, environ: Mapping[str, str]) -> Settings:
    """Return the settings in `text`; relative paths start at the folder of `file`.

    `${NAME}` inside a value stands for an environment variable; an empty one counts as missing.

    Raises:
        InvalidSettings: all problems at once, a line each, with file, line and column.
        MissingSecret: nothing else is wrong, but variables are missing; names each and its place.
    """
    return _settings(text.encode("utf-8", "replace"), file=file, environ=environ)


def _settings(content: bytes, *, file: str, environ: Mapping[str, str]) -> Settings:
    """Parse, fill in the environment and check, in this order."""
    marked = parse_yaml(protect_variables(content), file=file)

    if marked.problems and marked.value is None:
        raise InvalidSettings(tell(marked.problems))

    document, missing = fill_in(marked, environ)
    review = Review(document)
    settings = _read(review, Path(file).parent, environ)
    # What is missing reads as empty text, which other checks complain about at the same place.
    places = {(problem.line, problem.column) for problem in missing}
    other = tuple(p for p in review.problems if (p.line, p.column) not in places)

    if other:
        raise InvalidSettings(tell(other + missing))

    if missing:
        raise MissingSecret(tell(missing))

    return settings


class _ProviderForm(Form):
    kind: Annotated[ProviderKind, Strict(False)]
    api_key: Key
    base_url: Url | None = None
    ca_bundle: str | None = None


class _TokenForm(Form):
    name: Name
    tenant: Name
    principal: Text
    scopes: list[Annotated[Scope, Strict(False)]] = Field(min_length=1)
    sha256: Sha256


class _ZendeskForm(Form):
    kind: Literal["zendesk"]
    subdomain: Subdomain | None = None
    email: Email
    token: Key
    base_url: Url | None = None
    ca_bundle: str | None = None


class _SalesforceForm(Form):
    kind: Literal["salesforce"]
    instance_url: Url
    client_id: Key
    client_secret: Key
    ca_bundle: str | None = None


class _RootForm(Form):
    storage: Storage = "sqlite:///router.db"
    policy: PolicyReference = "support"
    policies: str | None = None
    providers: dict[str, object] | None = None
    models: dict[str, object] | None = None
    tokens: list[object] | None = None
    desks: dict[str, object] | None = None
    ledger: dict[str, object] | None = None
    telemetry: dict[str, object] | None = None
    alerts: dict[str, object] | None = None
    privacy: dict[str, object] | None = None
    audit: dict[str, object] | None = None


_BASE_URLS: Mapping[ProviderKind, str] = {
    ProviderKind.ANTHROPIC: "https://api.anthropic.com",
    ProviderKind.OPENAI: "https://api.openai.com/v1",
    ProviderKind.GEMINI: "https://generativelanguage.googleapis.com",
}


def _read(review: Review, folder: Path, environ: Mapping[str, str]) -> Settings:
    """Return the settings; they are complete only where the review has no problems."""
    root = review.read(_RootForm, ()) or _RootForm()
    storage = rooted(root.storage, folder)
    return Settings(
        storage=storage,
        policy=root.policy,
        policies=_place(review, ("policies",), folder, what="folder"),
        providers=tuple(_providers(review, folder)),
        models=tuple(read_models(review)),
        tokens=tuple(_tokens(review)),
        desks=tuple(_desks(review, folder)),
        ledger=read_ledger(review),
        telemetry=read_telemetry(review),
        alerts=read_alerts(review, folder),
        privacy=read_privacy(review, environ),
        audit=read_audit(review, folder, storage),
    )


def _place(
    review: Review, path: YamlPath, folder: Path, *, what: Literal["file", "folder"]
) -> Path | None:
    """Return the absolute path that the text at `path` means, after a look whether it is there."""
    value = review.document.at(path)

    if not isinstance(value, str):
        return None

    result = folder.absolute() / value

    try:
        there = result.is_file() if what == "file" else result.is_dir()
    except OSError:  # too long, or behind a folder that we may not enter
        there = False

    if not there:
        review.add(path, f"a {what} that exists, as seen from the folder of this file")

    return result


def _providers(review: Review, folder: Path) -> Iterator[ProviderSettings]:
    for name, path in named(review, "providers"):
        form = review.read(_ProviderForm, path)

        if form is not None:
            yield ProviderSettings(
                name=name,
                kind=form.kind,
                api_key=Secret(form.api_key),
                base_url=form.base_url or _BASE_URLS[form.kind],
                ca_bundle=_place(review, (*path, "ca_bundle"), folder, what="file"),
            )


def _desks(review: Review, folder: Path) -> Iterator[DeskSettings]:
    models = review.names(("models",))

    for name, path in named(review, "desks"):
        if name in models:  # a policy's pool could not tell them apart
            review.add(path, "a name that no model has", at_key=True)

        kind = review.document.at((*path, "kind"))

        if kind == "salesforce":
            desk: DeskSettings | None = _salesforce(review, folder, name, path)
        elif kind == "zendesk":
            desk = _zendesk(review, folder, name, path)
        else:
            desk = None
            review.add((*path, "kind"), "a desk with the key `kind`: zendesk or salesforce")

        if desk is not None:
            yield desk


def _zendesk(review: Review, folder: Path, name: str, path: YamlPath) -> ZendeskSettings | None:
    form = review.read(_ZendeskForm, path)

    if form is None:
        return None

    if form.base_url is None and form.subdomain is None:
        review.add(path, "the key `subdomain` (or `base_url`), which is missing")

    return ZendeskSettings(
        name=name,
        email=form.email,
        token=Secret(form.token),
        base_url=form.base_url or f"https://{form.subdomain}.zendesk.com",
        ca_bundle=_place(review, (*path, "ca_bundle"), folder, what="file"),
    )


def _salesforce(
    review: Review, folder: Path, name: str, path: YamlPath
) -> SalesforceSettings | None:
    form = review.read(_SalesforceForm, path)

    if form is None:
        return None

    return SalesforceSettings(
        name=name,
        instance_url=form.instance_url,
        client_id=form.client_id,
        client_secret=Secret(form.client_secret),
        ca_bundle=_place(review, (*path, "ca_bundle"), folder, what="file"),
    )


def _tokens(review: Review) -> Iterator[TokenSettings]:
    tokens = review.document.at(("tokens",))
    names: set[str] = set()
    digests: set[str] = set()

    for index in range(len(tokens) if isinstance(tokens, list) else 0):
        form = review.read(_TokenForm, ("tokens", index))

        if form is None:
            continue

        if form.name in names:
            review.add(("tokens", index, "name"), "a name that no other token has")

        if form.sha256.lower() in digests:  # one secret would have two owners
            review.add(("tokens", index, "sha256"), "a SHA-256 that no other token has")

        names.add(form.name)
        digests.add(form.sha256.lower())
        yield TokenSettings(
            name=form.name,
            tenant=form.tenant,
            principal=form.principal,
            scopes=frozenset(form.scopes),
            sha256=form.sha256.lower(),
        )
