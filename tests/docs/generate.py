"""The parts of the docs that are made from the code.

    python -m tests.docs.generate

rewrites every block in docs/*.md between `<!-- generated: NAME -->` and `<!-- end -->`; the tests
compare, so that a page which the code has left behind fails.
"""

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import click

from mcp_router import errors
from mcp_router.audit.export import COLUMNS
from mcp_router.cli.main import main
from mcp_router.domain.effect import Effect
from mcp_router.errors import RouterError, SendFailed
from mcp_router.sandbox.faults import FaultKind
from mcp_router.settings import ProviderKind, parse_settings
from mcp_router.telemetry import names
from mcp_router.telemetry.metrics import BUCKETS_S, HELP
from mcp_router.tools.registry import REGISTRY
from mcp_router.tools.tool import AnyTool
from tests.docs.policy_fields import policy_fields
from tests.docs.schemas import Row, rows

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
HELP_WIDTH = 88
EFFECTS = {
    Effect.READ: "read",
    Effect.IDEMPOTENT_WRITE: "a write that may be repeated",
    Effect.NON_IDEMPOTENT_WRITE: "a write that must not be repeated",
}
FAULTS = {
    FaultKind.REFUSE: ("no", "the next connection is reset before its TLS handshake"),
    FaultKind.DROP_BEFORE: ("no", "the request is read, then the connection is reset"),
    FaultKind.DROP_AFTER: ("yes", "the connection is reset without one byte of the answer"),
    FaultKind.LATE: (
        "after `delay_s`",
        "the connection is reset at once; the request is applied afterwards",
    ),
    FaultKind.SLOW: ("yes", "the answer comes after `delay_s`"),
    FaultKind.TWICE: ("twice", "the answer to the first; the second is done `delay_s` later"),
    FaultKind.STATUS: (
        "only if `applied` is true",
        "the answer is `status`, with `Retry-After` if `retry_after_s` is given",
    ),
    FaultKind.CUT: (
        "yes",
        "the answer begins, and the connection is reset in the middle of its body",
    ),
    FaultKind.GARBLED: ("yes", "the answer is a 2xx whose body is broken JSON"),
    FaultKind.REDIRECT: ("no", "the answer is a 307 to the same path"),
}


def tools() -> str:
    """Return every tool, in the order in which hosts see them."""
    summary = table(
        ["tool", "effect", "scope", "read-only", "destructive", "idempotent", "open world"],
        [
            [
                f"[`{tool.name}`](#{tool.name})",
                EFFECTS[tool.effect],
                f"`{tool.scope}`",
                _yes(tool.read_only),
                _yes(tool.destructive),
                _yes(tool.idempotent),
                _yes(tool.open_world),
            ]
            for tool in REGISTRY
        ],
    )
    return summary + "\n" + "\n".join(map(_tool, REGISTRY))


def _tool(tool: AnyTool) -> str:
    arguments = [
        [f"`{one.name}`", one.type, one.limits, _default(one), one.meaning]
        for one in rows(tool.arguments.model_json_schema())
    ]
    results = [
        [f"`{one.name}`", one.type, one.meaning]
        for one in rows(tool.result.model_json_schema(mode="serialization"))
    ]
    return (
        f"## {tool.name}\n\n{tool.description}\n\n"
        f"Arguments: {_first(tool.arguments)}\n\n"
        f"{table(['argument', 'type', 'limits', 'default', 'meaning'], arguments)}\n"
        f"Result: {_first(tool.result)}\n\n"
        f"{table(['field', 'type', 'meaning'], results)}"
    )


def _default(row: Row) -> str:
    if row.required:
        return "required"

    return "optional" if row.default is None else f"`{row.default}`"


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def codes() -> str:
    """Return every error that a host or an operator may see, by its place in the tree."""
    parts = []

    for branch in _branches():
        leaves = [one for one in _family(branch) if not _subclasses(one)]
        listed = [
            [f"`{one.code}`", _yes(one.retryable), _first(one), one.next_step] for one in leaves
        ]
        title = f"### {_first(branch)}\n\n" if _subclasses(branch) else ""
        parts.append(title + table(["code", "retryable", "meaning", "next step"], listed))

    return "\n".join(_joined(parts))


def _joined(parts: Sequence[str]) -> Iterator[str]:
    """Yield the branches with leaves, then one table of those that stand alone."""
    alone = [part for part in parts if not part.startswith("###")]
    yield from (part for part in parts if part.startswith("###"))
    body = [line for part in alone for line in part.splitlines()[2:]]
    heading = alone[0].splitlines()[:2]
    yield "### The router itself\n\n" + "\n".join([*heading, *body]) + "\n"


def _branches() -> list[type[RouterError]]:
    return [one for one in _subclasses(RouterError) if one is not SendFailed]


def _family(kind: type[RouterError]) -> list[type[RouterError]]:
    return [kind, *(found for child in _subclasses(kind) for found in _family(child))]


def _subclasses(kind: type[RouterError]) -> list[type[RouterError]]:
    """Return the direct children, in the order of errors.py."""
    members = [one for one in vars(errors).values() if isinstance(one, type)]
    return [one for one in members if kind in one.__bases__ and issubclass(one, RouterError)]


def commands() -> str:
    """Return the help of every command, as it is printed."""
    return "\n".join(_command(main, "mcp-router", None))


def _command(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=HELP_WIDTH,
        max_content_width=HELP_WIDTH,
        **({} if parent else command.context_settings),
    )
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"

    if isinstance(command, click.Group):
        for child in command.list_commands(context):
            yield from _command(command.commands[child], child, context)


def metrics() -> str:
    """Return what /metrics counts."""
    listed = [[f"`{name}`", kind, meaning] for name, (kind, meaning) in HELP.items()]
    bounds = ", ".join(f"{bound:g}" for bound in BUCKETS_S)
    return (
        table(["metric", "type", "meaning"], listed)
        + f"\nThe histogram's buckets end at {bounds} seconds.\n"
    )


def span_names() -> str:
    """Return the attributes of spans."""
    constants = {value for name, value in vars(names).items() if name.isupper()}
    listed = sorted(constants - {names.SCHEMA_URL, names.TARGET_SKIPPED})
    return "".join(f"- `{one}`\n" for one in listed)


def columns() -> str:
    """Return the columns of the CSV export, in order."""
    return "".join(f"{place}. `{name}`\n" for place, name in enumerate(COLUMNS, start=1))


def faults() -> str:
    """Return the kinds of faults."""
    listed = [[f"`{kind}`", *FAULTS[kind]] for kind in FaultKind]
    return table(["kind", "request applied?", "what the client sees"], listed)


def addresses() -> str:
    """Return where each kind of provider is found unless `base_url` says otherwise."""
    lines = [f"  {kind}: {{kind: {kind}, api_key: a-key}}" for kind in ProviderKind]
    text = "\n".join(["providers:", *lines])
    settings = parse_settings(text, file="router.yaml", environ={})
    listed = [[f"`{one.kind}`", f"`{one.base_url}`"] for one in settings.providers]
    return table(["kind", "default `base_url`"], listed)


BLOCKS: Mapping[str, Callable[[], str]] = {
    "tools": tools,
    "errors": codes,
    "commands": commands,
    "metrics": metrics,
    "policy-fields": policy_fields,
    "export-columns": columns,
    "span-names": span_names,
    "fault-kinds": faults,
    "provider-addresses": addresses,
}


def rewritten(text: str) -> str:
    """Return a page with every generated block as the code would write it now."""
    return BLOCK.sub(lambda found: f"{found[1]}{BLOCKS[found['name']]()}{found[3]}", text)


def table(heading: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [heading, ["---"] * len(heading), *body]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _first(kind: type) -> str:
    """Return the first paragraph of a docstring on one line."""
    return " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())


def write() -> list[str]:
    """Rewrite the pages that have changed, and return their names."""
    changed = []

    for page in sorted(DOCS.glob("*.md")):
        before = page.read_text(encoding="utf-8")
        after = rewritten(before)

        if after != before:
            page.write_text(after, encoding="utf-8")
            changed.append(page.name)

    return changed


if __name__ == "__main__":
    sys.stdout.write("".join(f"rewrote {name}\n" for name in write()) or "nothing has changed\n")
