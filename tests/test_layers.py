"""The house stands: a file imports only from lower floors or its own folder, and nothing cycles."""

import sys
from graphlib import TopologicalSorter

import pytest

from tests.source_tree import Module, imports, modules

FLOORS = {
    # 0 ground. `policies` holds documents, no code.
    "": 0,
    "errors": 0,
    "clock": 0,
    "canonical": 0,
    "chain": 0,
    "http_date": 0,
    "domain": 0,
    "policies": 0,
    # 1 config
    "alerts_settings": 1,
    "audit_settings": 1,
    "environment": 1,
    "fields": 1,
    "ledger_settings": 1,
    "marked_yaml": 1,
    "model_settings": 1,
    "privacy_settings": 1,
    "review": 1,
    "settings": 1,
    "telemetry": 1,
    "telemetry_settings": 1,
    # 2 edges
    "storage": 2,
    "providers": 2,
    "desks": 2,
    "alerts": 2,
    "anchors": 2,
    # 3 judges
    "signals": 3,
    "policy": 3,
    "decide": 3,
    # 4 keepers
    "budget": 4,
    "cache": 4,
    "learning": 4,
    "ledger": 4,
    "audit": 4,
    "health": 4,
    "privacy": 4,
    "rollout": 4,
    # 5 actors
    "execute": 5,
    "router": 5,
    "actions": 5,
    "lookups": 5,
    # 6 studies
    "pipeline": 6,
    "shadow": 6,
    "replay": 6,
    "report": 6,
    "trial": 6,
    "advisor": 6,
    "services": 6,
    # 7 tools
    "tools": 7,
    # 8 faces
    "app": 8,
    "opening": 8,
    "serve": 8,
    "cli": 8,
    "__main__": 8,
}

SIDE_ROOMS = {"sandbox", "testing"}
SIDE_ROOM_CEILING = 2
SIDE_ROOM_USERS = {"cli"}  # besides tests, examples and benchmarks, which are not in the package

# The files of these floors lie in one folder with each other; the cycle test keeps them in order.
# On the ground that takes in `domain`, whose words the errors use.
ONE_FOLDER = (
    {"errors", "clock", "canonical", "chain", "domain"},
    {
        "alerts_settings",
        "audit_settings",
        "environment",
        "fields",
        "ledger_settings",
        "marked_yaml",
        "model_settings",
        "privacy_settings",
        "review",
        "settings",
        "telemetry_settings",
    },
)

# Steps between rooms of one floor, each with its reason. Everything else goes down.
SAME_FLOOR = {
    ("router", "execute"): "a walk runs its chain",
    ("actions", "execute"): "a walk runs its chain",
    ("lookups", "execute"): "a walk runs its chain",
    ("actions", "lookups"): "a write between two desks reads at the first",
    ("replay", "trial"): "both say what a decision comes to in the same words",
    ("serve", "app"): "a transport serves the application that `app` has wired",
    ("__main__", "cli"): "`python -m mcp_router` is the command line",
    ("app", "opening"): "the wiring opens what it wires",
    ("cli", "app"): "a command opens the application",
    ("cli", "serve"): "a command opens a transport",
}

# Where a dependency may be imported: one home each keeps it replaceable.
PYDANTIC_HOMES = (
    "alerts_settings", "audit_settings", "fields", "ledger.parcel", "ledger_settings",
    "model_settings", "privacy_settings", "review", "settings", "storage", "providers", "desks",
    "policy.draft", "tools", "serve", "sandbox", "telemetry_settings",
)  # fmt: skip
HOMES = {
    "click": ("cli",),
    "cryptography": ("audit.signing", "privacy.keys", "sandbox.certificate"),
    "genai_prices": ("providers.prices", "providers.rates"),
    "httpx2": ("alerts.post", "anchors.webhook", "providers.wire", "sandbox", "testing"),
    "jsonschema": ("decide.answer_checks", "policy.json_schema"),
    "mcp": ("serve", "cli"),
    "mcp_types": ("serve", "cli"),
    "opentelemetry": ("telemetry.otlp",),
    "presidio_analyzer": ("signals.presidio",),
    "pyarrow": ("audit.parquet",),
    "psycopg": ("storage.postgres",),
    "psycopg_pool": ("storage.postgres",),
    "pydantic": PYDANTIC_HOMES,
    "pydantic_core": PYDANTIC_HOMES,
    "referencing": ("decide.answer_checks", "policy.json_schema"),
    "requests": ("desks", "telemetry.otlp"),
    "rich": ("cli",),
    "simple_salesforce": ("desks.salesforce",),
    "sqlite_utils": ("storage",),
    "starlette": ("serve", "sandbox"),
    "urllib3": ("desks",),
    "uvicorn": ("serve", "sandbox"),
    "yaml": ("marked_yaml", "sandbox"),
    "zenpy": ("desks.zendesk",),  # GPLv3: this adapter and nothing else
}

# The judges are pure: what a call needs of these arrives as an argument.
JUDGES = {"signals", "policy", "decide"}
IMPURE = {
    "anyio", "asyncio", "http", "multiprocessing", "os", "random", "secrets", "socket", "sqlite3",
    "ssl", "subprocess", "threading", "time", "urllib", "uuid",
}  # fmt: skip

# Imports inside a function: only an optional dependency, in its one file, with the reason.
LATE_IMPORTS = {
    "mcp_router.signals.presidio": "Presidio is an extra, looked for only where it is asked for",
    "mcp_router.cli.export_file": "pyarrow is an extra, looked for only where Parquet is asked for",
    "mcp_router.storage.store": "psycopg is an extra, looked for only where `storage` needs it",
    "mcp_router.telemetry.otlp_extra": "the exporter is an extra, for those who send spans",
}


def room_of(name: str) -> str:
    return name.partition(".")[2].partition(".")[0]


def inside_refusal(importer: str, imported: str) -> str | None:
    """Return why one module of the package may not import another, None when it may."""
    here, there = room_of(importer), room_of(imported)
    if here == there:
        return None

    if there in SIDE_ROOMS:
        return None if here in SIDE_ROOM_USERS else "a side room serves the command line and tests"

    if here in SIDE_ROOMS:
        low = FLOORS[there] <= SIDE_ROOM_CEILING
        return None if low else f"a side room imports floors 0 to {SIDE_ROOM_CEILING}"

    if FLOORS[there] < FLOORS[here]:
        return None

    if FLOORS[there] > FLOORS[here]:
        return f"floor {FLOORS[here]} reaches up to floor {FLOORS[there]}"

    if any({here, there} <= folder for folder in ONE_FOLDER) or (here, there) in SAME_FLOOR:
        return None

    return f"rooms of floor {FLOORS[here]} do not know each other"


def outside_refusal(importer: str, imported: str) -> str | None:
    """Return why a module may not import something from outside the package, None when it may."""
    library = imported.partition(".")[0]
    here = room_of(importer)
    if here in JUDGES and library in IMPURE:
        return "judges are pure"

    if library == "sqlite3":
        return None if here == "storage" else "only storage touches the database"

    if library in sys.stdlib_module_names:
        return None

    if library == "anyio":
        above = FLOORS.get(here, SIDE_ROOM_CEILING) >= 2
        return None if above or here == "clock" else "floors 0 and 1 do not wait, but for the clock"

    if library not in HOMES:
        return "not a dependency with a home: add it to HOMES with its one place"

    below = importer.partition(".")[2]
    # `desks.zendesk` is also home to `desks.zendesk_writes`: one adapter in several files.
    at_home = any(
        below == home or below.startswith((f"{home}.", f"{home}_")) for home in HOMES[library]
    )
    return None if at_home else f"lives in {', '.join(HOMES[library])}"


def refusal(importer: str, imported: str) -> str | None:
    if imported.startswith("."):
        return "imports are absolute"

    inside = imported == "mcp_router" or imported.startswith("mcp_router.")
    return (inside_refusal if inside else outside_refusal)(importer, imported)


def test_every_room_has_a_floor() -> None:
    assert {module.room for module in modules()} - set(FLOORS) - SIDE_ROOMS == set()


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_imports_go_down(module: Module) -> None:
    refused = [
        f"{module.path}:{one.line} imports {one.module}: {why}"
        for one in imports(module)
        if (why := refusal(module.name, one.module))
    ]

    assert refused == []


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.name)
def test_imports_stand_at_the_top_of_their_file(module: Module) -> None:
    nested = [f"{module.path}:{one.line} {one.module}" for one in imports(module) if one.nested]

    assert nested == [] or module.name in LATE_IMPORTS


def test_imports_do_not_cycle() -> None:
    graph = {module.name: {one.module for one in imports(module)} for module in modules()}

    order = list(TopologicalSorter(graph).static_order())  # CycleError names the cycle

    assert set(graph) <= set(order)


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("mcp_router.domain.money", "mcp_router.settings"),
        ("mcp_router.telemetry.metrics", "mcp_router.settings"),
        ("mcp_router.storage.sqlite.actions", "mcp_router.ledger.machine"),
        ("mcp_router.providers.openai", "mcp_router.desks.session"),
        ("mcp_router.decide.score", "mcp_router.policy.source"),
        ("mcp_router.policy.source", "mcp_router.decide.score"),
        ("mcp_router.router", "mcp_router.actions"),
        ("mcp_router.execute.chain", "mcp_router.router"),
        ("mcp_router.tools.get_action", "mcp_router.app"),
        ("mcp_router.app", "mcp_router.serve.http"),
        ("mcp_router.sandbox.fleet", "mcp_router.decide.score"),
        ("mcp_router.sandbox.fleet", "mcp_router.testing"),
        ("mcp_router.serve.http", "mcp_router.sandbox.fleet"),
        ("mcp_router.domain.money", ".ids"),
        ("mcp_router.domain.money", "anyio"),
        ("mcp_router.settings", "anyio"),
        ("mcp_router.decide.score", "anyio"),
        ("mcp_router.policy.source", "time"),
        ("mcp_router.policy.source", "yaml"),
        ("mcp_router.providers.openai", "httpx2"),
        ("mcp_router.providers.wireless", "httpx2"),
        ("mcp_router.desks.workers", "zenpy"),
        ("mcp_router.ledger.machine", "sqlite3"),
        ("mcp_router.cli.main", "tools"),
        ("mcp_router.cli.main", "torch"),
    ],
)
def test_the_rules_refuse(importer: str, imported: str) -> None:
    assert refusal(importer, imported) is not None


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("mcp_router.errors", "mcp_router.domain.attempt"),
        ("mcp_router.clock", "anyio"),
        ("mcp_router.settings", "mcp_router.marked_yaml"),
        ("mcp_router.router", "mcp_router.execute.chain"),
        ("mcp_router.cli.demo", "mcp_router.sandbox.fleet"),
        ("mcp_router.sandbox.fleet", "mcp_router.settings"),
        ("mcp_router.desks.zendesk_transport", "zenpy.lib.api"),
        ("mcp_router.storage.sqlite.writer", "sqlite3"),
    ],
)
def test_the_rules_allow(importer: str, imported: str) -> None:
    assert refusal(importer, imported) is None
