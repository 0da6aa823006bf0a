"""mcp-router policy: check documents before they are released, and read them."""

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from mcp_router.canonical import plain
from mcp_router.cli.bench import Bench, open_bench
from mcp_router.cli.common import EXIT_FAILED, Commands, config_option, is_folder, json_option
from mcp_router.cli.policy_show import show_policy
from mcp_router.cli.printing import table_console
from mcp_router.clock import SystemClock
from mcp_router.decide.wording import count
from mcp_router.errors import (
    FileUnusable,
    MissingSecret,
    PolicyRejected,
    RouterError,
    UnknownPolicy,
)
from mcp_router.fields import POLICY_REFERENCE
from mcp_router.marked_yaml import MAX_BYTES, Problem
from mcp_router.policy.catalog import Catalog
from mcp_router.policy.schema import policy_schema
from mcp_router.policy.source import Examined, PolicySource, examine
from mcp_router.providers.prices import PriceBook

_SHORT_PROMPT = 1  # some models charge more for long ones; a budget must pay a short one at least


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A document by `name@version` or by its file, and its problems."""

    document: str
    ok: bool
    problems: tuple[Problem, ...]


@click.group(cls=Commands)
def policy() -> None:
    """Check and read policies: the documents that say where calls go."""


@policy.command()
@click.argument("documents", nargs=-1, metavar="[NAME|FILE|FOLDER]...")
@config_option
@json_option
def check(documents: tuple[str, ...], config: Path | None, as_json: bool) -> None:
    """Tell every problem of policies at once, each with its file, line and column.

    A document is named as NAME (every version of it), NAME@VERSION, or a FILE that need not be
    released yet; a FOLDER holds documents as NAME/VERSION.yaml. Without any, all policies of
    router.yaml are checked, or the packaged ones where there is no router.yaml. Where there is one,
    the names of models and desks and the prices are checked too. The exit code is 1 when something
    is wrong.
    """
    found = tuple(_check(documents, config))
    checked = tuple(one for one in found if isinstance(one, Checked))
    unread = tuple(one for one in found if isinstance(one, RouterError))
    wrong = len(unread) + sum(not one.ok for one in checked)

    if as_json and checked:
        click.echo(json.dumps({"ok": not wrong, "documents": plain(checked)}))
    else:
        _tell(checked)

    if unread:
        raise _as_one(unread)

    if wrong:
        sys.exit(EXIT_FAILED)


@policy.command()
@click.argument("reference", required=False, metavar="[NAME[@VERSION]]")
@config_option
@json_option
def show(reference: str | None, config: Path | None, as_json: bool) -> None:
    """Show a policy as a person reads it: what customers want, what can serve it, which rule wins.

    Without a version the highest one is shown, without a name the configured policy.
    """
    bench = open_bench(config)
    shown = bench.source.load(reference or bench.default)

    if as_json:
        click.echo(json.dumps(plain(shown)))
    else:
        show_policy(table_console(), shown)


@policy.command()
def schema() -> None:
    """Print the JSON Schema of policy documents, for editors that complete and check YAML."""
    click.echo(policy_schema(), nl=False)


def _check(documents: tuple[str, ...], config: Path | None) -> Iterator[Checked | RouterError]:
    """Yield each document's problems, in the order in which they were named.

    What cannot be read at all is an error in its place, so that it hides no other's problems.
    """
    if not documents:
        bench = open_bench(config)
        yield from _check_all(bench.source, "The policies folder", _catalog(bench))
        return

    for document in documents:
        if POLICY_REFERENCE.fullmatch(document):
            bench = open_bench(config)
            yield from _check_name(bench.source, document, _catalog(bench))
        else:
            yield from _check_path(Path(document), _catalog_for_files(config))


def _catalog(bench: Bench) -> Catalog | None:
    """Return what router.yaml has to send calls to, at the prices of short prompts."""
    settings = bench.settings

    if settings is None:
        return None

    prices = PriceBook(settings.providers, SystemClock())
    return Catalog(
        models={model.name: prices.price(model, _SHORT_PROMPT) for model in settings.models},
        desks=frozenset(desk.name for desk in settings.desks),
    )


def _catalog_for_files(config: Path | None) -> Catalog | None:
    """Return the catalog for documents that stand anywhere; an author may hold no credentials."""
    try:
        return _catalog(open_bench(config))
    except MissingSecret:
        return None


def _check_name(
    source: PolicySource, reference: str, catalog: Catalog | None
) -> Iterator[Checked | RouterError]:
    """Check the versions that a reference means; a word that is no policy may be a folder."""
    name, _, version = reference.partition("@")
    versions = source.versions(name)

    if not versions and Path(reference).exists():
        yield from _check_path(Path(reference), catalog)
    elif version or not versions:
        yield _check_one(source, reference, catalog)
    else:
        for one in versions:
            yield _check_one(source, f"{name}@{one}", catalog)


def _check_one(
    source: PolicySource, reference: str, catalog: Catalog | None
) -> Checked | RouterError:
    try:
        return _checked(reference, source.examine(reference, catalog))
    except (UnknownPolicy, PolicyRejected) as error:
        return error


def _check_path(path: Path, catalog: Catalog | None) -> Iterator[Checked | RouterError]:
    """Check one file, or every document of a folder."""
    if is_folder(path):
        yield from _check_all(PolicySource(path), str(path), catalog)
        return

    try:
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except OSError as error:
        yield FileUnusable(
            f"{path} cannot be read: {error.strerror}.",
            next_step="Name a policy, or a file or folder that you may read.",
        )
    else:
        yield _checked(str(path), examine(content, file=str(path), catalog=catalog))


def _check_all(
    source: PolicySource, where: str, catalog: Catalog | None
) -> Iterator[Checked | RouterError]:
    """Check every version of every policy."""
    names = source.names()

    if not names:
        yield FileUnusable(
            f"{where} holds no policy.",
            next_step="Name a folder that holds documents as NAME/VERSION.yaml.",
        )

    for name in names:
        yield from _check_name(source, name, catalog)


def _checked(document: str, examined: Examined) -> Checked:
    return Checked(document=document, ok=examined.policy is not None, problems=examined.problems)


def _as_one(errors: tuple[RouterError, ...]) -> RouterError:
    """Return all that could not be read as one error: of the first one's kind."""
    told = "\n".join(error.message for error in errors)
    return type(errors[0])(told, next_step=errors[0].advice)


def _tell(checked: tuple[Checked, ...]) -> None:
    """Print a line for each problem, in a form that editors turn into links, and a verdict."""
    for one in checked:
        for problem in one.problems:
            click.echo(str(problem))

    for one in checked:
        click.echo(f"{one.document}: {_verdict(one)}")


def _verdict(checked: Checked) -> str:
    return "ok" if checked.ok else f"rejected, {count(len(checked.problems), 'problem')}"
