"""`alerts:` in router.yaml: who is told of what, and when the daily digest is due."""

import base64
import binascii
import re
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, Strict

from mcp_router.domain.alert import AlertKind
from mcp_router.domain.secret import Secret
from mcp_router.fields import A_NAME, TARGET_NAME
from mcp_router.marked_yaml import YamlPath
from mcp_router.review import Form, Review, expect


class SinkKind(StrEnum):
    """How a sink wants its alerts."""

    WEBHOOK = "webhook"  # signed as Standard Webhooks
    SLACK = "slack"  # an incoming webhook of Slack


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """Where alerts go. The URL is a secret: of Slack it is the only one, others may hold a token.

    `secrets` sign a webhook, each for itself, so that a receiver can change to a new one.
    """

    name: str
    kind: SinkKind
    url: Secret
    events: frozenset[AlertKind]
    secrets: tuple[Secret, ...] = ()
    allow_private: bool = False
    ca_bundle: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """Everybody who is told; nobody by default. `digest_hour` is in UTC."""

    sinks: tuple[SinkSettings, ...] = ()
    digest_hour: int = 7


_VISIBLE = re.compile("[!-~]+")
_A_SECRET = "whsec_ and the base64 of 24 to 64 bytes"  # noqa: S105  # says what one looks like


def _address(value: str) -> str:
    """Return the URL of a receiver, or say which URLs there are; a query may be its token."""
    try:
        parts = urlsplit(value)
        sane = parts.port is None or parts.port > 0
    except ValueError:
        raise expect("an https:// URL") from None

    plain = not (parts.username or parts.password or parts.fragment)

    if not (parts.scheme in ("https", "http") and parts.hostname and sane and plain):
        raise expect("an https:// URL of a host, a path and perhaps a query")

    if not _VISIBLE.fullmatch(value):
        raise expect("an https:// URL without spaces and without letters beyond ASCII")

    return value


def _signing_secret(value: str) -> str:
    """Return the secret, or say what one looks like."""
    prefix, _, text = value.partition("_")

    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise expect(_A_SECRET) from None

    if prefix != "whsec" or not 24 <= len(key) <= 64:
        raise expect(_A_SECRET)

    return value


class _SinkForm(Form):
    kind: Annotated[SinkKind, Strict(False)]
    url: Annotated[str, AfterValidator(_address)]
    secrets: list[Annotated[str, AfterValidator(_signing_secret)]] = Field(default=[], max_length=4)
    events: list[Annotated[AlertKind, Strict(False)]] | None = Field(default=None, min_length=1)
    allow_private: bool = False
    ca_bundle: str | None = None


class _AlertsForm(Form):
    sinks: dict[str, object] = Field(default={})
    digest_hour: int = Field(default=7, ge=0, le=23)


def read_alerts(review: Review, folder: Path) -> AlertSettings:
    """Return the section's settings; paths start at `folder`."""
    if review.document.at(("alerts",)) is None:
        return AlertSettings()

    form = review.read(_AlertsForm, ("alerts",)) or _AlertsForm()
    read = (_sink(review, name, folder) for name in review.names(("alerts", "sinks")))
    sinks = tuple(one for one in read if one is not None)
    return AlertSettings(sinks=sinks, digest_hour=form.digest_hour)


def _sink(review: Review, name: str, folder: Path) -> SinkSettings | None:
    """Return one sink, None after keeping its problems."""
    path: YamlPath = ("alerts", "sinks", name)

    if not TARGET_NAME.fullmatch(name):
        review.add(path, A_NAME, at_key=True)

    form = review.read(_SinkForm, path)

    if form is None:
        return None

    if form.url.startswith("http:") and not form.allow_private:
        review.add((*path, "url"), "an https:// URL (http:// only with `allow_private: true`)")

    if form.kind is SinkKind.WEBHOOK and not form.secrets:
        review.add(path, "the key `secrets`, which is missing")

    if form.kind is SinkKind.SLACK and form.secrets:
        review.add((*path, "secrets"), "nothing: Slack's messages are not signed")

    return SinkSettings(
        name=name,
        kind=form.kind,
        url=Secret(form.url),
        events=frozenset(AlertKind if form.events is None else form.events),
        secrets=tuple(map(Secret, form.secrets)),
        allow_private=form.allow_private,
        ca_bundle=_bundle(review, path, folder, form.ca_bundle),
    )


def _bundle(review: Review, path: YamlPath, folder: Path, named: str | None) -> Path | None:
    """Return the file of certificates, after a look whether it is there."""
    if named is None:
        return None

    file = folder.absolute() / named

    try:
        there = file.is_file()
    except OSError:  # too long, or behind a folder that we may not enter
        there = False

    if not there:
        review.add((*path, "ca_bundle"), "a file that exists, as seen from the folder of this file")

    return file
