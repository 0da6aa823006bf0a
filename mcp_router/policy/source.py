"""Where policies come from: the one file that reads policy documents."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from mcp_router.domain.policy import Policy
from mcp_router.errors import PolicyRejected, UnknownPolicy
from mcp_router.fields import POLICY_REFERENCE
from mcp_router.marked_yaml import MAX_BYTES, Problem, parse_yaml
from mcp_router.policy.build import build
from mcp_router.policy.catalog import Catalog
from mcp_router.policy.check import check
from mcp_router.policy.draft import Draft, read_draft
from mcp_router.review import Review, tell

_PACKAGED = "mcp_router.policies"
_NAME = re.compile("[a-z0-9][a-z0-9-]{0,63}")
_DOCUMENT = re.compile(r"([1-9][0-9]{0,8})\.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What reading a document gave: a policy, or at least one problem."""

    policy: Policy | None
    problems: tuple[Problem, ...]


def examine(
    content: bytes,
    *,
    file: str,
    name: str | None = None,
    version: int | None = None,
    catalog: Catalog | None = None,
) -> Examined:
    """Return the policy in `content`, or every problem with it; never raises for bad content.

    `file` is the name that problems carry. `name` and `version` are what the document's place
    promises; leave them out where it has none. With a `catalog` the policy must also fit to what
    router.yaml has.
    """
    document = parse_yaml(content, file=file)

    if document.problems and document.value is None:
        return Examined(policy=None, problems=document.problems)

    review = Review(document)
    draft = read_draft(review)
    check(draft, review, catalog)
    _check_place(draft, review, name, version)

    if review.problems or draft.head is None or draft.limits is None:
        return Examined(policy=None, problems=review.problems)

    digest = hashlib.sha256(content).hexdigest()
    return Examined(policy=build(draft, draft.head, draft.limits, digest=digest), problems=())


class PolicySource:
    """The policies of one folder, `<name>/<version>.yaml`; without a folder the packaged ones.

    A document is read once: what a reference meant first, it means until the process ends, so
    that one run never decides by two texts.
    """

    def __init__(self, folder: Path | None) -> None:
        """Remember the folder; nothing is read yet."""
        self._folder = folder
        self._loaded: dict[str, Policy] = {}

    def names(self) -> tuple[str, ...]:
        """Return the names that have at least one version, sorted."""
        folders = (entry.name for entry in _entries(self._root()) if _NAME.fullmatch(entry.name))
        return tuple(sorted(name for name in folders if self.versions(name)))

    def versions(self, name: str) -> tuple[int, ...]:
        """Return the versions of a policy, lowest first; an unknown name has none."""
        if not _NAME.fullmatch(name):
            return ()

        found = (_DOCUMENT.fullmatch(entry.name) for entry in _entries(self._root() / name))
        return tuple(sorted(int(match[1]) for match in found if match))

    def load(self, reference: str) -> Policy:
        """Return the policy that `name` (its highest version) or `name@version` stands for.

        Raises:
            UnknownPolicy: there is none; the message lists what there is.
            PolicyRejected: the document cannot be read, or has problems; names every one.
        """
        if reference not in self._loaded:
            self._loaded[reference] = self._read(*self._resolve(reference))

        return self._loaded[reference]

    def examine(self, reference: str, catalog: Catalog | None = None) -> Examined:
        """Return what reading that version gives, afresh and with every problem.

        Raises:
            UnknownPolicy: there is none; the message lists what there is.
            PolicyRejected: the document cannot be read at all.
        """
        return self._examine(*self._resolve(reference), catalog)

    def _resolve(self, reference: str) -> tuple[str, int]:
        """Return the name and version of a reference, both known to exist."""
        match = POLICY_REFERENCE.fullmatch(reference)
        versions = self.versions(match["name"]) if match else ()

        if match is None or not versions:
            known = ", ".join(self.names()) or "none"
            raise UnknownPolicy(f"There is no policy of that name; the policies are: {known}.")

        version = int(match["version"] or versions[-1])

        if version not in versions:
            known = ", ".join(str(each) for each in versions)
            raise UnknownPolicy(f"{match['name']} has no such version; it has: {known}.")

        return match["name"], version

    def _read(self, name: str, version: int) -> Policy:
        examined = self._examine(name, version)

        if examined.policy is None:
            raise PolicyRejected(tell(examined.problems))

        return examined.policy

    def _examine(self, name: str, version: int, catalog: Catalog | None = None) -> Examined:
        entry = self._root() / name / f"{version}.yaml"
        file = f"{self._folder or 'policies'}/{name}/{version}.yaml"

        try:
            with entry.open("rb") as stream:
                content = stream.read(MAX_BYTES + 1)
        except OSError as error:
            raise PolicyRejected(f"{file} cannot be read: {error.strerror}.") from None

        return examine(content, file=file, name=name, version=version, catalog=catalog)

    def _root(self) -> Traversable:
        return files(_PACKAGED) if self._folder is None else self._folder


def _entries(folder: Traversable) -> Iterator[Traversable]:
    """Yield what a folder holds; one that is not there, or closed to us, holds nothing."""
    try:
        yield from folder.iterdir()
    except OSError:
        return


def _check_place(draft: Draft, review: Review, name: str | None, version: int | None) -> None:
    """Check that a document says the name and version that its place promises."""
    if draft.head is None:
        return

    if name is not None and draft.head.name != name:
        review.add(("name",), f"{name}, the name of the folder")

    if version is not None and draft.head.version != version:
        review.add(("version",), f"{version}, the number in the file's name")
