"""`audit:` in router.yaml: which key signs tree heads, how often, and where they are anchored."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from mcp_router.domain.secret import Secret
from mcp_router.fields import Sha256, Url, matching
from mcp_router.review import Form, Review

KEY_FILE = "audit-key.pem"
"""What the key is called beside the database, or beside the settings of a PostgreSQL database."""

_SQLITE = "sqlite:///"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAnchor:
    """Heads are appended to a file, which should lie on another disk or be shipped away."""

    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputAnchor:
    """Heads are printed, for whoever collects the server's output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAnchor:
    """Heads are posted to a URL."""

    url: str


AnchorSettings: TypeAlias = FileAnchor | OutputAnchor | WebhookAnchor


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditSettings:
    """A head is signed every `head_every_s`, or sooner after `head_every_rows`, if the log grew.

    `key` is the key itself, for replicas that share one; without it the file is used.
    """

    key_file: Path
    key: Secret | None = None
    head_every_s: float = 3600.0
    head_every_rows: int = 10_000
    anchors: tuple[AnchorSettings, ...] = ()


class _AuditForm(Form):
    key: Sha256 | None = None  # as many digits as a SHA-256 has
    key_file: str | None = None
    head_every_s: float = Field(default=3600.0, ge=1, le=7 * 86_400)
    head_every_rows: int = Field(default=10_000, ge=1, le=10_000_000)
    anchors: list[object] | None = None


class _FileForm(Form):
    kind: Literal["file"]
    path: Annotated[str, matching(r"[^\x00-\x1f]+", "the path of a file")]


class _OutputForm(Form):
    kind: Literal["stdout"]


class _WebhookForm(Form):
    kind: Literal["webhook"]
    url: Url


def read_audit(review: Review, folder: Path, storage: str) -> AuditSettings:
    """Return the section's settings; relative paths start at `folder`."""
    beside = Path(storage.removeprefix(_SQLITE)).parent if storage.startswith(_SQLITE) else folder
    key_file = beside.absolute() / KEY_FILE

    if review.document.at(("audit",)) is None:
        return AuditSettings(key_file=key_file)

    form = review.read(_AuditForm, ("audit",)) or _AuditForm()
    return AuditSettings(
        key_file=folder.absolute() / form.key_file if form.key_file else key_file,
        key=Secret(form.key.lower()) if form.key else None,
        head_every_s=form.head_every_s,
        head_every_rows=form.head_every_rows,
        anchors=tuple(_anchors(review, folder)),
    )


def _anchors(review: Review, folder: Path) -> Iterator[AnchorSettings]:
    """Yield the anchors of the section."""
    anchors = review.document.at(("audit", "anchors"))

    for index in range(len(anchors) if isinstance(anchors, list) else 0):
        path = ("audit", "anchors", index)

        match review.document.at((*path, "kind")):
            case "file":
                if (file := review.read(_FileForm, path)) is not None:
                    yield FileAnchor(path=folder.absolute() / file.path)
            case "stdout":
                if review.read(_OutputForm, path) is not None:
                    yield OutputAnchor()
            case "webhook":
                if (hook := review.read(_WebhookForm, path)) is not None:
                    yield WebhookAnchor(url=hook.url)
            case _:
                review.add((*path, "kind"), "an anchor's key `kind`: file, stdout or webhook")
