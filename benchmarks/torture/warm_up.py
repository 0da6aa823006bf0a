"""Does once, in the nursery, what every server would otherwise do at its first call.

Libraries build schemas, regular expressions and tables when they are first used. A fork inherits
them, which halves the cost of a start; nothing of the product is changed by it.
"""

import contextlib
import importlib
import pkgutil
import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio
from mcp import Client

from benchmarks.torture import controls
from benchmarks.torture.desks import open_desks
from benchmarks.torture.place import Place, write_settings
from mcp_router.app import open_app
from mcp_router.canonical import JsonValue
from mcp_router.sandbox.certificate import make_certificate
from mcp_router.sandbox.loop_thread import LoopThread
from mcp_router.serve.mcp import build_server
from mcp_router.settings import load_settings

_TICKET = 101
_PATIENCE = 20  # a first call takes long, and a busy machine longer


_POSTGRES = "mcp_router.storage.postgres.database"


def warm_up() -> None:
    """Call every tool that is tortured once; afterwards this process has one thread again."""
    with contextlib.suppress(ImportError):  # an extra, which only runs over PostgreSQL need
        importlib.import_module(_POSTGRES)

    with TemporaryDirectory() as folder:
        anyio.run(_warm_up, Path(folder))

    assert threading.active_count() == 1, "a fork would lose what the other threads hold"


def import_controls() -> None:
    """Import the controls that can be imported here."""
    for module in pkgutil.iter_modules(controls.__path__):
        try:
            importlib.import_module(f"{controls.__name__}.{module.name}")
        except ImportError:
            continue  # its tool is not installed; the report says so


async def _warm_up(folder: Path) -> None:
    thread = LoopThread()
    thread.start()

    try:
        desks = await open_desks(thread, make_certificate(folder))

        try:
            place = Place(folder=folder, storage="sqlite:///router.db")
            write_settings(place, desks, patience=_PATIENCE)
            await _call_tools(place)
        finally:
            await desks.aclose()
    finally:
        thread.stop()


async def _call_tools(place: Place) -> None:
    calls: tuple[tuple[str, dict[str, JsonValue]], ...] = (
        ("create_ticket", {"subject": "Warm", "body": "Warm"}),
        ("add_internal_note", {"ticket_id": _TICKET, "body": "Warm"}),
        ("sync_ticket_to_crm", {"ticket_id": _TICKET}),
    )

    async with (
        open_app(load_settings(place.settings, {})) as app,
        Client(build_server(app)) as host,
    ):
        for tool, arguments in calls:
            result = await host.call_tool(tool, dict(arguments))
            assert not result.is_error, result
            assert result.structured_content is not None
            action = str(result.structured_content["action_id"])
            await host.call_tool("get_action", {"action_id": action})
