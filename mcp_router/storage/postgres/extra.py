"""Whether the optional PostgreSQL driver is installed; the only file here that works without it."""

from collections.abc import Callable
from importlib.util import find_spec

from mcp_router.errors import InvalidSettings

_DRIVER = ("psycopg", "psycopg_pool")


def require_extra(find: Callable[[str], object | None] = find_spec) -> None:
    """Return if the driver is there; to be asked before any other file of this folder is imported.

    Raises:
        InvalidSettings: `storage` names a PostgreSQL database and the extra is not installed.
    """
    if any(find(package) is None for package in _DRIVER):
        raise InvalidSettings(
            "storage: a postgresql:// URL needs the PostgreSQL driver, which is not installed.",
            next_step="Run `pip install 'mcp-support-router[postgres]'` and start again.",
        )
